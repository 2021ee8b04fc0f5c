//! What the ledger says to be stored is on the disk for good: the engine syncs each part before it answers.

use std::time::{Duration, Instant};

use invigil::record::{
    AccountText, AccountToken, Place, RowBinary, SourceId, Timestamp, Tokens, WebHit, table,
};
use invigil::store::{Params, Sql, Store};

use crate::check::store_of;
use crate::home::Home;
use crate::kills::asked;

struct NoTokens;
impl Tokens for NoTokens {
    fn token(&mut self, _: &AccountText) -> AccountToken {
        AccountToken([0; 16])
    }
}

const SYNCED: Sql = Sql::embedded(
    "test/synced",
    "SELECT countIf(value = '1') AS synced FROM system.merge_tree_settings WHERE name IN ('fsync_after_insert', 'fsync_part_directory')",
);
const NOT_SYNCED: Sql = Sql::embedded(
    "test/not_synced",
    "ALTER TABLE web_hits MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0",
);

/// `INVIGIL_BATCHES=40` measures what it costs.
#[test]
fn a_part_is_synced_before_its_insert_is_answered() {
    let Some(home) = Home::with_engine("durable") else {
        return;
    };
    home.ends(0, &["store", "migrate"]);
    let store = store_of(&home);
    let answer = store.bytes(SYNCED, &Params::new(), "TSV").unwrap();
    assert_eq!(answer, b"2\n");
    let batches = asked("INVIGIL_BATCHES", 0);
    if batches == 0 {
        return;
    }
    insert(&store, 0);
    let synced = (1..=batches)
        .map(|batch| insert(&store, batch))
        .sum::<Duration>();
    store.run(NOT_SYNCED, &Params::new()).unwrap();
    let unsynced = (1..=batches)
        .map(|batch| insert(&store, 1000 + batch))
        .sum::<Duration>();
    println!("{batches} batches of {ROWS} rows: {synced:?} synced, {unsynced:?} not");
}

const ROWS: u64 = 70_000;

#[expect(
    clippy::disallowed_methods,
    reason = "a test measures how fast this machine is"
)]
fn insert(store: &Store, batch: u64) -> Duration {
    let mut tokens = NoTokens;
    let mut rows = RowBinary::new(&mut tokens);
    for frame in 0..ROWS {
        let hit = WebHit {
            host: format!("host{}.example", frame % 900).into(),
            path: format!("/page/{batch}/{frame}").into(),
            ..WebHit::at(Timestamp::from_seconds(1_772_440_000 + frame.cast_signed()))
        };
        let place = Place {
            source: SourceId([9; 16]),
            frame: batch * ROWS + frame,
            ordinal: 0,
        };
        rows.row(place, &hit);
    }
    let rows = rows.into_bytes();
    let since = Instant::now();
    store
        .insert(table("web_hits").unwrap(), rows, Some(&format!("{batch}")))
        .unwrap();
    since.elapsed()
}
