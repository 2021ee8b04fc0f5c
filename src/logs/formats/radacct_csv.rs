//! FreeRADIUS's table `radacct`, exported with its heading (CSV, TSV, semicolons): a row a session, made into its start and its stop.
//!
//! Times are as the database prints them, in the source's zone unless one stands there. A session that runs has no stop time; then the last
//! accounting packet (`acctupdatetime`) is the last word of the person's being there.

use std::borrow::Cow;

use super::share_of_lines;
use crate::logs::columns::{Columns, cell_text, may_name};
use crate::logs::fields::{address, card};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::sign_in;
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{
    AccountText, Basis, Event, IgnoreReason, RejectReason, SignIn, SignInEvent, Timestamp,
};

/// One row: the start, and the stop, or the last word of a session that runs.
type Steps<'a> = (SignIn<'a>, Option<SignIn<'a>>);

/// The table `radacct`.
pub(super) struct RadacctCsv;

struct Reader {
    clock: LocalClock,
    columns: Option<Columns>,
}

impl LogFormat for RadacctCsv {
    fn name(&self) -> &'static str {
        "radacct_csv"
    }

    fn title(&self) -> &'static str {
        "FreeRADIUS radacct table (CSV or TSV with heading)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["csv", "tsv"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let Some(columns) = sample.iter().find_map(|line| heading(line)) else {
            return 0;
        };
        share_of_lines(sample, |line| {
            columns.row::<FIELDS>(line).1 == columns.len()
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            columns: None,
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        if let Some(columns) = heading(frame.bytes) {
            self.columns = Some(columns);
            return Outcome::Ignored(IgnoreReason::Comment);
        }
        match self.session(frame.bytes) {
            Ok((start, last)) => {
                out(Event::SignIn(start));
                if let Some(last) = last {
                    out(Event::SignIn(last));
                }
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

impl Reader {
    fn session<'a>(&self, line: &'a [u8]) -> Result<Steps<'a>, RejectReason> {
        let columns = self.columns.as_ref().ok_or(RejectReason::WrongShape)?;
        let (row, cells) = columns.row::<FIELDS>(line);
        if cells != columns.len() {
            return Err(RejectReason::WrongShape);
        }
        let [
            user,
            realm,
            unique,
            session,
            nas,
            station,
            ip,
            ipv6,
            started,
            stopped,
            updated,
        ] = row.map(unless_null);
        let started = self.time(started)?.ok_or(RejectReason::BadTime)?;
        let stopped = self.time(stopped)?;
        let updated = self.time(updated)?.filter(|time| *time > started);
        let last = match (stopped, updated) {
            (Some(time), _) => Some((time, SignInEvent::Stop)),
            (None, Some(time)) => Some((time, SignInEvent::Interim)),
            (None, None) => None,
        };
        let ip = match ip.or(ipv6) {
            Some(ip) => Some(address(&ip).ok_or(RejectReason::BadAddress)?)
                .filter(|ip| !super::radius_detail::is_chosen_later(*ip)),
            None => None,
        };
        let user = user.map(cell_text).unwrap_or_default();
        let realm = match realm {
            Some(realm) => cell_text(realm),
            None => Cow::Owned(
                user.rsplit_once('@')
                    .map(|(_, realm)| realm.to_owned())
                    .unwrap_or_default(),
            ),
        };
        let start = SignIn {
            account_token: AccountText::new(user),
            ip,
            mac: station.and_then(|station| card(&station)),
            session: unique.or(session).map(cell_text).unwrap_or_default().into(),
            nas: nas.map(cell_text).unwrap_or_default().into(),
            realm: realm.into(),
            ..sign_in(started, SignInEvent::Start, Basis::Radius)
        };
        let last = last.map(|(time, event)| SignIn {
            time,
            event,
            ..start.clone()
        });
        Ok((start, last))
    }

    fn time(&self, cell: Option<Cow<'_, [u8]>>) -> Result<Option<Timestamp>, RejectReason> {
        match cell {
            None => Ok(None),
            Some(cell) if cell.starts_with(b"0000-00-00") => Ok(None),
            Some(cell) => moment(&cell, DayOrder::DayFirst, &self.clock)
                .map(Some)
                .ok_or(RejectReason::BadTime),
        }
    }
}

/// MySQL prints what is absent as `NULL` or `\N`.
fn unless_null(cell: Option<Cow<'_, [u8]>>) -> Option<Cow<'_, [u8]>> {
    cell.filter(|cell| !matches!(&**cell, b"NULL" | b"\\N" | b""))
}

fn heading(line: &[u8]) -> Option<Columns> {
    let separator = [b',', b'\t', b';']
        .into_iter()
        .find(|byte| memchr::memchr(*byte, line).is_some())?;
    let bare = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let bare = bare.strip_prefix(b"#").unwrap_or(bare);
    if !may_name(bare, separator, ["acctstarttime"].into_iter()) {
        return None;
    }
    let columns = Columns::of(line, separator, NAMES);
    let known = [0, 3, 8].iter().all(|field| columns.has(*field));
    known.then_some(columns)
}

const FIELDS: usize = 11;

static NAMES: &[&[&str]] = &[
    &["username"],
    &["realm"],
    &["acctuniqueid"],
    &["acctsessionid"],
    &["nasipaddress"],
    &["callingstationid"],
    &["framedipaddress"],
    &["framedipv6address"],
    &["acctstarttime"],
    &["acctstoptime"],
    &["acctupdatetime"],
];
