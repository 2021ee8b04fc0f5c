//! Names of people and the tokens that stand for them.
//!
//! A name in clear is an [`AccountText`]; it can not be printed by accident. The store gets an
//! [`AccountToken`], made with a key that lies outside the store.

use std::fmt;

/// The name of an account or a mailbox as the source wrote it. Its `Debug` shows nothing, so that it reaches no log and no panic.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountText(String);

impl AccountText {
    /// Takes a name; an empty one or the usual dash is no name.
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        (!name.is_empty() && name != "-").then_some(AccountText(name))
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

impl AccountToken {
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
