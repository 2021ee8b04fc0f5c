//! Reads what the rules' questions answer back into our own types.

use std::net::IpAddr;

use crate::attribute::RowRef;
use crate::record::{AccountToken, Place, SourceId, from_store_ip, to_store_ip};

use super::DetectError;

/// The row that an answer names.
pub(super) fn row_ref(
    table: &str,
    source: &str,
    frame: u64,
    ordinal: u32,
) -> Result<RowRef, DetectError> {
    let table = match table {
        "flows" => "flows",
        "web_hits" => "web_hits",
        "sign_ins" => "sign_ins",
        _ => "dns_queries",
    };
    let source = SourceId::parse(source).ok_or(DetectError::Row(table))?;
    Ok(RowRef {
        table,
        place: Place {
            source,
            frame,
            ordinal,
        },
    })
}

/// An address; none if it is not known.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.parse().ok()?;
    let ip = from_store_ip(to_store_ip(ip));
    (!ip.is_unspecified()).then_some(ip)
}

/// The account that an event names; none if it names none.
pub(super) fn account(text: &str) -> Option<AccountToken> {
    AccountToken::parse(text)
}
