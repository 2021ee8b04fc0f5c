//! What goes in comes out: rows, values, errors, in bounded memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

use super::*;
use crate::record::{EVENT_TABLES, Encoder, PLACELESS_TABLES, REGISTER_TABLES};

/// Every column of a table with one extreme of its type, written by the same encoder that records use.
fn extremes(table: &'static Table, high: bool) -> Vec<u8> {
    let mut tokens = Constant;
    let mut row = RowBinary::new(&mut tokens);
    struct All(&'static Table, bool);
    impl Record for All {
        fn table(&self) -> &'static Table {
            self.0
        }
        fn write<E: Encoder>(&self, encoder: &mut E) {
            for column in self.0.columns {
                encoder.begin(column, false);
                let kind = column.store_type;
                match kind
                    .strip_prefix("Array(")
                    .and_then(|rest| rest.strip_suffix(')'))
                {
                    Some(inner) => {
                        let len = if self.1 { 300 } else { 0 };
                        encoder.array(len);
                        for _ in 0..len {
                            value(encoder, inner, self.1);
                        }
                        encoder.array_end();
                    }
                    None => value(encoder, kind, self.1),
                }
            }
        }
    }
    fn value<E: Encoder>(encoder: &mut E, kind: &str, high: bool) {
        match kind {
            "UInt8" => encoder.u8(if high { u8::MAX } else { 0 }),
            "UInt16" => encoder.u16(if high { u16::MAX } else { 0 }),
            "UInt32" => encoder.u32(if high { u32::MAX } else { 0 }),
            "UInt64" => encoder.u64(if high { u64::MAX } else { 0 }),
            "Float64" => encoder.f64(if high { f64::MAX } else { 0.0 }),
            "Bool" => encoder.flag(high),
            "FixedString(16)" => encoder.source(SourceId([if high { 0xff } else { 0 }; 16])),
            "Map(LowCardinality(String), UInt64)" if high => {
                encoder.sums(&BTreeMap::from([("bad_time", u64::MAX), ("empty", 0)]));
            }
            "Map(LowCardinality(String), UInt64)" => encoder.sums(&BTreeMap::new()),
            "IPv6" if high => encoder.ip(IpAddr::V6(Ipv6Addr::from(u128::MAX))),
            "IPv6" => encoder.ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
            "DateTime64(6, 'UTC')" => encoder.time(if high {
                Timestamp::MAX
            } else {
                Timestamp::default()
            }),
            "String" | "LowCardinality(String)" if high => {
                encoder.text("é\0\n\t\\'\"`🦉 -- ; {x:String}")
            }
            "String" | "LowCardinality(String)" => encoder.text(""),
            other => panic!("no extreme for {other}"),
        }
    }
    let record = All(table, high);
    if !table.has_place() {
        row.placeless(&record);
    } else {
        let frame = if high { u64::MAX } else { 1 };
        row.row(
            Place {
                source: SourceId([if high { 0xff } else { 0 }; 16]),
                frame,
                ordinal: u32::MAX,
            },
            &record,
        );
    }
    row.into_bytes()
}

#[test]
fn every_table_gives_back_what_it_was_given() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    macro_rules! all {
        ($($name:literal)*) => { [$( ($name, Sql::embedded($name, concat!("SELECT * FROM ", $name))), )*] };
    }
    let selects = all! {
        "flows" "web_hits" "dns_queries" "mail_events" "sign_ins" "leases" "translations" "rejects"
        "establishments" "networks" "links" "accounts" "devices" "findings" "sources"
    };
    let tables = || {
        EVENT_TABLES
            .iter()
            .chain(REGISTER_TABLES)
            .chain(PLACELESS_TABLES)
    };
    assert_eq!(selects.len(), tables().count());
    for table in tables() {
        let (low, high) = (extremes(table, false), extremes(table, true));
        store.insert(table, low.clone(), None).unwrap();
        store.insert(table, high.clone(), None).unwrap();
        let (_, select) = selects
            .iter()
            .find(|(name, _)| *name == table.name)
            .unwrap();
        let answer = store.bytes(*select, &Params::new(), "RowBinary").unwrap();
        let either = [[low.clone(), high.clone()].concat(), [high, low].concat()];
        assert!(either.contains(&answer), "{}", table.name);
    }
}

