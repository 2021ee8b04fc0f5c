//! Windows Security events: who signed in, out, or failed to. As XML (`wevtutil qe /f:xml`, forwarded events), as JSON (Winlogbeat, NXLog,
//! Sentinel, dumps of EVTX), or as a table whose heading names the columns.
//!
//! 4624, 4768, 4776 sign in; 4625, 4771 and statuses other than 0 are failures; 4634, 4647 sign out; 4769, 4770 show that somebody still is. Accounts of
//! machines (`PC1$`), services and tasks are no persons and are passed over. An EVTX file is exported to one of these first.

use std::borrow::Cow;
use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::columns::{Columns, cell_text};
use crate::logs::fields::{address, contains, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::json;
use crate::logs::lines::{OTHER, Passed, far_end, sign_in};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::logs::xml;
use crate::record::{AccountText, Basis, Event, IgnoreReason, RejectReason, SignIn, SignInEvent};

/// Windows Security events.
pub(super) struct WindowsSecurity;

struct Reader {
    clock: LocalClock,
    columns: Option<Columns>,
}

impl LogFormat for WindowsSecurity {
    fn name(&self) -> &'static str {
        "windows_security"
    }

    fn title(&self) -> &'static str {
        "Windows Security events (XML, JSON, CSV)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["xml", "json", "csv", "log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let columns = sample.iter().find_map(|line| heading(line));
        share_of_lines(sample, |line| {
            is_xml(line)
                || is_json(line)
                || columns
                    .as_ref()
                    .is_some_and(|columns| columns.row::<FIELDS>(line).1 == columns.len())
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
        let line = frame.bytes.trim_ascii();
        if line.starts_with(b"<?xml") && !contains(line, "<Event ")
            || matches!(line, b"<Events>" | b"</Events>")
        {
            return Outcome::Ignored(IgnoreReason::Comment);
        }
        if contains(line, "<EventID") {
            return self.events(line, out);
        }
        let said = if line.starts_with(b"{") {
            said_in_json(line)
        } else if let Some(columns) = heading(line) {
            self.columns = Some(columns);
            return Outcome::Ignored(IgnoreReason::Comment);
        } else {
            self.said_in_table(line)
        };
        match said
            .map_err(Passed::from)
            .and_then(|said| said.sign_in(&self.clock))
        {
            Ok(sign_in) => {
                out(Event::SignIn(sign_in));
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

impl Reader {
    /// The events of a line, which may hold several. If one can not be read the line is rejected only when none can.
    fn events<'a>(&self, line: &'a [u8], out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let mut outcome = Outcome::Ignored(IgnoreReason::OtherMessage);
        let mut rest = line;
        while let Some(at) = memchr::memmem::find(rest, b"<EventID") {
            let end = memchr::memmem::find(rest, b"</Event>").filter(|end| *end > at);
            let whole = end.is_some();
            let (event, after) = rest
                .split_at_checked(end.map_or(rest.len(), |end| end + 8))
                .unwrap_or((rest, &[]));
            rest = after;
            let read = match whole {
                true => said_in_xml(event).sign_in(&self.clock),
                false => Err(RejectReason::WrongShape.into()),
            };
            match (read, outcome) {
                (Ok(sign_in), _) => {
                    out(Event::SignIn(sign_in));
                    outcome = Outcome::Records;
                }
                (Err(passed), Outcome::Ignored(_)) => outcome = passed.into(),
                (Err(_), _) => {}
            }
        }
        outcome
    }

    fn said_in_table<'a>(&self, line: &'a [u8]) -> Result<Said<'a>, RejectReason> {
        let columns = self.columns.as_ref().ok_or(RejectReason::WrongShape)?;
        let (row, cells) = columns.row::<FIELDS>(line);
        if cells != columns.len() {
            return Err(RejectReason::WrongShape);
        }
        Ok(Said(row.map(|cell| cell.map(cell_text))))
    }
}

/// What an event says, by the number of the field.
#[derive(Default)]
struct Said<'a>([Option<Cow<'a, str>>; FIELDS]);

impl<'a> Said<'a> {
    fn put(&mut self, field: usize, value: Cow<'a, str>) {
        if let Some(place) = self.0.get_mut(field)
            && place.is_none()
            && !value.is_empty()
        {
            *place = Some(value);
        }
    }

