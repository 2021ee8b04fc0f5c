//! Kea's lease files (`kea-leases4.csv`, `kea-leases6.csv`), and the dumps of `kea-admin`: a heading, then a row each time a lease changes.
//!
//! A row says when the lease ends and how long it was given for; so it began, or was last prolonged, at the difference. Times are seconds in
//! UTC. A row of lifetime 0 takes a lease back without a new time: where the row before was a running lease the address is free from
//! that row's own time on, since when in between it was given back can not be said.

use std::borrow::Cow;

use super::share_of_lines;
use crate::logs::columns::{Columns, cell_text};
use crate::logs::fields::{address, number};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::given::Given;
use crate::logs::lines::{OTHER, Passed};
use crate::record::{Event, IgnoreReason, Lease, LeaseEvent, Mac, RejectReason, Timestamp};

/// Kea's lease files.
pub(super) struct KeaLeases;

struct Reader {
    columns: Option<Columns>,
    given: Given,
}

impl LogFormat for KeaLeases {
    fn name(&self) -> &'static str {
        "kea_leases"
    }

    fn title(&self) -> &'static str {
        "Kea lease file (memfile, IPv4 and IPv6)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["csv"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let mut columns: Option<usize> = None;
        share_of_lines(sample, |line| match heading(line) {
            Some(found) => {
                columns = Some(found.len());
                true
            }
            // Each row begins with an address; the last columns may be missing in rows of an older version.
            None => columns.is_some() && first_cell(line).and_then(address).is_some(),
        })
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            columns: None,
            given: Given::default(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        if let Some(columns) = heading(frame.bytes) {
            self.columns = Some(columns);
            return Outcome::Ignored(IgnoreReason::Comment);
        }
        match self.lease(frame.bytes) {
            Ok(lease) => {
                out(Event::Lease(lease));
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

impl Reader {
    fn lease<'a>(&mut self, line: &'a [u8]) -> Result<Lease<'a>, Passed> {
        let columns = self.columns.as_ref().ok_or(RejectReason::WrongShape)?;
        let (mut row, cells) = columns.row::<FIELDS>(line);
        if cells > columns.len() {
            // A cell more than the heading has: what follows it may have slipped.
            return Err(RejectReason::WrongShape.into());
        }
        let ip = row[ADDRESS].as_deref().and_then(address);
        let ip = ip.ok_or(RejectReason::BadAddress)?;
        if row[LEASE_TYPE].as_deref().is_some_and(|kind| kind == b"2") {
            // A prefix given to a router is no address of a device.
            return Err(OTHER);
        }
        let (lifetime, expire) = (seconds(&row[LIFETIME])?, seconds(&row[EXPIRE])?);
        let mac = match row[CARD].as_deref() {
            Some(card) => Some(card_of(card).ok_or(RejectReason::BadAddress)?),
            None => None,
        };
        let began = Timestamp::from_seconds(expire.saturating_sub(lifetime));
        let state = row[STATE].as_deref().unwrap_or(b"0");
        let (event, time) = match (state, lifetime) {
            (b"0" | b"4", 0) => {
                if !self.given.ended(ip) {
                    return Err(OTHER);
                }
                (LeaseEvent::Release, began)
            }
            (_, 0) => return Err(OTHER),
            (b"0" | b"4", _) => (self.given.assigned(ip, mac), began),
            (b"1", _) => (LeaseEvent::Decline, began),
            (b"2", _) => (LeaseEvent::Expire, Timestamp::from_seconds(expire)),
            (b"3", _) => (LeaseEvent::Release, began),
            _ => return Err(RejectReason::UnknownWord.into()),
        };
        if matches!(event, LeaseEvent::Decline | LeaseEvent::Expire) || state == b"3" {
            self.given.ended(ip);
        }
        if time <= Timestamp::default() || time > Timestamp::MAX {
            return Err(RejectReason::BadTime.into());
        }
        let runs = matches!(event, LeaseEvent::Assign | LeaseEvent::Renew);
        Ok(Lease {
            time,
            event,
            ip,
            mac,
            hostname: row[HOSTNAME].take().map(unescaped).unwrap_or_default(),
            // All ones stand for a lease without end.
            expires: (runs && lifetime < 0xffff_ffff).then(|| Timestamp::from_seconds(expire)),
        })
    }
}

/// The columns, if a line is a heading of a lease file.
fn heading(line: &[u8]) -> Option<Columns> {
    let first = first_cell(line)?;
    if first != b"address" {
        return None;
    }
    let columns = Columns::of(line, b',', NAMES);
    [ADDRESS, LIFETIME, EXPIRE]
        .iter()
        .all(|field| columns.has(*field))
        .then_some(columns)
}

fn first_cell(line: &[u8]) -> Option<&[u8]> {
    line.split(|byte| *byte == b',').next()
}

fn seconds(cell: &Option<Cow<'_, [u8]>>) -> Result<i64, RejectReason> {
    let cell = cell.as_deref().ok_or(RejectReason::MissingFields)?;
    number(cell)
        .and_then(|seconds| i64::try_from(seconds).ok())
        .filter(|seconds| *seconds < 1 << 40)
        .ok_or(RejectReason::BadNumber)
}

fn card_of(cell: &[u8]) -> Option<Mac> {
    Mac::parse(std::str::from_utf8(cell).ok()?)
}

/// Kea writes a comma within a cell as `&#x2c`.
fn unescaped(cell: Cow<'_, [u8]>) -> Cow<'_, str> {
    let text = cell_text(cell);
    if text.contains("&#x2c") {
        return Cow::Owned(text.replace("&#x2c", ","));
    }
    text
}

const ADDRESS: usize = 0;
const CARD: usize = 1;
const LIFETIME: usize = 2;
const EXPIRE: usize = 3;
const HOSTNAME: usize = 4;
const STATE: usize = 5;
const LEASE_TYPE: usize = 6;
const FIELDS: usize = 7;

static NAMES: &[&[&str]] = &[
    &["address"],
    &["hwaddr"],
    &["valid_lifetime"],
    &["expire"],
    &["hostname"],
    &["state"],
    &["lease_type"],
];