#[test]
fn a_batch_goes_in_once_however_often_it_is_sent() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    for token in ["s:1:2:web_hits", "s:1:2:web_hits", "s:3:4:web_hits"] {
        store
            .insert(web_hits(), hits(&["a.example", "b.example"]), Some(token))
            .unwrap();
    }
    const COUNT: Sql = Sql::embedded("test/count", "SELECT count() AS n FROM web_hits");
    #[derive(Deserialize)]
    struct Counted {
        n: u64,
    }
    let rows: Vec<Counted> = store.rows(COUNT, &Params::new()).unwrap();
    assert_eq!(rows[0].n, 4);
}

#[test]
fn times_of_many_months_go_in_with_one_batch() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let hits: Vec<WebHit<'_>> = (0..300)
        .map(|month| WebHit::at(NOW.plus_seconds(month * 31 * 86_400)))
        .collect();
    scratch
        .store
        .insert(web_hits(), encoded((1..).map(place).zip(&hits)), None)
        .unwrap();
}

#[test]
fn values_reach_the_store_as_they_are() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const ECHO: Sql = Sql::embedded(
        "test/echo",
        "SELECT {text:String} AS text, {texts:Array(String)} AS texts, {number:UInt64} AS number,
                toUnixTimestamp64Micro(fromUnixTimestamp64Micro({time:Int64}, 'UTC')) AS time,
                toString({ip:IPv6}) AS ip, arrayMap(i -> toString(i), {ips:Array(IPv6)}) AS ips, {numbers:Array(UInt8)} AS numbers",
    );
    #[derive(Debug, Deserialize, PartialEq)]
    struct Echo {
        text: String,
        texts: Vec<String>,
        number: u64,
        time: i64,
        ip: String,
        ips: Vec<String>,
        numbers: Vec<u8>,
    }
    let odd = [
        "",
        "'",
        "\\",
        "\\'",
        "a\tb\nc\rd\0e",
        "'); DROP TABLE flows; --",
        "é🦉",
        "{x:String}",
        "\\N",
        "--b",
        "[1,2]",
    ];
    let (v4, v6) = (
        IpAddr::from([192, 0, 2, 9]),
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]),
    );
    for text in odd {
        let params = Params::new()
            .text("text", text)
            .texts("texts", odd)
            .number("number", u64::MAX)
            .time("time", NOW)
            .ip("ip", v4)
            .ips("ips", [v4, v6])
            .numbers("numbers", [1u8, 255]);
        let rows: Vec<Echo> = scratch.store.rows(ECHO, &params).unwrap();
        let expected = Echo {
            text: text.to_owned(),
            texts: odd.map(str::to_owned).to_vec(),
            number: u64::MAX,
            time: NOW.micros(),
            ip: "::ffff:192.0.2.9".to_owned(),
            ips: vec!["::ffff:192.0.2.9".to_owned(), "2001:db8::1".to_owned()],
            numbers: vec![1, 255],
        };
        assert_eq!(rows, [expected]);
    }
}

#[test]
fn a_hundred_thousand_values_are_not_too_many() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const LENGTHS: Sql = Sql::embedded(
        "test/lengths",
        "SELECT length({ips:Array(IPv6)}), uniqExact(arrayJoin({texts:Array(String)}))",
    );
    let params = Params::new()
        .ips(
            "ips",
            (0..100_000u32).map(|n| IpAddr::from(n.to_be_bytes())),
        )
        .texts("texts", (0..100_000).map(|n| format!("'{n}'")));
    let answer = scratch.store.bytes(LENGTHS, &params, "CSV").unwrap();
    assert_eq!(answer, b"100000,100000\n");
}

