//! What a legal hold covers, as the store can tell it of a row.
//!
//! A hold comes here as covers: a window of time, and in it everything, one source, one account, a range of addresses or
//! one establishment's findings. Which columns that meets is read from the records' declaration, so that a new table is covered too.

use std::net::IpAddr;

use super::sql::Params;
use crate::record::{AccountToken, SourceId, Table, Timestamp};

/// One window of one hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The hold, by the index of its entry in the ledger.
    pub hold: u64,
    /// From when.
    pub from: Timestamp,
    /// Until before when.
    pub to: Timestamp,
    /// What in that window.
    pub what: Covered,
}

/// What a cover covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Covered {
    /// Everything.
    All,
    /// The rows of one source.
    Source(SourceId),
    /// Rows that bear an account.
    Account(AccountToken),
    /// Rows that bear an address of this range, ends included.
    Addresses(IpAddr, IpAddr),
    /// Rows that bear the name of an establishment.
    Establishment(String),
}

impl Covered {
    fn word(&self) -> &'static str {
        match self {
            Covered::All => "all",
            Covered::Source(_) => "source",
            Covered::Account(_) => "account",
            Covered::Addresses(..) => "addresses",
            Covered::Establishment(_) => "establishment",
        }
    }

    fn text(&self) -> String {
        match self {
            Covered::Source(source) => source.to_string(),
            Covered::Account(token) => token.to_string(),
            Covered::Establishment(name) => name.clone(),
            Covered::All | Covered::Addresses(..) => String::new(),
        }
    }

    fn range(&self) -> (IpAddr, IpAddr) {
        match self {
            Covered::Addresses(first, last) => (*first, *last),
            _ => (UNSPECIFIED, UNSPECIFIED),
        }
    }
}

/// The holds that cover a row of this table, as an expression: an array of the entries' indices. The names in it come
/// from the records' declaration; what is covered travels as parameters (see [`with_covers`]). Without a time, as for the
/// lines of registers, the window does not count.
pub(super) fn holds_of_a_row(table: &Table, time: Option<&str>) -> String {
    let mut ways = vec!["kind = 'all'".to_owned()];
    if table.has_place() {
        ways.push("(kind = 'source' AND lower(hex(source_id)) = word)".to_owned());
    }
    for column in table.columns {
        let name = format!("`{}`", column.name);
        if column.name.ends_with("_token") {
            ways.push(format!("(kind = 'account' AND {name} = word)"));
        } else if column.name.ends_with("_tokens") {
            ways.push(format!("(kind = 'account' AND has({name}, word))"));
        } else if column.store_type == "IPv6" {
            ways.push(format!(
                "(kind = 'addresses' AND {name} >= first AND {name} <= last)"
            ));
        } else if column.name == "establishment" {
            ways.push(format!("(kind = 'establishment' AND {name} = word)"));
        }
    }
    let window = match time {
        Some(time) => format!(
            "toUnixTimestamp64Micro(`{time}`) >= since AND toUnixTimestamp64Micro(`{time}`) < until AND "
        ),
        None => String::new(),
    };
    format!(
        "arrayFilter((hold, since, until, kind, word, first, last) -> {window}({}), \
         {{hold:Array(UInt64)}}, {{hold_from:Array(Int64)}}, {{hold_to:Array(Int64)}}, {{hold_kind:Array(String)}}, \
         {{hold_word:Array(String)}}, {{hold_first:Array(IPv6)}}, {{hold_last:Array(IPv6)}})",
        ways.join(" OR ")
    )
}

/// The values that go with [`holds_of_a_row`].
pub(super) fn with_covers(params: Params, covers: &[Cover]) -> Params {
    params
        .numbers("hold", covers.iter().map(|cover| cover.hold))
        .numbers("hold_from", covers.iter().map(|cover| cover.from.micros()))
        .numbers("hold_to", covers.iter().map(|cover| cover.to.micros()))
        .texts("hold_kind", covers.iter().map(|cover| cover.what.word()))
        .texts("hold_word", covers.iter().map(|cover| cover.what.text()))
        .ips(
            "hold_first",
            covers.iter().map(|cover| cover.what.range().0),
        )
        .ips("hold_last", covers.iter().map(|cover| cover.what.range().1))
}

/// Whether two ranges of time meet; both ends of the second are included.
pub fn meets(cover: &Cover, first: Timestamp, last: Timestamp) -> bool {
    cover.from <= last && first < cover.to
}

/// Stands where a cover names no range.
const UNSPECIFIED: IpAddr = IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_met_by_its_own_columns() {
        let of = |name: &str| holds_of_a_row(crate::record::table(name).unwrap(), Some("time"));
        assert!(of("web_hits").contains("`client_ip` >= first"));
        assert!(of("mail_events").contains("has(`to_tokens`, word)"));
        assert!(of("devices").contains("`owner_token` = word"));
        assert!(!of("findings").contains("source_id"));
        assert!(of("findings").contains("`establishment` = word"));
    }
}
