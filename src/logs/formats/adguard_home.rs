//! AdGuard Home's query log (`querylog.json`): an object a question, with what was done to it.

use std::borrow::Cow;

use crate::logs::fields::{address, domain};
use crate::logs::json::{Leaf, has_name, leaves};
use crate::logs::lines::{LineFormat, Read, question};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{Action, DnsQuery, Event, RejectReason};

pub(super) static ADGUARD_HOME: LineFormat = LineFormat {
    name: "adguard_home",
    title: "AdGuard Home (query log)",
    extensions: &["json"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    has_name(line, "QH") && has_name(line, "QT") && has_name(line, "IP")
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let (mut time, mut name, mut kind, mut client) = (None, None, None, None);
    let (mut filtered, mut reason) = (false, None);
    let whole = leaves(line, &mut |path, leaf: Leaf<'a>| match path {
        [b"T"] => time = Some(leaf.raw()),
        [b"QH"] => name = Some(leaf.raw()),
        [b"QT"] => kind = Some(leaf.text()),
        [b"IP"] => client = Some(leaf.raw()),
        [b"Result", b"IsFiltered"] => filtered = leaf.raw() == b"true",
        [b"Result", b"Reason"] => reason = Some(leaf.raw()),
        _ => {}
    });
    if !whole {
        return Err(RejectReason::WrongShape.into());
    }
    let (time, name) = (
        time.ok_or(RejectReason::MissingFields)?,
        name.ok_or(RejectReason::MissingFields)?,
    );
    let client = client
        .filter(|client| !client.is_empty())
        .ok_or(RejectReason::MissingFields)?;
    let action = match (filtered, reason) {
        (true, _) => Some(Action::Blocked),
        // An allow list of the operator's let it through.
        (false, Some(b"1")) => Some(Action::Allowed),
        _ => None,
    };
    let kind: Cow<'a, str> = kind.unwrap_or_default();
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(address(client).ok_or(RejectReason::BadAddress)?),
        qname: domain(name).into(),
        qtype: kind.into(),
        action,
        ..question(moment(time, DayOrder::DayFirst, clock).ok_or(RejectReason::BadTime)?)
    }))
}
