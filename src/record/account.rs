//! Names of people and the tokens that stand for them.
//!
//! A name in clear is an [`AccountText`]; it can not be printed by accident. The store gets an
//! [`AccountToken`], made with a key that lies outside the store.

use std::fmt;
use std::net::IpAddr;

use super::Mac;

/// The name of an account or a mailbox as the source wrote it. Its `Debug` shows nothing, so that it reaches no log and no panic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountText(String);

impl AccountText {
    /// Takes a name. An empty one, the usual dash and the identity that hides a name from the networks on the way (RFC 7542, 2.4:
    /// `anonymous@realm`, `@realm`) are no name.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let local = name.split_once('@').map_or(&*name, |(local, _)| local);
        let hidden = local.trim().is_empty() || local.trim().eq_ignore_ascii_case("anonymous");
        // Gateways write the address where they have no name.
        let bare = name.trim();
        let like_address = bare.contains(':')
            || bare
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let address = || like_address && bare.parse::<IpAddr>().is_ok();
        (!hidden && name != "-" && !address()).then_some(AccountText(name))
    }

    /// Whether the name tells of itself that no person bears it: machines (`PC1$`, `host/pc1.school.example`), cards let in by their
    /// address alone, accounts that Windows has for itself, and those that systems come with (`root`, `administrator`). This is the one place where that is decided, for all sources; what
    /// only a school can know (`exams`, `library`) its register of accounts says.
    pub fn is_no_person(&self) -> bool {
        let name = self.normal();
        // An SMTP address of such a form is a mailbox, but no program signs in by one; a realm or a domain may stand on either side.
        let name = name.rsplit_once('\\').map_or(&*name, |(_, name)| name);
        let local = name.split_once('@').map_or(name, |(local, _)| local);
        let numbered = |prefix| {
            local
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
        };
        // Twelve decimal digits alone are more likely a pupil's number than a card.
        let card =
            || local.bytes().any(|byte| !byte.is_ascii_digit()) && Mac::parse(local).is_some();
        local.ends_with('$')
            || local.starts_with("host/")
            || numbered("dwm-")
            || numbered("umfd-")
            || NO_PERSON.contains(&local)
            || card()
    }

    /// The name in clear. Each caller answers for where it goes.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The name as tokens are made of it: without case and without surrounding blanks, as directories compare names.
    pub fn normal(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

impl fmt::Debug for AccountText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountText(withheld)")
    }
}

/// What stands for an account in the store: 16 bytes of a keyed hash, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountToken(pub [u8; 16]);

/// Accounts that systems have for themselves or come with, whoever uses them.
const NO_PERSON: [&str; 12] = [
    "root",
    "administrator",
    "admin",
    "guest",
    "system",
    "local service",
    "network service",
    "anonymous logon",
    "iusr",
    "krbtgt",
    "local system",
    "localsystem",
];

/// How the token of a name begins that no person bears; of one that a person does it does not.
const NO_PERSON_MARK: [u8; 4] = [0xff; 4];

impl AccountToken {
    /// The token of a name by its keyed hash. That the name is no person's can be seen from the token: who weighs evidence has no names.
    pub fn of(account: &AccountText, hash: [u8; 16]) -> Self {
        let mut token = AccountToken(hash);
        let [first, second, third, fourth, ..] = &mut token.0;
        if account.is_no_person() {
            [*first, *second, *third, *fourth] = NO_PERSON_MARK;
        } else if [*first, *second, *third, *fourth] == NO_PERSON_MARK {
            *first = 0;
        }
        token
    }

    /// Whether the name behind it is one that no person bears ([`AccountText::is_no_person`]).
    pub fn is_no_person(&self) -> bool {
        self.0.starts_with(&NO_PERSON_MARK)
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .map(|value| AccountToken(value.to_be_bytes()))
    }
}

impl AccountToken {
    /// The 32 digits as they stand in the store: each row has them, so they are made without the machinery of printing.
    pub fn digits(&self) -> [u8; 32] {
        let mut digits = [b'0'; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0x0f]) {
                *digit = if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + nibble - 10
                };
            }
        }
        digits
    }
}

impl fmt::Display for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for AccountToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountToken({self})")
    }
}

/// Something that turns names into tokens with a key, and may remember them for the table of names.
pub trait Tokens {
    /// The token of this name.
    fn token(&mut self, account: &AccountText) -> AccountToken;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_show_in_debug_output() {
        let account = AccountText::new("j.bloggs").unwrap();
        assert!(!format!("{account:?}").contains("bloggs"));
        assert_eq!(AccountText::new("-"), None);
    }

    #[test]
    fn names_that_no_person_bears_are_told_by_themselves_and_by_their_tokens() {
        for name in [
            "PC1$",
            "HAWTHORN\\PC1$",
            "pc1$@hawthorn.example",
            "host/pc1.hawthorn.example",
            "NT AUTHORITY\\SYSTEM",
            "ANONYMOUS LOGON",
            "DWM-1",
            "UMFD-12",
            "02-00-00-00-16-2a",
            "02000000162A",
            "0200.0000.162a",
            "Administrator",
            "root",
        ] {
            let account = AccountText::new(name).unwrap();
            assert!(account.is_no_person(), "{name}");
            assert!(AccountToken::of(&account, [7; 16]).is_no_person(), "{name}");
        }
        for name in [
            "j.bloggs",
            "HAWTHORN\\j.bloggs",
            "j.bloggs@hawthorn.example",
            "dwm-jones",
            "hostetler",
            "systema",
            "012345678901",
            "a$b",
        ] {
            let account = AccountText::new(name).unwrap();
            assert!(!account.is_no_person(), "{name}");
            assert!(
                !AccountToken::of(&account, [0xff; 16]).is_no_person(),
                "{name}"
            );
        }
    }

    #[test]
    fn an_identity_that_hides_the_name_is_no_name() {
        for name in [
            "",
            "-",
            " ",
            "anonymous",
            "Anonymous@hawthorn.example",
            "@hawthorn.example",
            "10.1.2.3",
            "2001:db8::1",
        ] {
            assert_eq!(AccountText::new(name), None, "{name}");
        }
        assert!(AccountText::new("anonymouse@hawthorn.example").is_some());
    }

    #[test]
    fn a_token_is_read_as_it_is_printed() {
        let token = AccountToken([7; 16]);
        assert_eq!(AccountToken::parse(&token.to_string()), Some(token));
        assert_eq!(AccountToken::parse("07"), None);
        let token = AccountToken([
            0x0f, 0xa9, 0x10, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x9a,
        ]);
        assert_eq!(token.digits().as_slice(), token.to_string().as_bytes());
    }
}
