//! e2guardian and DansGuardian, log formats 1 to 8, told apart line by line: with quotation marks and commas (2), with tabs and a date (4),
//! with tabs and seconds since 1970 (5 to 8), and with blanks (1). Format 3 is Squid's native one with its own words, which `squid_native`
//! reads too.
//!
//! What was done is said by the number of the message where the format has one, else by the words that start `what`, which translations
//! change: `*DENIED*` and its kin. A blank in format 1 may be part of a field; its URL is the first word with `://`.

use memchr::memmem;

use crate::logs::cells::Fields;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::stamps::utc_stamp;
use crate::logs::times::{LocalClock, epoch};
use crate::record::{Action, Event, RejectReason, Timestamp};

/// e2guardian's access log.
pub(super) static E2GUARDIAN: LineFormat<ReadLines> = LineFormat {
    name: "e2guardian",
    title: "e2guardian, DansGuardian (formats 1 to 8)",
    extensions: &["log"],
    is_ours: |line| layout(body(line)).is_some(),
    read,
};

/// Which of the layouts a line has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Blanks,
    Quotes,
    Tabs,
    Numbered,
}

fn body(line: &[u8]) -> &[u8] {
    // Formats with a date of their own have no heading that looks like it.
    let envelope = Heading::of(line);
    if envelope.program.is_empty() {
        line
    } else {
        envelope.message
    }
}

fn layout(line: &[u8]) -> Option<Layout> {
    let dated = |text: &[u8]| {
        text.get(4) == Some(&b'.') && text.first().is_some_and(u8::is_ascii_digit) && {
            let head = text.get(..18).unwrap_or(text);
            head.contains(&b' ') && head.contains(&b':')
        }
    };
    if let Some(inner) = line.strip_prefix(b"\"") {
        return (dated(inner) && memmem::find(inner, b"\",\"").is_some()).then_some(Layout::Quotes);
    }
    if line.contains(&b'\t') {
        let mut fields = line.split(|byte| *byte == b'\t');
        let first = fields.next()?;
        if dated(first) {
            return Some(Layout::Tabs);
        }
        let ip_fourth = fields.nth(2).is_some_and(|ip| address(ip).is_some());
        return (epoch(first).is_some() && ip_fourth).then_some(Layout::Numbered);
    }
    (dated(line) && memmem::find(line, b"://").is_some()).then_some(Layout::Blanks)
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let line = body(line);
    let (said, time, action, ms) = match layout(line).ok_or(WRONG_SHAPE)? {
        Layout::Numbered => numbered(line)?,
        Layout::Blanks => blanks(line, clock)?,
        Layout::Quotes => dated(line, b',', clock)?,
        Layout::Tabs => dated(line, b'\t', clock)?,
    };
    out(said.web_event(time, action, ms)?);
    Ok(())
}

type Line<'a> = (Said<'a>, Timestamp, Option<Action>, Option<u64>);

/// Formats 2 and 4: `when user ip url what method size weight categories group code mime host group-name agent ...`.
fn dated<'a>(line: &'a [u8], mark: u8, clock: &LocalClock) -> Result<Line<'a>, Passed> {
    let (columns, count) = if mark == b',' {
        quoted(line).ok_or(WRONG_SHAPE)?
    } else {
        Fields::columns::<24>(line, mark).ok_or(WRONG_SHAPE)?
    };
    if count < 9 {
        return Err(MISSING);
    }
    let at = |place: usize| columns.get(place).copied().unwrap_or_default();
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::User, at(1));
    put_ip(&mut said, at(2));
    said.put(Part::Url, at(3));
    said.put(Part::Method, at(5));
    said.put(Part::Received, at(6));
    said.put(Part::Category, at(8));
    said.put(Part::Status, at(10));
    said.put(Part::ContentType, at(11));
    said.put(Part::Policy, at(13));
    said.put(Part::Agent, at(14));
    Ok((said, when(at(0), clock)?, Some(by_words(at(4))), None))
}

/// Fields of format 2: between quotation marks, which are not escaped, so `","` alone ends one.
fn quoted(line: &[u8]) -> Option<([&[u8]; 24], usize)> {
    let mut rest = line.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut columns = [[].as_slice(); 24];
    let mut count = 0;
    loop {
        let end = memmem::find(rest, b"\",\"");
        if let Some(place) = columns.get_mut(count) {
            *place = rest.get(..end.unwrap_or(rest.len()))?;
        }
        count += 1;
        match end {
            Some(end) => rest = rest.get(end + 3..)?,
            None => return Some((columns, count)),
        }
    }
}

