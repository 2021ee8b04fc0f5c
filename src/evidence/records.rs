//! The store as evidence sees it: candidates, addresses, and the records of chosen rows, by fixed statements.
//!
//! Which statement writes which class of data stands here; a test holds that no statement names a
//! column that its class does not allow.

use crate::casework::{DataClass, Wanted};
use crate::record::Class;

/// A statement that writes records, and what it is for.
pub(crate) struct Writes {
    pub(crate) wanted: Wanted,
    /// The least class of data that it needs.
    pub(crate) class: DataClass,
    pub(crate) id: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! writes {
    ($($wanted:ident $class:ident $id:literal $file:literal;)*) => {
        &[$( Writes {
            wanted: Wanted::$wanted,
            class: DataClass::$class,
            id: $id,
            text: include_str!($file),
        }, )*]
    };
}

/// For each kind of record, the statement of the widest class first.
pub(crate) static WRITES: &[Writes] = writes! {
    ConnectionRecords Content "evidence/connection_records_content" "../../queries/evidence/connection_records_content.sql";
    ConnectionRecords Icr "evidence/connection_records_icr" "../../queries/evidence/connection_records_icr.sql";
    WebRecords Content "evidence/web_records_content" "../../queries/evidence/web_records_content.sql";
    WebRecords Icr "evidence/web_records_icr" "../../queries/evidence/web_records_icr.sql";
    SignIns Entity "evidence/sign_ins" "../../queries/evidence/sign_ins.sql";
    Subscriber Entity "evidence/subscriber" "../../queries/evidence/subscriber.sql";
};

/// Whether a column of this class may go out under an authorisation for that class of data.
pub(crate) fn allowed(column: Class, authorised: DataClass) -> bool {
    let least = match column {
        Class::Local => return false,
        Class::Entity => DataClass::Entity,
        Class::Events => DataClass::Events,
        Class::Icr => DataClass::Icr,
        Class::Content => DataClass::Content,
    };
    least <= authorised
}

/// The statement that writes these records with all that the class allows.
pub(crate) fn writes(wanted: Wanted, class: DataClass) -> Option<&'static Writes> {
    WRITES
        .iter()
        .find(|writes| writes.wanted == wanted && writes.class <= class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::export::table_of;

    #[test]
    fn every_statement_names_the_columns_that_its_class_allows_and_no_others() {
        for writes in WRITES {
            let body: Vec<&str> = writes
                .text
                .lines()
                .filter(|line| !line.starts_with("--"))
                .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
                .collect();
            for column in table_of(writes.wanted).unwrap().columns {
                assert_eq!(
                    body.contains(&column.name),
                    allowed(column.class, writes.class),
                    "{} and {}",
                    writes.id,
                    column.name
                );
            }
        }
    }

    #[test]
    fn communications_data_never_gets_the_statement_with_content() {
        let ends_with = |wanted, class| writes(wanted, class).map(|writes| writes.id);
        assert_eq!(
            ends_with(Wanted::WebRecords, DataClass::Icr),
            Some("evidence/web_records_icr")
        );
        assert_eq!(ends_with(Wanted::WebRecords, DataClass::Events), None);
        assert_eq!(
            ends_with(Wanted::SignIns, DataClass::Content),
            Some("evidence/sign_ins")
        );
    }
}
