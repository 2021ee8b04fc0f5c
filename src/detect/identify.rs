//! How many requests of an establishment can be laid at one person's door: a count, never a name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::record::{Timestamp, Verdict};
use crate::store::{Params, Sql};

use super::rows::{account, address};
use super::{Case, DetectError};

const SQL: Sql = Sql::embedded(
    "detect/identification",
    include_str!("../../queries/detect/identification.sql"),
);

/// Requests of an establishment in the case's window, by verdict. Those without a name are judged at the middle of their minute.
pub fn identification(
    case: &Case<'_>,
    establishment: &str,
) -> Result<BTreeMap<Verdict, u64>, DetectError> {
    let asked = Params::new()
        .time("since", case.since)
        .time("until", case.until)
        .text("establishment", establishment);
    let stored = case.store.rows::<StoredMinute>(SQL, &asked)?;
    let addresses: BTreeSet<_> = stored
        .iter()
        .filter_map(|row| address(&row.address))
        .collect();
    let facts = case.facts(&addresses)?;
    let mut sums: BTreeMap<Verdict, u64> =
        Verdict::ALL.iter().map(|verdict| (*verdict, 0)).collect();
    for row in stored {
        let Some(ip) = address(&row.address) else {
            continue;
        };
        let middle = Timestamp::from_micros(row.moment).plus_seconds(30);
        let answer = facts.who(ip, middle, account(&row.account).as_ref());
        if answer.establishment.as_deref() == Some(establishment) {
            let sum = sums.entry(answer.verdict).or_default();
            *sum = sum.saturating_add(row.requests);
        }
    }
    Ok(sums)
}

#[derive(Deserialize)]
struct StoredMinute {
    address: String,
    moment: i64,
    account: String,
    requests: u64,
}