/// Formats 5 to 8: `when server user ip [host] url method code size mime agent result duration peer number what weight categories group
/// group-number [search flags]`.
fn numbered(line: &[u8]) -> Result<Line<'_>, Passed> {
    let mut columns = [[].as_slice(); 28];
    let mut count = 0;
    for field in line.split(|byte| *byte == b'\t') {
        if let Some(place) = columns.get_mut(count) {
            *place = field;
        }
        count += 1;
    }
    let url = columns
        .iter()
        .take(6)
        .skip(4)
        .position(|field| memmem::find(field, b"://").is_some() || field.ends_with(b":443"));
    let begin = 4 + url.ok_or(if count < 18 {
        MISSING
    } else {
        RejectReason::BadUrl.into()
    })?;
    if count < begin + 14 {
        return Err(MISSING);
    }
    let at = |place: usize| columns.get(begin + place).copied().unwrap_or_default();
    let [when, _, user, ip, ..] = columns;
    let time = epoch(when).ok_or(BAD_TIME)?;
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::User, user);
    put_ip(&mut said, ip);
    said.put(Part::Url, at(0));
    said.put(Part::Method, at(1));
    said.put(Part::Status, at(2));
    said.put(Part::Received, at(3));
    said.put(Part::ContentType, at(4));
    said.put(Part::Agent, at(5));
    said.put(Part::Duration, at(7));
    said.put(Part::Category, at(12));
    said.put(Part::Policy, at(13));
    let action = match by_words(at(10)) {
        Action::Allowed if number(at(9)).is_some_and(|number| DENIALS.contains(&number)) => {
            Action::Blocked
        }
        action => action,
    };
    let ms = said.duration_ms(1_000)?;
    Ok((said, time, Some(action), ms))
}

/// Format 1, whose fields are set apart by single blanks: `date time user ip url what method size weight categories ...`.
fn blanks<'a>(line: &'a [u8], clock: &LocalClock) -> Result<Line<'a>, Passed> {
    let mut words = Words::of(line);
    let (date, time) = (words.next().ok_or(MISSING)?, words.next().ok_or(MISSING)?);
    let mut next = words.next().ok_or(MISSING)?;
    if epoch(next).is_some() && next.len() >= 10 {
        next = words.next().ok_or(MISSING)?;
    }
    let user = next;
    let ip = words.next().ok_or(MISSING)?;
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::User, user);
    address(ip).ok_or(RejectReason::BadAddress)?;
    put_ip(&mut said, ip);
    said.put(Part::Url, words.next().ok_or(MISSING)?);
    let what = words.rest();
    // The method is the first word that is one; its size follows.
    while let Some(word) = words.next() {
        if METHODS.iter().any(|method| method.as_bytes() == word) {
            let size = words.next().ok_or(MISSING)?;
            said.put(Part::Method, word);
            said.put(Part::Received, size);
            break;
        }
    }
    said.raw(Part::Method).ok_or(MISSING)?;
    let time = clock.stamp_of(date, time, None).ok_or(BAD_TIME)?;
    Ok((said, time, Some(by_words(what)), None))
}

fn put_ip<'a>(said: &mut Said<'a>, ip: &'a [u8]) {
    // What `anonymizelogs` writes is nobody's address.
    if ip != b"0.0.0.0" {
        said.put(Part::ClientIp, ip);
    }
}

/// `2026.3.2 10:15:00`, and seconds since 1970 after it where `logtimestamp` is on.
fn when(text: &[u8], clock: &LocalClock) -> Result<Timestamp, Passed> {
    let mut words = Words::of(text);
    let (date, time) = (words.next().ok_or(BAD_TIME)?, words.next().ok_or(BAD_TIME)?);
    let exact = words.next().and_then(utc_stamp);
    exact
        .or_else(|| clock.stamp_of(date, time, None))
        .ok_or(BAD_TIME)
}

fn by_words(what: &[u8]) -> Action {
    let has = |word: &[u8]| memmem::find(what, word).is_some();
    if has(b"*DENIED*") || has(b"*INFECTED*") {
        Action::Blocked
    } else if has(b"*OVERRIDE*") || has(b"*BYPASS*") {
        Action::Overridden
    } else {
        Action::Allowed
    }
}

static METHODS: &[&str] = &[
    "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE",
];

/// Numbers of messages that are refusals, in `languages/ukenglish/messages`.
static DENIALS: &[u64] = &[
    100, 101, 102, 200, 300, 301, 400, 401, 402, 403, 450, 500, 501, 502, 503, 504, 505, 506, 507,
    508, 560, 600, 601, 604, 700, 701, 750, 751, 800, 900, 901, 1000, 1100,
];
