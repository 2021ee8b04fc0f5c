//! What collectors and relays put before a message: a priority, a time, a host, a program (RFC 3164, RFC 5424, and what is written in
//! their place). It may be missing wholly or in part; then the message begins earlier.

use super::fields::{Words, address, number};
use super::stamps::{self, Stamp};
use super::times::LocalClock;
use crate::record::Timestamp;

/// A line, what a collector put before it taken off. The time is read only when it is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heading<'a> {
    when: When<'a>,
    /// The machine that says it wrote it.
    pub(super) host: &'a [u8],
    /// The program, without its process number; empty where none is named.
    pub(super) program: &'a [u8],
    /// What it says.
    pub(super) message: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum When<'a> {
    None,
    /// A time with a year.
    Full(&'a [u8]),
    /// Month, day, clock time.
    Yearless(&'a [u8], &'a [u8], &'a [u8]),
}

impl<'a> Heading<'a> {
    /// Takes the heading off, as much of it as there is.
    pub(super) fn of(line: &'a [u8]) -> Self {
        let line = unnumbered(line.trim_ascii_start());
        if let Some(envelope) = Self::rfc_5424(line) {
            return envelope;
        }
        let Some((when, rest)) = when(line) else {
            return Heading {
                when: When::None,
                host: &[],
                program: &[],
                message: line,
            };
        };
        let (host, program, message) = host_and_program(without_priority(rest), true);
        Heading {
            when,
            host,
            program,
            message,
        }
    }

    /// When the line was written; `None` also where nothing says so.
    pub(super) fn time(&self, clock: &LocalClock) -> Option<Timestamp> {
        match self.when {
            When::None => None,
            When::Full(text) => clock.stamp(text),
            When::Yearless(month, day, time) => clock.without_year(month, day, time),
        }
    }

    /// `1 TIME HOST PROGRAM PROCESS MESSAGE-ID [DATA] MESSAGE` (RFC 5424, 6).
    fn rfc_5424(line: &'a [u8]) -> Option<Self> {
        let mut words = Words::of(line.strip_prefix(b"1 ")?);
        let time = words.next()?;
        let when = match time {
            b"-" => When::None,
            _ if looks_like_a_stamp(time) => When::Full(time),
            _ => return None,
        };
        let host = words.next()?;
        let program = words.next()?;
        let (_process, _kind) = (words.next()?, words.next()?);
        let rest = words.rest();
        let rest = match rest {
            [b'-', rest @ ..] => rest,
            [b'[', ..] => after_data(rest)?,
            _ => rest,
        };
        let message = rest.trim_ascii_start();
        Some(Heading {
            when,
            host,
            program: program.strip_prefix(b"-").unwrap_or(program),
            message: message
                .strip_prefix("\u{feff}".as_bytes())
                .unwrap_or(message),
        })
    }
}

/// A line with its heading taken off, whoever wrote it: what collectors put there, or the stamps of appliances and servers
/// that write their files themselves ([`stamps`]). What is not there is empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    /// When it was written.
    pub(super) stamp: Stamp,
    /// The machine that says it wrote it.
    pub(super) host: &'a [u8],
    /// The program, without its process number.
    pub(super) program: &'a [u8],
    /// What it says.
    pub(super) message: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes the heading off.
    pub(super) fn of(line: &'a [u8], clock: &LocalClock) -> Self {
        let heading = Heading::of(line);
        if !matches!(heading.when, When::None) {
            return Envelope {
                stamp: heading.time(clock).map_or(Stamp::Bad, Stamp::At),
                host: heading.host,
                program: heading.program,
                message: heading.message,
            };
        }
        let (stamp, rest) = stamps::stamp(heading.message, clock);
        let (host, program, message) = match heading.program {
            [] => host_and_program(rest, false),
            program => (heading.host, program, rest),
        };
        Envelope {
            stamp,
            host,
            program,
            message,
        }
    }
}

/// The line without priority, and without the number that some senders give their messages: `<189>123: `.
fn unnumbered(line: &[u8]) -> &[u8] {
    let bare = without_priority(line);
    memchr::memchr(b':', bare.get(..10).unwrap_or(bare))
        .filter(|_| bare.len() < line.len())
        .and_then(|at| bare.split_at_checked(at))
        .filter(|(word, _)| number(word).is_some())
        .and_then(|(_, rest)| rest.strip_prefix(b": "))
        .unwrap_or(bare)
}

/// The line without the `<30>` that stands before it where it was taken off the network.
pub(super) fn without_priority(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"<") else {
        return line;
    };
    match memchr::memchr(b'>', rest.get(..5).unwrap_or(rest)) {
        Some(end @ 1..=3) => rest.get(end + 1..).unwrap_or(line).trim_ascii_start(),
        _ => line,
    }
}

