//! The rows of a batch to the store: many of them as two parts at the same time.

use bytes::Bytes;

use crate::record::{SourceId, Table};
use crate::store::places::parts;
use crate::store::{Store, StoreError};

/// Stores rows under a token. `tried` is their source where they may have been stored before, wholly or in part.
pub fn insert_batch(
    store: &Store,
    table: &'static Table,
    rows: Vec<u8>,
    token: &str,
    tried: Option<SourceId>,
) -> Result<(), StoreError> {
    let mut parts = parts(table, Bytes::from(rows), token).into_iter();
    std::thread::scope(|scope| {
        let own = parts.next();
        let others: Vec<_> = parts
            .map(|(rows, token)| scope.spawn(move || store.insert_part(table, rows, &token, tried)))
            .collect();
        let own = own.map(|(rows, token)| store.insert_part(table, rows, &token, tried));
        for other in others {
            match other.join() {
                Ok(done) => done?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        own.unwrap_or(Ok(()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{
        AccountText, AccountToken, Place, RowBinary, Tabled, Timestamp, Tokens, WebHit,
    };
    use crate::store::scratch::Scratch;

    struct Zeroes;
    impl Tokens for Zeroes {
        fn token(&mut self, _: &AccountText) -> AccountToken {
            AccountToken([0; 16])
        }
    }

    const SOURCE: SourceId = SourceId([3; 16]);

    fn hits(frames: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let mut tokens = Zeroes;
        let mut rows = RowBinary::new(&mut tokens);
        for frame in frames {
            let hit = WebHit {
                path: "/a long path ".repeat(12).into(),
                ..WebHit::at(Timestamp::from_seconds(1_772_446_500 + frame as i64))
            };
            let place = Place {
                source: SOURCE,
                frame,
                ordinal: 0,
            };
            rows.row(place, &hit);
        }
        rows.into_bytes()
    }

    #[test]
    fn a_batch_in_two_parts_is_stored_once_whatever_was_stored_of_it_before() {
        let Some(scratch) = Scratch::open() else {
            return;
        };
        let store = &scratch.store;
        let rows = hits(1..=80_000);
        let stored = || store.emptied(WebHit::TABLE).unwrap();
        let insert = |tried| insert_batch(store, WebHit::TABLE, rows.clone(), "t", tried).unwrap();
        // One part was taken before the try broke off, or comes to its end only now: its token is the same.
        let before = parts(WebHit::TABLE, Bytes::from(rows.clone()), "t");
        for (part, token) in before {
            store
                .insert(WebHit::TABLE, part.to_vec(), Some(&token))
                .unwrap();
            insert(Some(SOURCE));
            store
                .insert(WebHit::TABLE, part.to_vec(), Some(&token))
                .unwrap();
            insert(Some(SOURCE));
            assert_eq!(stored(), 80_000);
        }
        // Rows of an older cut are there under another token.
        store
            .insert(WebHit::TABLE, hits(1..=50_000), Some("older"))
            .unwrap();
        insert(Some(SOURCE));
        assert_eq!(stored(), 80_000);
    }
}
