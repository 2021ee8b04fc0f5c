//! What collectors and relays put before a message: a priority, a time, a host, a program (RFC 3164, RFC 5424, and what is written in
//! their place). It may be missing wholly or in part; then the message begins earlier.

use crate::logs::fields::Words;
use crate::logs::times::LocalClock;
use crate::record::Timestamp;

/// A line, its heading taken off.
#[derive(Clone, Copy, Debug)]
pub(in crate::logs) struct Envelope<'a> {
    stamp: Stamp<'a>,
    /// The program, without its process number; empty where none is named.
    pub(in crate::logs) program: &'a [u8],
    /// What it says.
    pub(in crate::logs) message: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Stamp<'a> {
    None,
    /// A time with a year.
    Full(&'a [u8]),
    /// Month, day, clock time.
    Yearless(&'a [u8], &'a [u8], &'a [u8]),
}

impl<'a> Envelope<'a> {
    /// Takes the heading off, as much of it as there is.
    pub(in crate::logs) fn of(line: &'a [u8]) -> Self {
        let line = without_priority(line.trim_ascii_start());
        if let Some(envelope) = Self::rfc_5424(line) {
            return envelope;
        }
        let Some((stamp, rest)) = stamp(line) else {
            return Envelope {
                stamp: Stamp::None,
                program: &[],
                message: line,
            };
        };
        let (_host, program, message) = host_and_program(without_priority(rest));
        Envelope {
            stamp,
            program,
            message,
        }
    }

    /// When the line was written; `None` also where nothing says so.
    pub(in crate::logs) fn time(&self, clock: &LocalClock) -> Option<Timestamp> {
        match self.stamp {
            Stamp::None => None,
            Stamp::Full(text) => clock.stamp(text),
            Stamp::Yearless(month, day, time) => clock.without_year(month, day, time),
        }
    }

    /// `1 TIME HOST PROGRAM PROCESS MESSAGE-ID [DATA] MESSAGE` (RFC 5424, 6).
    fn rfc_5424(line: &'a [u8]) -> Option<Self> {
        let mut words = Words::of(line.strip_prefix(b"1 ")?);
        let time = words.next()?;
        let stamp = match time {
            b"-" => Stamp::None,
            _ if looks_like_a_stamp(time) => Stamp::Full(time),
            _ => return None,
        };
        let _host = words.next()?;
        let program = words.next()?;
        let (_process, _kind) = (words.next()?, words.next()?);
        let rest = words.rest();
        let rest = match rest {
            [b'-', rest @ ..] => rest,
            [b'[', ..] => after_data(rest)?,
            _ => rest,
        };
        let message = rest.trim_ascii_start();
        Some(Envelope {
            stamp,
            program: program.strip_prefix(b"-").unwrap_or(program),
            message: message
                .strip_prefix("\u{feff}".as_bytes())
                .unwrap_or(message),
        })
    }
}

/// The line without the `<30>` that stands before it where it was taken off the network.
fn without_priority(line: &[u8]) -> &[u8] {
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
fn stamp(line: &[u8]) -> Option<(Stamp<'_>, &[u8])> {
    let mut words = Words::of(line);
    let first = words.next()?;
    if first.first()?.is_ascii_digit() {
        return looks_like_a_stamp(first).then(|| (Stamp::Full(first), words.rest()));
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
            return Some((Stamp::Full(line.get(..length)?), after.rest()));
        }
        let mut zoned = words.clone();
        let rest = match zoned.next() {
            Some(b"UTC" | b"GMT" | b"BST") => zoned.rest(),
            _ => words.rest(),
        };
        return Some((Stamp::Yearless(first, day, time), rest));
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
        Stamp::Full(text.strip_suffix(b":").unwrap_or(text)),
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

/// `host program[process]: message`, of which host, program or both may be missing.
fn host_and_program(rest: &[u8]) -> (&[u8], &[u8], &[u8]) {
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
        Some(word) => match tag(word) {
            Some(program) => (first, program, words.rest()),
            None => (first, &[], after_host),
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

/// The name in `program:`, `program[process]:`; a path before it stays.
fn tag(word: &[u8]) -> Option<&[u8]> {
    let tag = word.strip_suffix(b":")?;
    let end = memchr::memchr(b'[', tag).unwrap_or(tag.len());
    let name = tag.get(..end)?;
    let sound = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'=' | b'|' | b'"');
    (!name.is_empty() && name.iter().all(sound)).then_some(name)
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
        for (line, _host, program, message) in [
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
            let envelope = Envelope::of(line.as_bytes());
            let told = [envelope.program, envelope.message]
                .map(|part| String::from_utf8_lossy(part).into_owned());
            assert_eq!(told, [program, message], "{line}");
            let time = envelope.time(&clock).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(time.seconds(), 1_772_446_500, "{line}");
        }
        let bare = Envelope::of(b"<189>date=2026-03-02 a=b");
        assert_eq!(
            (bare.message, bare.time(&clock)),
            (&b"date=2026-03-02 a=b"[..], None)
        );
    }
}