/// What stands after the structured data: `[id name="value"][id ...]`, in which a backslash protects the next byte.
fn after_data(data: &[u8]) -> Option<&[u8]> {
    let mut quoted = false;
    let mut bytes = data.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if quoted => drop(bytes.next()),
            b'"' => quoted = !quoted,
            b']' if !quoted => match data.get(at + 1) {
                Some(b'[') => {}
                _ => return data.get(at + 1..),
            },
            _ => {}
        }
    }
    None
}

/// The time that a line begins with, and what stands after it.
fn when(line: &[u8]) -> Option<(When<'_>, &[u8])> {
    let mut words = Words::of(line);
    let first = words.next()?;
    if first.first()?.is_ascii_digit() {
        return looks_like_a_stamp(first).then(|| (When::Full(first), words.rest()));
    }
    if first.len() != 3 || crate::logs::times::month_number(first).is_none() {
        return None;
    }
    let (day, third) = (words.next()?, words.next()?);
    if third.contains(&b':') {
        let time = third.strip_suffix(b":").unwrap_or(third);
        // `Mar  2 10:15:00 2026 host`
        let mut after = words.clone();
        if after.next().is_some_and(is_year) {
            let length = line.len() - after.rest().len();
            return Some((When::Full(line.get(..length)?), after.rest()));
        }
        let mut zoned = words.clone();
        let rest = match zoned.next() {
            Some(b"UTC" | b"GMT" | b"BST") => zoned.rest(),
            _ => words.rest(),
        };
        return Some((When::Yearless(first, day, time), rest));
    }
    // `Mar 02 2026 10:15:00 [UTC]`
    is_year(third).then_some(())?;
    let time = words.next().filter(|word| word.contains(&b':'))?;
    let mut zoned = words.clone();
    if matches!(
        zoned.next(),
        Some(b"UTC" | b"GMT" | b"BST" | b"UTC:" | b"GMT:")
    ) {
        words = zoned;
    }
    let _ = time;
    let length = line.len() - words.rest().len();
    let text = line.get(..length)?.trim_ascii_end();
    Some((
        When::Full(text.strip_suffix(b":").unwrap_or(text)),
        words.rest(),
    ))
}

fn is_year(word: &[u8]) -> bool {
    matches!(word, [b'1' | b'2', b, c, d] if [b, c, d].iter().all(|byte| byte.is_ascii_digit()))
}

/// `2026-03-02T10:15:00...` and its like in one word.
fn looks_like_a_stamp(word: &[u8]) -> bool {
    word.len() >= 19
        && word
            .get(..4)
            .is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && matches!(word.get(4), Some(b'-' | b':' | b'/'))
        && matches!(word.get(10), Some(b'T' | b't' | b'-' | b'_'))
        && matches!(word.get(13), Some(b':'))
}

/// `host program[process]: message`, of which host, program or both may be missing. Where no program is named, the first word is
/// taken for the host only if the heading is one that has a host.
fn host_and_program(rest: &[u8], hosted: bool) -> (&[u8], &[u8], &[u8]) {
    let mut words = Words::of(rest);
    let Some(first) = words.next() else {
        return (&[], &[], rest);
    };
    if let Some(program) = tag(first) {
        return (&[], program, words.rest());
    }
    if !is_host(first) {
        return (&[], &[], rest);
    }
    let after_host = words.rest();
    match words.next() {
        // Cisco writes `host : %ASA-...`.
        Some(b":") => (first, &[], words.rest()),
        Some(word) => match tag(word).or_else(|| numbered_tag(word)) {
            Some(program) => (first, program, words.rest()),
            // A relay that names itself and then the address it had the line from.
            None if hosted && address(word).is_some() => match words.next().and_then(tag) {
                Some(program) => (first, program, words.rest()),
                None => (first, &[], after_host),
            },
            None if hosted => (first, &[], after_host),
            None => (&[], &[], rest),
        },
        None => (&[], &[], rest),
    }
}

fn is_host(word: &[u8]) -> bool {
    word.iter().all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'/' | b'%')
    }) && !word.starts_with(b"CEF:")
        && !word.starts_with(b"LEEF:")
}

/// The name in `program:`, `program[process]:`, without a path before it.
fn tag(word: &[u8]) -> Option<&[u8]> {
    let tag = word.strip_suffix(b":")?;
    let end = memchr::memchr(b'[', tag).unwrap_or(tag.len());
    let name = tag.get(..end)?;
    let sound = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'|' | b'"');
    if name.is_empty() || !name.iter().all(sound) {
        return None;
    }
    match memchr::memrchr(b'/', name) {
        Some(at) if name.starts_with(b"/") => name.get(at + 1..),
        _ => Some(name),
    }
}

