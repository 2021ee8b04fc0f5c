use serde::Deserialize;

use super::scratch::Scratch;
use super::*;
use crate::record::{
    AccountText, AccountToken, EVENT_TABLES, PLACELESS_TABLES, Place, REGISTER_TABLES, RowBinary,
    SourceId, Timestamp, Tokens, WebHit,
};

const COUNT: Sql = Sql::embedded(
    "test/count",
    "SELECT count() AS n, groupArray(host) AS hosts FROM web_hits",
);

#[derive(Debug, Deserialize)]
struct Counted {
    n: u64,
    hosts: Vec<String>,
}

struct Constant;
impl Tokens for Constant {
    fn token(&mut self, _: &AccountText) -> AccountToken {
        AccountToken([0xab; 16])
    }
}

fn hits(hosts: &[&str]) -> Vec<u8> {
    let mut tokens = Constant;
    let mut rows = RowBinary::new(&mut tokens);
    for (frame, host) in (1u64..).zip(hosts) {
        let hit = WebHit {
            host: (*host).into(),
            ..WebHit::at(Timestamp::from_seconds(1_772_446_500))
        };
        rows.row(
            Place {
                source: SourceId([1; 16]),
                frame,
                ordinal: 0,
            },
            &hit,
        );
    }
    rows.into_bytes()
}

#[test]
fn a_batch_goes_in_once_however_often_it_is_sent() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    let web = crate::record::table("web_hits").unwrap();
    store
        .insert(
            web,
            hits(&["a.example", "b.example"]),
            Some("s:1:2:web_hits"),
        )
        .unwrap();
    store
        .insert(
            web,
            hits(&["a.example", "b.example"]),
            Some("s:1:2:web_hits"),
        )
        .unwrap();
    let rows: Vec<Counted> = store.rows(COUNT, &Params::new()).unwrap();
    assert_eq!(rows[0].n, 2);
    assert_eq!(rows[0].hosts, ["a.example", "b.example"]);
    assert_eq!(store.migrate().unwrap(), []);
}

#[test]
fn the_schema_has_the_columns_that_the_records_declare() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const COLUMNS: Sql = Sql::embedded(
        "test/columns",
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
    );
    #[derive(Deserialize)]
    struct Found {
        name: String,
        #[serde(rename = "type")]
        kind: String,
    }
    for table in EVENT_TABLES
        .iter()
        .chain(REGISTER_TABLES)
        .chain(PLACELESS_TABLES)
    {
        let found: Vec<Found> = scratch
            .store
            .rows(COLUMNS, &Params::new().text("table", table.name))
            .unwrap();
        let found: Vec<(String, String)> = found
            .into_iter()
            .map(|column| (column.name, column.kind))
            .collect();
        let place = [
            ("source_id", "FixedString(16)"),
            ("frame", "UInt64"),
            ("ordinal", "UInt32"),
        ];
        let place = place.into_iter().filter(|_| table.has_place());
        let declared: Vec<(String, String)> = place
            .chain(
                table
                    .columns
                    .iter()
                    .map(|column| (column.name, column.store_type)),
            )
            .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
            .collect();
        assert_eq!(found, declared, "{}", table.name);
    }
}