#[test]
fn an_error_names_the_statement_and_its_code_but_no_value() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let refused = |text: &'static str| {
        let error = scratch
            .store
            .bytes(
                Sql::embedded("test/refused", text),
                &Params::new().text("v", "j.bloggs"),
                "CSV",
            )
            .unwrap_err();
        (error.code(), error.to_string())
    };
    let (code, text) = refused("SELECT nope FROM web_hits");
    assert_eq!(code, Some(47));
    assert!(
        text.contains("test/refused") && text.contains("nope"),
        "{text}"
    );
    let (code, text) = refused("SELECT 1 FROM nowhere");
    assert_eq!(code, Some(60), "{text}");
    let (code, text) = refused("SELECT toUInt8({v:String})");
    assert_eq!(code, Some(6), "{text}");
    assert!(!text.contains("bloggs"), "{text}");
    // A read changes no setting that is fixed and reaches no file, and rows that are cut off are refused.
    let (code, text) = refused("SELECT 1 SETTINGS join_algorithm = 'grace_hash'");
    assert_eq!(code, Some(36), "{text}");
    let (code, text) = refused(
        "SELECT * FROM (SELECT * FROM file('/etc/hostname', 'LineAsString') SETTINGS readonly = 0)",
    );
    assert_eq!(code, Some(36), "{text}");
    let (code, text) = refused("SELECT * FROM file('/etc/hostname', 'LineAsString')");
    assert_eq!(code, Some(164), "{text}");
    let mut torn = hits(&["a.example"]);
    torn.pop();
    let error = scratch.store.insert(web_hits(), torn, None).unwrap_err();
    assert!(error.code().is_some(), "{error}");
    assert!(
        scratch
            .store
            .bytes(
                Sql::embedded("x", "SELECT * FROM web_hits"),
                &Params::new(),
                "CSV"
            )
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_failure_after_the_first_rows_is_told() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const LATE: Sql = Sql::embedded(
        "test/late",
        "SELECT number, throwIf(number = 30000000) FROM (SELECT number FROM system.numbers LIMIT 40000000)",
    );
    let mut got = Vec::new();
    let error = scratch
        .store
        .stream(LATE, &Params::new(), "CSV", &mut got)
        .unwrap_err();
    assert!(!got.is_empty());
    assert_eq!(error.code(), Some(395), "{error}");
}

#[test]
fn three_million_rows_pass_in_and_out_in_bounded_memory() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    // One piece many times over: making the rows is not what is tried here.
    const ROWS: u64 = 3_000_000;
    let hits: Vec<WebHit<'_>> = (0..10_000)
        .map(|row| WebHit {
            host: format!("h{}.example", row % 500).into(),
            path: format!("/a/path/of/some/length/{row}").into(),
            bytes_received: Some(row),
            ..WebHit::at(NOW.plus_seconds(i64::try_from(row).unwrap()))
        })
        .collect();
    let piece = encoded((1..).map(place).zip(&hits));
    let mut highest = 0;
    let pieces = (0..ROWS / 10_000).map(|_| {
        highest = highest.max(resident());
        piece.clone()
    });
    let before = resident();
    scratch
        .store
        .insert_streamed(web_hits(), pieces, None)
        .unwrap();
    let grown = highest.saturating_sub(before);
    // The engine gathers rows into blocks of bounded size; nine million rows take no more than this.
    assert!(grown < 700 << 20, "grew by {grown} bytes on the way in");
    let before = resident();
    struct Lines(u64, u64);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 = self.1.max(resident());
            self.0 += u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut lines = Lines(0, 0);
    const ALL: Sql = Sql::embedded("test/all", "SELECT * FROM web_hits");
    scratch
        .store
        .stream(ALL, &Params::new(), "CSVWithNames", &mut lines)
        .unwrap();
    assert_eq!(lines.0, ROWS + 1);
    // The answer is some 500 MB.
    let grown = lines.1.saturating_sub(before);
    assert!(grown < 150 << 20, "grew by {grown} bytes on the way out");
}

/// How much memory this process has, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