/// The name in `program[12]` without a colon, as some appliances write it.
fn numbered_tag(word: &[u8]) -> Option<&[u8]> {
    let inner = word.strip_suffix(b"]")?;
    let at = memchr::memchr(b'[', inner)?;
    number(inner.get(at + 1..)?)?;
    (at > 0).then(|| inner.get(..at)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::format::{Fold, SourceSettings};
    use jiff::tz::TimeZone;

    #[test]
    fn a_heading_is_taken_off_however_it_is_written() {
        let clock = LocalClock::new(&SourceSettings {
            zone: TimeZone::UTC,
            reference: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(),
            fold: Fold::Reject,
            corrections: Default::default(),
        });
        for (line, host, program, message) in [
            (
                "<30>Mar  2 10:15:00 fw1 filterlog[12]: 5,,x",
                "fw1",
                "filterlog",
                "5,,x",
            ),
            ("Mar  2 10:15:00 filterlog: 5,,x", "", "filterlog", "5,,x"),
            (
                "<30>1 2026-03-02T10:15:00Z fw1 filterlog 12 - - 5,,x",
                "fw1",
                "filterlog",
                "5,,x",
            ),
            (
                "<30>1 2026-03-02T10:15:00.5+00:00 fw1 - - - [a b=\"]\\\"\"][c] {}",
                "fw1",
                "",
                "{}",
            ),
            (
                "2026-03-02T10:15:00+00:00 fw1 prog: text",
                "fw1",
                "prog",
                "text",
            ),
            (
                "<166>Mar 02 2026 10:15:00 fw1 : %ASA-6-1: x",
                "fw1",
                "",
                "%ASA-6-1: x",
            ),
            (
                "<166>Mar 02 2026 10:15:00: %ASA-6-1: x",
                "",
                "%ASA-6-1",
                "x",
            ),
            ("Mar  2 10:15:00 2026 fw1 a=b", "fw1", "", "a=b"),
            ("Mar  2 10:15:00 UTC fw1 a=b", "fw1", "", "a=b"),
            ("Mar  2 10:15:00 fw1 CEF:0|a|b", "fw1", "", "CEF:0|a|b"),
            ("Mar  2 10:15:00 CEF:0|a|b", "", "", "CEF:0|a|b"),
            (
                "2026:03:02-10:15:00 fw1 httpproxy[7]: id=\"1\"",
                "fw1",
                "httpproxy",
                "id=\"1\"",
            ),
            ("Mar  2 10:15:00 fw1 <30>a=b c", "fw1", "", "<30>a=b c"),
        ] {
            let envelope = Heading::of(line.as_bytes());
            let told = [envelope.host, envelope.program, envelope.message]
                .map(|part| String::from_utf8_lossy(part).into_owned());
            assert_eq!(told, [host, program, message], "{line}");
            let time = envelope.time(&clock).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(time.seconds(), 1_772_446_500, "{line}");
        }
        let bare = Heading::of(b"<189>date=2026-03-02 a=b");
        assert_eq!(
            (bare.message, bare.time(&clock)),
            (&b"date=2026-03-02 a=b"[..], None)
        );
    }

    #[test]
    fn a_heading_is_taken_off_whoever_wrote_it() {
        let clock = LocalClock::new(&crate::logs::tests::settings());
        for line in [
            "Mar  2 10:15:00 dns1 named[811]: said",
            "<30>Mar  2 10:15:00 dns1 named[811]: said",
            "<30>1 2026-03-02T10:15:00Z dns1 named 811 - - said",
            "<30>1 2026-03-02T10:15:00.000Z dns1 named 811 id [a@1 b=\"c]\\\"\"][d] \u{feff}said",
            "2026-03-02T10:15:00+00:00 dns1 named: said",
            "<30>77: Mar  2 10:15:00 dns1 named[811]: said",
        ] {
            let read = Envelope::of(line.as_bytes(), &clock);
            let time = read.stamp.moment().unwrap().to_string();
            assert_eq!(time, "2026-03-02T10:15:00.000000Z", "{line}");
            assert_eq!(
                (read.host, read.program, read.message),
                (&b"dns1"[..], &b"named"[..], &b"said"[..]),
                "{line}"
            );
        }
        let bare = Envelope::of(b"nothing of the kind", &clock);
        assert_eq!(
            (bare.stamp, bare.message),
            (Stamp::Missing, &b"nothing of the kind"[..])
        );
    }
}
