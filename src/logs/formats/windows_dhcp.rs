//! The audit log of the DHCP server of Windows (`DhcpSrvLog-Mon.log`): a preamble for people, a heading, then a line an event.
//!
//! `10,03/02/26,10:15:00,Assign,10.1.16.21,LAPTOP-21.hawthorn.example,020000001621,,...`. Dates are month, day, year, in the server's zone.

use crate::logs::cells::Cells;
use crate::logs::columns::cell_text;
use crate::logs::fields::{address, number};
use crate::logs::lines::{LineFormat, OTHER, Passed, Read, lease};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{Event, IgnoreReason, Lease, LeaseEvent, Mac, RejectReason};

pub(super) static WINDOWS_DHCP: LineFormat = LineFormat {
    name: "windows_dhcp",
    title: "Windows DHCP server (audit log)",
    extensions: &["log"],
    is_ours,
    read,
};

/// A row, or a line of the preamble.
fn is_ours(line: &[u8]) -> bool {
    is_row(line) || is_preamble(line)
}

fn is_row(line: &[u8]) -> bool {
    let mut cells = line.split(|byte| *byte == b',');
    let (Some(id), Some(date), Some(time)) = (cells.next(), cells.next(), cells.next()) else {
        return false;
    };
    number(id).is_some_and(|id| id < 11_000)
        && matches!(date, [_, _, b'/', _, _, b'/', _, _, ..])
        && matches!(time, [_, _, b':', _, _, b':', _, _])
        && line.split(|byte| *byte == b',').count() >= 7
}

fn is_preamble(line: &[u8]) -> bool {
    line.starts_with(b"ID,Date,Time,Description,")
        || line.starts_with(b"ID Date,Time,Description,")
        || line.starts_with(b"QResult: ")
        || line
            .first()
            .is_some_and(|byte| matches!(byte, b'\t' | b' '))
        || line.starts_with(b"Event ID  Meaning")
        || (number(line.get(..2).unwrap_or_default()).is_some() && line.get(2) == Some(&b'\t'))
        || (line.starts_with(b"50+") || line.starts_with(b"11")) && line.contains(&b'\t')
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
    let id = number(cell()?.trim_ascii()).ok_or(RejectReason::BadNumber)?;
    let event = event(id).ok_or(OTHER)?;
    let (date, time) = (cell()?, cell()?);
    let _description = cell()?;
    let ip = address(cell()?.trim_ascii()).ok_or(RejectReason::BadAddress)?;
    let hostname = cell_text(cell()?);
    let card = cell()?;
    let mac = match card.trim_ascii() {
        b"" => None,
        card => {
            let card = std::str::from_utf8(card).ok();
            // Clients that are known by something longer than a card have that here.
            let known = card.filter(|card| card.len() <= 17);
            match known {
                Some(card) => Some(Mac::parse(card).ok_or(RejectReason::BadAddress)?),
                None => None,
            }
        }
    };
    let when = [date.trim_ascii(), b" ", time.trim_ascii()].concat();
    let time = moment(&when, DayOrder::MonthFirst, clock).ok_or(RejectReason::BadTime)?;
    Ok(Event::Lease(Lease {
        mac,
        hostname,
        ..lease(time, event, ip)
    }))
}

/// The numbers of events that change a lease, as the preamble explains them.
fn event(id: u64) -> Option<LeaseEvent> {
    match id {
        10 | 20 | 21 => Some(LeaseEvent::Assign),
        11 => Some(LeaseEvent::Renew),
        12 | 16 | 23 => Some(LeaseEvent::Release),
        13 => Some(LeaseEvent::Decline),
        17 | 18 => Some(LeaseEvent::Expire),
        _ => None,
    }
}
