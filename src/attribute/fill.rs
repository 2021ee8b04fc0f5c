//! For tests: puts rows that stand in JSON lines into a store. The file's name is the table's.
//!
//! A column that a line does not name is empty. `"repeat": 20, "step_seconds": 60` stands for twenty
//! rows, each a minute later. `frame` is counted for the file.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Map, Value};

use crate::record::{Column, Table, Timestamp, table, to_store_ip};
use crate::store::Store;

/// Fills the store with every file of a folder, in the order of their names, and says with how many rows.
pub(crate) fn fill(store: &Store, folder: &Path) -> u64 {
    let mut rows = 0;
    for (table, frames, count) in read(folder) {
        store.insert(table, frames.concat(), None).unwrap();
        rows += count;
    }
    rows
}

/// The same rows at the same places, the last first, each by itself.
pub(crate) fn fill_backwards(store: &Store, folder: &Path) {
    for (table, frames, _) in read(folder).into_iter().rev() {
        for rows in frames.into_iter().rev() {
            store.insert(table, rows, None).unwrap();
        }
    }
}

/// The rows of each file, line by line, and how many they are.
fn read(folder: &Path) -> Vec<(&'static Table, Vec<Vec<u8>>, u64)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    assert!(!files.is_empty(), "{} holds no rows", folder.display());
    let mut all = Vec::new();
    for (number, path) in files.iter().enumerate() {
        let table = table(path.file_stem().unwrap().to_str().unwrap()).unwrap();
        let source = [u8::try_from(number).unwrap() + 1; 16];
        let text = std::fs::read_to_string(path).unwrap();
        let (mut lines, mut frame) = (Vec::new(), 0);
        for line in text.lines() {
            let mut rows = Vec::new();
            let Value::Object(object) = serde_json::from_str(line).unwrap() else {
                panic!("{line}")
            };
            let count = object
                .get("repeat")
                .map_or(1, |value| value.as_i64().unwrap());
            let step = object
                .get("step_seconds")
                .map_or(0, |value| value.as_i64().unwrap());
            for index in 0..count {
                frame += 1;
                rows.extend_from_slice(&source);
                rows.extend_from_slice(&u64::to_le_bytes(frame));
                rows.extend_from_slice(&[0; 4]);
                row(&mut rows, table, &object, index * step);
            }
            lines.push(rows);
        }
        all.push((table, lines, frame));
    }
    all
}

fn row(out: &mut Vec<u8>, table: &'static Table, object: &Map<String, Value>, later: i64) {
    for name in object
        .keys()
        .filter(|name| !["repeat", "step_seconds"].contains(&name.as_str()))
    {
        let known = table.columns.iter().any(|column| column.name == name);
        assert!(known, "{} has no column {name}", table.name);
    }
    for column in table.columns {
        value(
            out,
            column,
            column.store_type,
            object.get(column.name),
            later,
        );
    }
}

fn value(out: &mut Vec<u8>, column: &Column, kind: &str, value: Option<&Value>, later: i64) {
    let inner = |prefix: &str| {
        kind.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(')'))
    };
    if let Some(element) = inner("Array(") {
        let values = value.and_then(Value::as_array).cloned().unwrap_or_default();
        length(out, values.len());
        values
            .iter()
            .for_each(|one| self::value(out, column, element, Some(one), later));
        return;
    }
    let text = value.and_then(Value::as_str).unwrap_or_default();
    let number = value
        .and_then(Value::as_u64)
        .unwrap_or_default()
        .to_le_bytes();
    match inner("LowCardinality(").unwrap_or(kind) {
        "String" => {
            length(out, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        "UInt8" => out.extend_from_slice(&number[..1]),
        "UInt16" => out.extend_from_slice(&number[..2]),
        "UInt32" => out.extend_from_slice(&number[..4]),
        "UInt64" => out.extend_from_slice(&number),
        "Bool" => out.push(u8::from(value.and_then(Value::as_bool).unwrap_or_default())),
        "IPv6" => {
            let ip: IpAddr = if text.is_empty() { "::" } else { text }.parse().unwrap();
            out.extend_from_slice(&to_store_ip(ip).octets());
        }
        moment if moment.starts_with("DateTime64") => {
            let micros = match Timestamp::parse(text) {
                Ok(time) => time.plus_seconds(later).micros(),
                Err(_) => {
                    assert!(text.is_empty(), "{text} is no time");
                    0
                }
            };
            out.extend_from_slice(&micros.to_le_bytes());
        }
        other => panic!("{} is of the type {other}", column.name),
    }
}

/// The length of a text or an array: seven bits a byte, least first.
fn length(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}
