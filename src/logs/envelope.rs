//! The heading of a line, whoever wrote it: RFC 3164, RFC 5424, the RFC 3339 stamps of rsyslog, the stamps of appliances, and
//! none at all. A line always has an envelope; what is not there is empty.

use super::fields::{Words, number};
use super::stamps::{Stamp, stamp};
use super::syslog::without_priority;
use super::times::LocalClock;

/// A line with its heading taken off.
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
        let bare = without_priority(line);
        if let Some(rest) = bare.strip_prefix(b"1 ")
            && bare.len() < line.len()
            && let Some(envelope) = Self::of_rfc_5424(rest, clock)
        {
            return envelope;
        }
        // Some senders number their messages: `<189>123: `.
        let numbered = memchr::memchr(b':', bare)
            .filter(|at| *at < 10 && bare.len() < line.len())
            .and_then(|at| bare.split_at_checked(at))
            .filter(|(word, _)| number(word).is_some())
            .and_then(|(_, rest)| rest.strip_prefix(b": "));
        let (stamp, rest) = stamp(numbered.unwrap_or(bare), clock);
        let (host, program, message) = tagged(rest);
        Envelope {
            stamp,
            host,
            program,
            message,
        }
    }

    /// `TIME HOST APP PROCID MSGID [data] message`, after the version.
    fn of_rfc_5424(rest: &'a [u8], clock: &LocalClock) -> Option<Self> {
        let mut words = Words::of(rest);
        let when = words.next()?;
        let stamp = match when {
            b"-" => Stamp::Missing,
            when => stamp(when, clock).0,
        };
        let (host, program) = (words.next()?, words.next()?);
        let (_process, _id) = (words.next()?, words.next()?);
        let message = without_structured_data(words.rest())?;
        Some(Envelope {
            stamp,
            host,
            program,
            message: message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message),
        })
    }
}

/// Splits `[host] program[12]: message`. Without a word that ends in a colon all of it is message.
fn tagged(rest: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let mut words = Words::of(rest);
    let Some(first) = words.next() else {
        return (&[], &[], &[]);
    };
    if let Some(tag) = first.strip_suffix(b":") {
        return (&[], program(tag), words.rest());
    }
    let Some(second) = words.next() else {
        return (&[], &[], rest);
    };
    match second.strip_suffix(b":") {
        Some(tag) => (first, program(tag), words.rest()),
        // `host program[12] message`, as some appliances write it.
        None if second.ends_with(b"]") && memchr::memchr(b'[', second).is_some_and(|at| at > 0) => {
            (first, program(second), words.rest())
        }
        None => (&[], &[], rest),
    }
}

/// The name before the number of the process; some paths stand before the name.
fn program(tag: &[u8]) -> &[u8] {
    let end = memchr::memchr(b'[', tag).unwrap_or(tag.len());
    let name = tag.get(..end).unwrap_or_default();
    match memchr::memrchr(b'/', name) {
        Some(at) if name.starts_with(b"/") => name.get(at + 1..).unwrap_or_default(),
        _ => name,
    }
}

/// Passes over `-` or `[id name="value" ...]`, several of them without a blank between.
fn without_structured_data(rest: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = rest.strip_prefix(b"-") {
        return Some(rest.trim_ascii_start());
    }
    let mut rest = rest;
    while rest.starts_with(b"[") {
        let (mut quoted, mut escaped) = (false, false);
        let end = rest.iter().position(|byte| {
            let ends = *byte == b']' && !quoted;
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = !quoted,
                _ => {}
            }
            ends
        })?;
        rest = rest.get(end + 1..)?;
    }
    Some(rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::tests::settings;

    #[test]
    fn a_heading_is_taken_off_whoever_wrote_it() {
        let clock = LocalClock::new(&settings());
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
