//! W3C's extended log format, whose `#Fields:` line names the columns: IIS, Blue Coat and Symantec ProxySG and Edge SWG, Forefront TMG,
//! Cisco's web appliance in W3C mode, the Windows firewall. The names may change in the middle of a file.
//!
//! Times are UTC as the format says, but for the Windows firewall's and where `#Time Format: Local` says otherwise. A stream that has lost its heading
//! is read if its lines have exactly the columns of a maker's default.

use super::share_of_lines;
use crate::logs::cells::Fields;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{BAD_TIME, MISSING, OTHER, Passed};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::squid;
use crate::logs::stamps::{utc_stamp, utc_stamp_of};
use crate::logs::times::{LocalClock, common_log};
use crate::record::{Action, EndReason, Event, IgnoreReason, RejectReason, Timestamp};

/// W3C's extended log format.
pub(super) struct W3c;

struct Reader {
    clock: LocalClock,
    columns: Vec<Option<Part>>,
    local: bool,
}

impl LogFormat for W3c {
    fn name(&self) -> &'static str {
        "w3c"
    }

    fn title(&self) -> &'static str {
        "W3C extended (IIS, Blue Coat, TMG, Windows firewall)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let mut columns = Vec::new();
        let mut headed = 0;
        for line in sample {
            if let Some(names) = line.strip_prefix(b"#Fields:") {
                headed += usize::from(take_names(names, &mut columns));
            }
        }
        if headed > 0 {
            return 100;
        }
        share_of_lines(sample, |line| {
            default_columns(Heading::of(line).message).is_some()
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            columns: Vec::new(),
            local: false,
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        if frame.bytes.starts_with(b"#") {
            return self.heading(frame.bytes);
        }
        match self.record(frame.bytes) {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(none) => none.into(),
        }
    }
}

impl Reader {
    fn heading(&mut self, line: &[u8]) -> Outcome {
        if let Some(names) = line.strip_prefix(b"#Fields:") {
            if !take_names(names, &mut self.columns) {
                self.columns.clear();
                return Outcome::Rejected(RejectReason::WrongShape);
            }
        } else if let Some(format) = line.strip_prefix(b"#Time Format:") {
            self.local = format.trim_ascii() == b"Local";
        } else if let Some(software) = line.strip_prefix(b"#Software:") {
            self.local = software.trim_ascii() == b"Microsoft Windows Firewall";
        }
        Outcome::Ignored(IgnoreReason::Comment)
    }

    fn record<'a>(&mut self, line: &'a [u8]) -> Result<Event<'a>, Passed> {
        let message = Heading::of(line).message;
        // A heading may have been taken for part of a line that has none.
        let line = if self.columns.is_empty() {
            message
        } else {
            line
        };
        if self.columns.is_empty() {
            let names = default_columns(line).ok_or(MISSING)?;
            take_names(names.as_bytes(), &mut self.columns);
        }
        let mut said = Said::nothing(Escapes::Doubled);
        let mut columns = self.columns.iter();
        let mut put = |value: &'a [u8]| {
            let column = columns.next();
            if let Some(Some(part)) = column {
                said.put(*part, value);
            }
            column.is_some()
        };
        let whole = if line.contains(&b'\t') {
            line.split(|byte| *byte == b'\t').all(&mut put)
        } else {
            each_word(line, &mut put)
        };
        if !whole || columns.next().is_some() {
            return Err(MISSING);
        }
        self.event(&said)
    }

    fn event<'a>(&self, said: &Said<'a>) -> Result<Event<'a>, Passed> {
        let time = self.time(said).ok_or(BAD_TIME)?;
        if said.raw(Part::Protocol).is_some()
            && said.raw(Part::Method).is_none()
            && said.raw(Part::ServerIp).is_some()
            && said.raw(Part::Url).is_none()
        {
            return firewall(said, time);
        }
        if said.raw(Part::ClientIp).is_none() && said.raw(Part::Method).is_none() {
            return Err(OTHER);
        }
        // What IIS writes for a user agent has a plus for each blank; it stays as it is written.
        let mut said = *said;
        // `PROTO://host/` is whole; a lone path belongs to the host in its own column.
        if said.raw(Part::Url).is_none()
            && said
                .raw(Part::Method)
                .is_some_and(|method| method == b"CONNECT")
        {
            said.replace(Part::Path, &[]);
        }
        let ms = said.duration_ms(1_000)?;
        let action = action(&said);
        Ok(said.web_event(time, action, ms)?)
    }

    fn time(&self, said: &Said<'_>) -> Option<Timestamp> {
        if let (Some(date), Some(time)) = (said.raw(Part::Date), said.raw(Part::Clock)) {
            return if self.local {
                self.clock.stamp_of(date, time, None)
            } else {
                utc_stamp_of(date, time)
            };
        }
        said.raw(Part::Epoch).and_then(utc_stamp).or_else(|| {
            let text = said.raw(Part::Time)?;
            let text = text
                .strip_prefix(b"[")
                .and_then(|text| text.strip_suffix(b"]"))
                .unwrap_or(text);
            let at = memchr::memchr(b' ', text)?;
            common_log(text.get(..at)?, text.get(at + 1..)?)
        })
    }
}

