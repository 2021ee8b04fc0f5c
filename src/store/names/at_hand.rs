//! Tokens of names at hand, by the name as it is written.
//!
//! Each line of a log asks here, and a log of many people asks for another one each time: most of what it costs is waiting for
//! memory. So a name lies in its entry as long as it fits, and what is compared is what was fetched anyway.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::record::AccountToken;

/// Names and their tokens. Names are anybody's choice, so the hash has a seed of its own.
#[derive(Default)]
pub(super) struct AtHand {
    short: HashMap<[u8; WIDTH], AccountToken, RandomState>,
    long: HashMap<String, AccountToken, RandomState>,
}

/// A short name and, in the last byte, its length.
const WIDTH: usize = 32;

impl AtHand {
    /// The token of this name, if it is at hand.
    pub(super) fn get(&self, name: &str) -> Option<AccountToken> {
        match short(name) {
            Some(key) => self.short.get(&key).copied(),
            None => self.long.get(name).copied(),
        }
    }

    /// Keeps a token.
    pub(super) fn insert(&mut self, name: &str, token: AccountToken) {
        match short(name) {
            Some(key) => self.short.insert(key, token),
            None => self.long.insert(name.to_owned(), token),
        };
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }
}

fn short(name: &str) -> Option<[u8; WIDTH]> {
    let mut key = [0; WIDTH];
    let (last, place) = key.split_last_mut()?;
    place
        .get_mut(..name.len())?
        .copy_from_slice(name.as_bytes());
    *last = u8::try_from(name.len()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_anything_have_tokens_of_their_own() {
        let names = [
            String::new(),
            "\0".to_owned(),
            "j.bloggs".to_owned(),
            "j.bloggs\0".to_owned(),
            "J.Bloggs".to_owned(),
            "x".repeat(31),
            "x".repeat(32),
            "x".repeat(33),
            "é".repeat(15),
            "é".repeat(16),
        ];
        let mut at_hand = AtHand::default();
        for (number, name) in (0u8..).zip(&names) {
            assert_eq!(at_hand.get(name), None);
            at_hand.insert(name, AccountToken([number; 16]));
        }
        for (number, name) in (0u8..).zip(&names) {
            assert_eq!(at_hand.get(name), Some(AccountToken([number; 16])));
        }
        assert_eq!(at_hand.len(), names.len());
        at_hand.clear();
        assert_eq!((at_hand.len(), at_hand.get("j.bloggs")), (0, None));
    }
}
