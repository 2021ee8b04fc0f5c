//! Which realms and domains of accounts mean the same, as the operator says.
//!
//! `HAWTHORN\j.bloggs`, `j.bloggs@hawthorn.example` and `j.bloggs` are three accounts unless somebody who knows says otherwise: taken for one
//! wrongly, two people become one and either is blamed for the other; taken for three, an answer is disputed and can be put right.

use std::collections::BTreeMap;

use super::AccountText;

/// Which realms mean the same. By default none do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realms {
    /// Each name of a realm, with the name that stands for all of its group.
    first: BTreeMap<String, String>,
}

/// The realms that are said to be the same contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RealmsError {
    /// A realm is in two groups.
    #[error("the realm {0:?} stands twice in [accounts] same_realms: name it in one group, once")]
    Twice(String),
    /// A group says nothing.
    #[error(
        "a group in [accounts] same_realms has fewer than two names: give all the names of one realm"
    )]
    Alone,
    /// What is no realm.
    #[error("{0:?} in [accounts] same_realms is no realm: leave out the account, `@` and `\\`")]
    NoRealm(String),
}

impl Realms {
    /// Takes groups of names of one realm each. The empty name stands for accounts that are written without a realm.
    pub fn new(groups: &[Vec<String>]) -> Result<Self, RealmsError> {
        let mut first = BTreeMap::new();
        for group in groups {
            let names: Vec<String> = group
                .iter()
                .map(|name| name.trim().to_lowercase())
                .collect();
            // The name that stands for all is the first that is one.
            let Some(lead) = names.iter().find(|name| !name.is_empty()) else {
                return Err(RealmsError::Alone);
            };
            if names.len() < 2 {
                return Err(RealmsError::Alone);
            }
            for name in &names {
                if name.contains(['@', '\\', '/']) {
                    return Err(RealmsError::NoRealm(name.clone()));
                }
                if first.insert(name.clone(), lead.clone()).is_some() {
                    return Err(RealmsError::Twice(name.clone()));
                }
            }
        }
        Ok(Realms { first })
    }

    /// The account as tokens are made of it: where its realm is one of several names of the same, by the name that stands for all.
    pub fn normal(&self, account: &AccountText) -> String {
        let name = account.normal();
        if self.first.is_empty() {
            return name;
        }
        let (local, realm) = match (name.split_once('\\'), name.rsplit_once('@')) {
            // `DOMAIN\user@realm`: two realms, of which nobody said which counts.
            (Some(_), Some(_)) => return name,
            (Some((realm, local)), None) | (None, Some((local, realm))) => (local, realm),
            (None, None) => (&*name, ""),
        };
        match self.first.get(realm) {
            Some(lead) if !local.is_empty() => format!("{local}@{lead}"),
            _ => name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn realms(groups: &[&[&str]]) -> Result<Realms, RealmsError> {
        let groups: Vec<Vec<String>> = groups
            .iter()
            .map(|group| group.iter().map(|name| (*name).to_owned()).collect())
            .collect();
        Realms::new(&groups)
    }

    fn normal(realms: &Realms, name: &str) -> String {
        realms.normal(&AccountText::new(name).unwrap())
    }

    #[test]
    fn unless_somebody_says_so_no_two_realms_are_the_same() {
        let none = Realms::default();
        let names = [
            "HAWTHORN\\J.Bloggs",
            "j.bloggs@hawthorn.example",
            "j.bloggs",
        ];
        for name in names {
            assert_eq!(normal(&none, name), name.to_lowercase());
        }
    }

    #[test]
    fn realms_that_are_said_to_be_the_same_name_one_account_and_others_do_not() {
        let said = realms(&[
            &["HAWTHORN", "hawthorn.example", ""],
            &["oak.example", "OAK"],
        ])
        .unwrap();
        for name in [
            "Hawthorn\\J.Bloggs",
            "j.bloggs@HAWTHORN.example",
            " j.bloggs ",
        ] {
            assert_eq!(normal(&said, name), "j.bloggs@hawthorn");
        }
        assert_eq!(normal(&said, "OAK\\j.bloggs"), "j.bloggs@oak.example");
        for other in [
            "j.bloggs@elm.example",
            "hawthorn\\j.bloggs@oak.example",
            "j.bloggs@sub.hawthorn.example",
        ] {
            assert_eq!(normal(&said, other), other);
        }
        let machine = AccountText::new("HAWTHORN\\PC1$").unwrap();
        let as_said = AccountText::new(said.normal(&machine)).unwrap();
        assert!(machine.is_no_person() && as_said.is_no_person());
    }

    #[test]
    fn what_contradicts_itself_or_says_nothing_is_refused() {
        assert_eq!(
            realms(&[&["a", "b"], &["c", "A"]]),
            Err(RealmsError::Twice("a".to_owned()))
        );
        assert_eq!(realms(&[&["a"]]), Err(RealmsError::Alone));
        assert_eq!(realms(&[&["", ""]]), Err(RealmsError::Alone));
        assert!(matches!(
            realms(&[&["a", "j@b"]]),
            Err(RealmsError::NoRealm(_))
        ));
    }
}
