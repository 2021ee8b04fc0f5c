//! The audit log of the DHCP server of Windows for IPv6 (`DhcpV6SrvLog-Mon.log`): a preamble for people, a heading, then a line an event.
//!
//! `11002,03/02/26,10:15:00,DHCPV6 Request,2001:db8::21,LAPTOP-21.hawthorn.example,,14,0001000112345678020000001621,,,,`. Dates are month,
//! day, year, in the server's zone. The client's identifier may hold a card's number, but that of any of its cards, and machines made from one
//! image share it (RFC 8415, 11, forbids to read it): it is not taken for the card that has the address.

use crate::logs::cells::Cells;
use crate::logs::columns::cell_text;
use crate::logs::fields::{address, number};
use crate::logs::lines::{LineFormat, OTHER, Passed, Read, lease};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{Event, IgnoreReason, Lease, LeaseEvent, RejectReason};

pub(super) static WINDOWS_DHCPV6: LineFormat = LineFormat {
    name: "windows_dhcpv6",
    title: "Windows DHCP server for IPv6 (audit log)",
    extensions: &["log"],
    is_ours: |line| is_row(line) || is_preamble(line),
    read,
};

fn is_row(line: &[u8]) -> bool {
    let mut cells = line.split(|byte| *byte == b',');
    let (Some(id), Some(date), Some(time)) = (cells.next(), cells.next(), cells.next()) else {
        return false;
    };
    number(id).is_some_and(|id| (11_000..12_000).contains(&id))
        && matches!(date, [_, _, b'/', _, _, b'/', _, _, ..])
        && matches!(time, [_, _, b':', _, _, b':', _, _])
}

fn is_preamble(line: &[u8]) -> bool {
    line.starts_with(b"ID,Date,Time,Description,IPv6 Address")
        || line
            .first()
            .is_some_and(|byte| matches!(byte, b'\t' | b' '))
        || line.starts_with(b"Event ID  Meaning")
        || number(line.get(..5).unwrap_or_default()).is_some() && line.get(5) == Some(&b'\t')
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    if !is_row(line) {
        return Err(match is_preamble(line) {
            true => Passed::Ignored(IgnoreReason::Comment),
            false => RejectReason::WrongShape.into(),
        });
    }
    let mut cells = Cells::of(line, b',');
    let mut cell = || cells.next().ok_or(RejectReason::MissingFields);
    let id = number(&cell()?).ok_or(RejectReason::BadNumber)?;
    let event = event(id).ok_or(OTHER)?;
    let (date, time) = (cell()?, cell()?);
    let _description = cell()?;
    let ip = address(cell()?.trim_ascii()).ok_or(RejectReason::BadAddress)?;
    let hostname = cell_text(cell()?);
    let when = [date.trim_ascii(), b" ", time.trim_ascii()].concat();
    let time = moment(&when, DayOrder::MonthFirst, clock).ok_or(RejectReason::BadTime)?;
    Ok(Event::Lease(Lease {
        hostname,
        ..lease(time, event, ip)
    }))
}

/// The numbers of events that change a lease, as the preamble explains them.
fn event(id: u64) -> Option<LeaseEvent> {
    match id {
        11_002 => Some(LeaseEvent::Assign),
        11_004 | 11_005 => Some(LeaseEvent::Renew),
        11_006 => Some(LeaseEvent::Decline),
        11_007 | 11_016 => Some(LeaseEvent::Release),
        11_018 | 11_019 => Some(LeaseEvent::Expire),
        _ => None,
    }
}