/// A packet of the Windows firewall.
fn firewall<'a>(said: &Said<'a>, time: Timestamp) -> Result<Event<'a>, Passed> {
    let (action, end) = match said.bytes(Part::Action) {
        b"DROP" => (Some(Action::Blocked), EndReason::Forced),
        b"ALLOW" | b"OPEN" | b"OPEN-INBOUND" => (Some(Action::Allowed), EndReason::Active),
        b"CLOSE" => (Some(Action::Allowed), EndReason::End),
        b"INFO-EVENTS-LOST" => return Err(OTHER),
        _ => return Err(RejectReason::UnknownWord.into()),
    };
    Ok(said.flow_event(time, action, None, end)?)
}

/// What was done: by the filter's result, the proxy's code and the status, as far as they are there.
fn action(said: &Said<'_>) -> Option<Action> {
    match said.bytes(Part::Verdict) {
        b"DENIED" => return Some(Action::Blocked),
        b"OBSERVED" | b"PROXIED" => return Some(Action::Allowed),
        _ => {}
    }
    let code = said.bytes(Part::Action);
    if code.is_empty() {
        return (said.raw(Part::Status) == Some(b"407")).then_some(Action::Authenticate);
    }
    if let Some(action) = crate::logs::said::actions::action_of(code) {
        return Some(action);
    }
    let status = said
        .count(Part::Status)
        .ok()
        .flatten()
        .and_then(|status| u16::try_from(status).ok());
    let is_code = code
        .iter()
        .all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    is_code
        .then(|| squid::action(code, status.unwrap_or(0), true))
        .flatten()
}

/// Hands out words, of which some stand in quotation marks or brackets; `false` if one was not wanted.
fn each_word<'a>(line: &'a [u8], put: &mut impl FnMut(&'a [u8]) -> bool) -> bool {
    if !line.contains(&b'"') && !line.contains(&b'[') {
        return Words::of(line).all(put);
    }
    let mut rest = line.trim_ascii();
    while !rest.is_empty() {
        let (word, after) = match rest {
            [b'[', ..] => {
                match memchr::memchr(b']', rest).and_then(|at| rest.split_at_checked(at + 1)) {
                    Some(split) => split,
                    None => return false,
                }
            }
            _ => {
                let mut fields = Fields::of(rest, b' ');
                let Some(word) = fields.next() else {
                    return false;
                };
                if fields.torn {
                    return false;
                }
                let taken = if rest.starts_with(b"\"") {
                    word.len() + 2
                } else {
                    word.len()
                };
                (word, rest.get(taken..).unwrap_or_default())
            }
        };
        if !put(word) {
            return false;
        }
        rest = after.trim_ascii_start();
    }
    true
}

/// Takes the names of the columns over; `false` if none of them is of use here, or if commas stand between them (other formats' headings).
fn take_names(names: &[u8], columns: &mut Vec<Option<Part>>) -> bool {
    columns.clear();
    if names.contains(&b',') {
        return false;
    }
    for name in names
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|name| !name.is_empty())
        .take(MOST_COLUMNS)
    {
        columns.push(part(name));
    }
    let timed = columns
        .iter()
        .flatten()
        .any(|part| matches!(part, Part::Clock | Part::Epoch | Part::Time));
    let used = columns
        .iter()
        .flatten()
        .any(|part| matches!(part, Part::ClientIp | Part::Host | Part::Url | Part::Path));
    timed && used
}