    fn sign_in(self, clock: &LocalClock) -> Result<SignIn<'a>, Passed> {
        let [id, time, user, domain, logon, kind, ip, status, computer] = self.0;
        let id = id.and_then(|id| number(id.trim().as_bytes()));
        let id = id.ok_or(RejectReason::MissingFields)?;
        let failed =
            status.is_some_and(|status| !matches!(&*status, "0x0" | "0x00000000" | "0" | "-"));
        let event = match (id, failed) {
            (4624, _) | (4768 | 4776, false) => SignInEvent::Logon,
            (4625 | 4771, _) | (4768 | 4776, true) => SignInEvent::Fail,
            (4634 | 4647, _) => SignInEvent::Logoff,
            (4769 | 4770, false) => SignInEvent::Interim,
            _ => return Err(OTHER),
        };
        let user = user.filter(|user| user != "-");
        let user = match id {
            4769 | 4770 => user.map(|user| without_realm(user, domain.as_deref())),
            _ => user,
        };
        let account = user.and_then(AccountText::new);
        let person = account
            .as_ref()
            .is_none_or(|account| !account.is_no_person());
        if !person
            || kind
                .as_deref()
                .is_some_and(|kind| matches!(kind, "0" | "4" | "5"))
        {
            return Err(OTHER);
        }
        let time = time.ok_or(RejectReason::MissingFields)?;
        let time =
            moment(time.as_bytes(), DayOrder::MonthFirst, clock).ok_or(RejectReason::BadTime)?;
        let ip = match ip.filter(|ip| !matches!(&**ip, "-" | "LOCAL")) {
            Some(ip) => Some(address(ip.as_bytes()).ok_or(RejectReason::BadAddress)?),
            None => None,
        };
        let ip = ip.and_then(not_itself);
        // Who signs in to a far screen need not be who sits at the near one: an administrator's account, a supplier's.
        let session = match ip.filter(|_| kind.as_deref() == Some(FAR_SCREEN)) {
            Some(ip) => Cow::Owned(far_end(ip, None)),
            None => logon.filter(|logon| logon != "0x0").unwrap_or_default(),
        };
        Ok(SignIn {
            account_token: account,
            ip,
            session: session.into(),
            nas: computer.unwrap_or_default().into(),
            realm: domain
                .filter(|domain| domain != "-")
                .unwrap_or_default()
                .into(),
            ..sign_in(time, event, Basis::Directory)
        })
    }
}

/// The kind of a sign-in by remote desktop.
const FAR_SCREEN: &str = "10";

/// Requests for tickets name `j.bloggs@REALM` whom a sign-in names `j.bloggs`, and repeat the realm: without it they are the same account.
fn without_realm<'a>(user: Cow<'a, str>, realm: Option<&str>) -> Cow<'a, str> {
    let bare = user.rsplit_once('@').filter(|(_, after)| {
        realm.is_some_and(|realm| after.eq_ignore_ascii_case(realm.trim_end_matches('.')))
    });
    match bare {
        Some((name, _)) if !name.is_empty() => Cow::Owned(name.to_owned()),
        _ => user,
    }
}

/// The address as people write it. The machine's own loopback says where nobody sits but there.
fn not_itself(ip: IpAddr) -> Option<IpAddr> {
    let ip = ip.to_canonical();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

fn is_xml(line: &[u8]) -> bool {
    contains(line, "<EventID") && contains(line, "<Data Name=")
}

fn is_json(line: &[u8]) -> bool {
    (json::has_name(line, "EventID") || json::has_name(line, "event_id"))
        && (contains(line, "\"TargetUserName\"") || contains(line, "Security-Auditing"))
}

fn said_in_xml(event: &[u8]) -> Said<'_> {
    let mut said = Said::default();
    if let Some(id) = xml::element(event, "EventID") {
        said.put(ID, text(id.trim_ascii()));
    }
    if let Some(time) = xml::attribute(event, "TimeCreated", "SystemTime") {
        said.put(TIME, text(time));
    }
    if let Some(computer) = xml::element(event, "Computer") {
        said.put(COMPUTER, xml::plain(computer));
    }
    xml::each_data(event, &mut |name, value| {
        if let Some(field) = field_of(name) {
            said.put(field, xml::plain(value));
        }
    });
    said
}

fn said_in_json(line: &[u8]) -> Result<Said<'_>, RejectReason> {
    let mut said = Said::default();
    // Of several times the first in the table of names counts, wherever it stands.
    let mut best_time = usize::MAX;
    let whole = json::leaves(line, &mut |path, leaf| {
        let name = match path {
            [.., parent, b"#text" | b"_value" | b"Value"] => *parent,
            [.., name] => *name,
            [] => return,
        };
        match field_of(name) {
            Some(TIME) => {
                let times = NAMES.get(TIME).copied().unwrap_or_default();
                let rank = times.iter().position(|time| time.as_bytes() == name);
                if let Some(rank) = rank.filter(|rank| *rank < best_time) {
                    best_time = rank;
                    if let Some(place) = said.0.get_mut(TIME) {
                        *place = Some(leaf.text());
                    }
                }
            }
            Some(field) => said.put(field, leaf.text()),
            None => {}
        }
    });
    whole.then_some(said).ok_or(RejectReason::WrongShape)
}

fn field_of(name: &[u8]) -> Option<usize> {
    NAMES
        .iter()
        .position(|names| names.iter().any(|accepted| accepted.as_bytes() == name))
}

fn heading(line: &[u8]) -> Option<Columns> {
    if !contains(line, "TargetUserName") || contains(line, "<") || contains(line, "{") {
        return None;
    }
    let separator = [b'\t', b';', b',']
        .into_iter()
        .find(|byte| memchr::memchr(*byte, line).is_some())?;
    let columns = Columns::of(line, separator, NAMES);
    [ID, TIME, USER]
        .iter()
        .all(|field| columns.has(*field))
        .then_some(columns)
}

const ID: usize = 0;
const TIME: usize = 1;
const USER: usize = 2;
const COMPUTER: usize = 8;
const FIELDS: usize = 9;

static NAMES: &[&[&str]] = &[
    &["EventID", "event_id", "Event ID", "Id"],
    &[
        "SystemTime",
        "TimeCreated",
        "EventTime",
        "UtcTime",
        "@timestamp",
        "TimeGenerated",
        "Date and Time",
        "date_time",
    ],
    &["TargetUserName"],
    &["TargetDomainName"],
    &["TargetLogonId"],
    &["LogonType"],
    &["IpAddress"],
    &["Status"],
    &[
        "Computer",
        "computer_name",
        "Hostname",
        "MachineName",
        "ComputerName",
    ],
];
