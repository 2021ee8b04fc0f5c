//! Was the system working properly? What the ledger says of the sources that a package rests on, and of the lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::originals::Disclosed;
use crate::ledger::{Act, BatchIngested, Entry};

/// Per source what was read, rejected and lost; per list which version was in use since when; and what is missing.
pub(crate) fn operating(entries: &[Entry], disclosed: &Disclosed) -> Value {
    let used: BTreeSet<&str> = disclosed
        .proofs
        .iter()
        .map(|proof| proof.source.as_str())
        .collect();
    let mut sources: BTreeMap<String, Vec<&BatchIngested>> = BTreeMap::new();
    let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
    let mut lists: BTreeMap<&str, Value> = BTreeMap::new();
    for entry in entries {
        match &entry.act {
            Act::BatchIngested(batch) => {
                let source = batch.source.to_string();
                if used.contains(source.as_str()) {
                    sources.entry(source).or_default().push(batch);
                }
            }
            Act::SourceClosed(closed) => {
                dropped.insert(closed.source.to_string(), closed.dropped);
            }
            Act::ListLoaded(list) => {
                let loaded = json!({"version": list.version, "loaded": entry.time.to_string(), "expressions": list.expressions});
                lists.insert(&list.list, loaded);
            }
            _ => {}
        }
    }
    let sources: BTreeMap<&String, Value> = sources
        .iter()
        .map(|(source, batches)| (source, source_state(batches, dropped.get(source).copied())))
        .collect();
    let incomplete: Vec<String> = sources
        .iter()
        .flat_map(|(source, state)| missing(source, state))
        .collect();
    json!({"sources": sources, "lists": lists, "incomplete": incomplete})
}

/// What of a source is missing, or not known to be there, in words for people. Empty if nothing is known to be.
fn missing(source: &str, state: &Value) -> Vec<String> {
    let short: String = source.chars().take(8).collect();
    let count = |name: &str| state.get(name).and_then(Value::as_u64);
    let mut missing = Vec::new();
    match count("dropped") {
        Some(0) => {}
        Some(dropped) => missing.push(format!(
            "{dropped} packets or lines of source {short} were lost before they could be read"
        )),
        None => missing.push(format!(
            "source {short} was still open, and what it may have lost was not counted yet"
        )),
    }
    if let Some(rejected) = count("rejected").filter(|count| *count > 0) {
        let read = count("read").unwrap_or_default();
        missing.push(format!(
            "{rejected} of the {read} lines or packets of source {short} could not be understood and were set aside"
        ));
    }
    missing
}

fn source_state(batches: &[&BatchIngested], dropped: Option<u64>) -> Value {
    let sum = |of: fn(&BatchIngested) -> u64| batches.iter().map(|batch| of(batch)).sum::<u64>();
    let first = batches.iter().filter_map(|batch| batch.first_time).min();
    let last = batches.iter().filter_map(|batch| batch.last_time).max();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, frames) in batches.iter().flat_map(|batch| &batch.reasons) {
        *reasons.entry(reason).or_default() += frames;
    }
    let versions: BTreeSet<&str> = batches
        .iter()
        .map(|batch| batch.tool_version.as_str())
        .collect();
    json!({
        "format": batches.first().map(|batch| &batch.format),
        "batches": batches.len(),
        "read": sum(|batch| batch.read),
        "stored": sum(|batch| batch.stored),
        "rejected": sum(|batch| batch.rejected),
        "ignored": sum(|batch| batch.ignored),
        "reasons": reasons,
        // None where the source is still open: then nobody has counted yet.
        "dropped": dropped,
        "first_time": first.map(|time| time.to_string()),
        "last_time": last.map(|time| time.to_string()),
        "tool_versions": versions,
    })
}