/// Names of columns, as W3C's draft builds them and as the makers extend them.
fn part(name: &[u8]) -> Option<Part> {
    Some(match name {
        b"date" => Part::Date,
        b"time" => Part::Clock,
        b"gmttime" | b"localtime" => Part::Time,
        b"timestamp" | b"x-timestamp" | b"x-timestamp-unix" => Part::Epoch,
        b"c-ip" | b"src-ip" | b"x-client-ip" => Part::ClientIp,
        b"c-port" | b"src-port" => Part::ClientPort,
        b"s-ip" | b"r-ip" | b"dst-ip" | b"cs-ip" => Part::ServerIp,
        b"s-port" | b"r-port" | b"dst-port" => Part::ServerPort,
        b"protocol" => Part::Protocol,
        b"size" => Part::Sent,
        b"action" | b"s-action" | b"sc-result-code" => Part::Action,
        b"sc-filter-result" => Part::Verdict,
        b"cs-username" | b"cs-user" | b"x-cache-user" => Part::User,
        b"cs-method" => Part::Method,
        b"cs-uri" | b"c-uri" | b"cs-url" => Part::Url,
        b"cs-uri-scheme" | b"cs-protocol" => Part::Scheme,
        b"cs-host" | b"cs(Host)" | b"r-host" | b"cs-uri-host" => Part::Host,
        b"cs-uri-stem" | b"cs-uri-path" => Part::Path,
        b"cs-uri-query" => Part::Query,
        b"sc-status" | b"sc-http-status" => Part::Status,
        b"sc-bytes" => Part::Received,
        b"cs-bytes" => Part::Sent,
        b"time-taken" | b"x-elapsed-time" => Part::Duration,
        b"cs(User-Agent)" | b"c-agent" => Part::Agent,
        b"cs(Referer)" | b"cs(Referrer)" => Part::Referrer,
        b"rs(Content-Type)" | b"cs-mime-type" | b"sc-mime-type" => Part::ContentType,
        b"cs-categories" | b"sc-filter-category" | b"x-webcat-code-full" | b"cs-category" => {
            Part::Category
        }
        b"x-policy-name" | b"rule" | b"x-acltag" => Part::Policy,
        _ => return None,
    })
}

/// The default columns that a line without heading has, if it has exactly those of one maker.
fn default_columns(line: &[u8]) -> Option<&'static str> {
    let mut words = 0;
    let mut at = [[].as_slice(); 16];
    each_word(line, &mut |word| {
        if let Some(place) = at.get_mut(words) {
            *place = word;
        }
        words += 1;
        words <= MOST_COLUMNS
    });
    let dated = at
        .first()
        .is_some_and(|date| date.len() == 10 && date.get(4) == Some(&b'-'));
    if !dated {
        return None;
    }
    let is_address = |place: usize| at.get(place).is_some_and(|word| address(word).is_some());
    DEFAULTS
        .iter()
        .find(|(count, place, _)| *count == words && is_address(*place))
        .map(|(_, _, names)| *names)
}

/// How many columns a default has, which of them is certainly an address, and their names: IIS 7 and later, IIS 6, Blue Coat's `main`
/// and `bcreportermain_v1`.
static DEFAULTS: &[(usize, usize, &str)] = &[
    (
        15,
        2,
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
    ),
    (
        14,
        2,
        "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status sc-substatus sc-win32-status time-taken",
    ),
    (
        25,
        3,
        "date time time-taken c-ip sc-status s-action sc-bytes cs-bytes cs-method cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs-username cs-auth-group s-hierarchy s-supplier-name rs(Content-Type) cs(User-Agent) sc-filter-result cs-category x-virus-id x-s-ip s-sitename",
    ),
    (
        26,
        3,
        "date time time-taken c-ip cs-username cs-auth-group x-exception-id sc-filter-result cs-categories cs(Referer) sc-status s-action cs-method rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs-uri-extension cs(User-Agent) x-s-ip sc-bytes cs-bytes x-virus-id x-bluecoat",
    ),
];

/// Columns at most.
const MOST_COLUMNS: usize = 200;
