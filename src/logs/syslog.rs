//! The heading of a syslog line as files have it: time, host, program. Both stamps that are in use: RFC 3164's without year, and RFC 3339's.

use super::fields::Words;
use super::times::LocalClock;
use crate::record::Timestamp;

/// A syslog line, its heading read.
#[derive(Clone, Copy, Debug)]
pub(super) struct SyslogLine<'a> {
    /// When it was written; nothing if the stamp can not be read.
    pub(super) time: Option<Timestamp>,
    /// The program, without its process number.
    pub(super) program: &'a [u8],
    /// What it says.
    pub(super) message: &'a [u8],
}

impl<'a> SyslogLine<'a> {
    /// Splits a line; `None` if it does not have the shape of one.
    pub(super) fn split(line: &'a [u8], clock: &LocalClock) -> Option<Self> {
        let mut words = Words::of(without_priority(line));
        let first = words.next()?;
        let time = if first.first()?.is_ascii_digit() {
            if first.len() < 19 {
                return None;
            }
            clock.rfc_3339(first)
        } else {
            let (day, time) = (words.next()?, words.next()?);
            if first.len() != 3 || !time.contains(&b':') {
                return None;
            }
            clock.without_year(first, day, time)
        };
        let _host = words.next()?;
        let tag = words.next()?.strip_suffix(b":")?;
        let end = memchr::memchr(b'[', tag).unwrap_or(tag.len());
        Some(SyslogLine {
            time,
            program: tag.get(..end)?,
            message: words.rest(),
        })
    }
}

/// The line without the `<30>` that stands before it where it was taken off the network.
pub(super) fn without_priority(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"<") else {
        return line;
    };
    match memchr::memchr(b'>', rest) {
        Some(end @ 1..=3) => rest.get(end + 1..).unwrap_or(line),
        _ => line,
    }
}
