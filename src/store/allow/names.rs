//! The functions that a statement from outside may call, by name.
//!
//! A list of what is allowed, so that what a later engine brings is refused until somebody has looked
//! at it. Left out is what reads files, calls other machines or models, looks into the server or the
//! session, waits, or names a table in a text.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Whether the function may be called. The engine takes many names in any case; none of them means
/// two things that differ in what they may do.
pub(super) fn is_function(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FUNCTIONS.contains(name.as_str()) || is_aggregate(&name)
}

/// An aggregate, with or without what the engine lets one append to its name.
fn is_aggregate(name: &str) -> bool {
    AGGREGATES.contains(name)
        || COMBINATORS
            .iter()
            .filter_map(|ending| name.strip_suffix(ending))
            .any(is_aggregate)
}

/// Whether the function may stand where a table does.
pub(super) fn is_table_function(name: &str) -> bool {
    TABLE_FUNCTIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// The tables about the engine itself that clients ask for.
pub(super) fn is_system_table(name: &str) -> bool {
    SYSTEM_TABLES.contains(&name)
}

static FUNCTIONS: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("functions.txt").split_whitespace().collect());

static AGGREGATES: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| include_str!("aggregates.txt").split_whitespace().collect());

const COMBINATORS: &[&str] = &[
    "if",
    "array",
    "map",
    "state",
    "simplestate",
    "merge",
    "mergestate",
    "foreach",
    "distinct",
    "ordefault",
    "ornull",
    "resample",
    "argmin",
    "argmax",
];

const TABLE_FUNCTIONS: &[&str] = &[
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "generateSeries",
    "generate_series",
    "primes",
    "values",
    "null",
];

const SYSTEM_TABLES: &[&str] = &[
    "one",
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "databases",
    "tables",
    "columns",
    "functions",
    "table_functions",
    "table_engines",
    "formats",
    "data_type_families",
    "data_skipping_indices",
    "settings",
    "collations",
    "time_zones",
    "parts",
    "parts_columns",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_with_their_endings() {
        for name in [
            "count",
            "COUNT",
            "countIf",
            "quantilesTDigestArrayIf",
            "toIPv6",
            "lambda",
        ] {
            assert!(is_function(name), "{name}");
        }
        for name in [
            "file",
            "FILE",
            "fileIf",
            "url",
            "remote",
            "dictGet",
            "aiGenerate",
            "sleep",
            "joinGet",
            "reverseDNSQuery",
            "executable",
            "catboostEvaluate",
            "getMacro",
            "",
            "file)",
        ] {
            assert!(!is_function(name), "{name}");
            assert!(!is_table_function(name), "{name}");
        }
    }

    #[test]
    fn the_lists_hold_small_letters_only() {
        for name in FUNCTIONS.iter().chain(AGGREGATES.iter()) {
            assert_eq!(*name, name.to_ascii_lowercase());
        }
    }
}
