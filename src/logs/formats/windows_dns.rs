//! The debug log of Windows's DNS server: packets received and sent. Questions that clients sent are records; answers, and what the server asks
//! others, are passed over.
//!
//! Dates are as the server's language has them: with AM and PM the month stands first, else the day. Names are written with the length of each label.

use std::borrow::Cow;

use crate::logs::fields::{Words, address, number, text};
use crate::logs::lines::{LineFormat, OTHER, Passed, Read, question};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{DnsQuery, Event, IgnoreReason, RejectReason};

pub(super) static WINDOWS_DNS: LineFormat = LineFormat {
    name: "windows_dns",
    title: "Windows DNS server (debug log)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    memchr::memmem::find(line, b" PACKET ").is_some_and(|at| at < 48) || is_preamble(line)
}

fn is_preamble(line: &[u8]) -> bool {
    [
        "DNS Server log file creation at ",
        "Log file wrap at ",
        "Message logging key",
    ]
    .iter()
    .any(|start| line.starts_with(start.as_bytes()))
        || (line.starts_with(b"\t")
            && [
                "Field #",
                "Information",
                "Values",
                "Remote IP",
                "Flags (char codes)",
                "Question Type",
                "Question Name",
                "Thread ID",
                "Context",
                "Internal packet",
                "UDP/TCP",
                "Send/Receive",
                "Xid (hex)",
                "Query/Response",
                "Opcode",
                "Date",
                "Time",
                "ResponseCode",
                "[ ",
                "-",
            ]
            .iter()
            .any(|word| memchr::memmem::find(line, word.as_bytes()).is_some()))
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let Some(at) = memchr::memmem::find(line, b" PACKET ").filter(|at| *at < 48) else {
        let detail = is_preamble(line) || line.first().is_some_and(u8::is_ascii_whitespace);
        return Err(match line.first() {
            _ if detail => Passed::Ignored(IgnoreReason::Comment),
            Some(first) if first.is_ascii_digit() => OTHER,
            _ => RejectReason::WrongShape.into(),
        });
    };
    let (heading, packet) = line.split_at_checked(at).ok_or(RejectReason::WrongShape)?;
    // After the word: a pointer, UDP or TCP, which way.
    let mut words = Words::of(packet).skip(2);
    let (Some(_transport), Some(way), Some(client)) = (words.next(), words.next(), words.next())
    else {
        return Err(RejectReason::MissingFields.into());
    };
    let _identity = words.next().ok_or(RejectReason::MissingFields)?;
    // An answer has an R before the letter of its kind; updates and notices are no questions.
    if way != b"Rcv" || words.next() != Some(b"Q") {
        return Err(OTHER);
    }
    let end = memchr::memchr(b']', packet).ok_or(RejectReason::MissingFields)?;
    let mut words = Words::of(packet.get(end + 1..).unwrap_or_default());
    let (Some(qtype), Some(name)) = (words.next(), words.next()) else {
        return Err(RejectReason::MissingFields.into());
    };
    let time = time_of(heading, clock)?;
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(address(client).ok_or(RejectReason::BadAddress)?),
        qname: name_of(name).ok_or(RejectReason::WrongShape)?.into(),
        qtype: text(qtype).into(),
        ..question(time)
    }))
}

fn time_of(heading: &[u8], clock: &LocalClock) -> Result<crate::record::Timestamp, RejectReason> {
    // The number of the thread stands last.
    let thread = memchr::memrchr(b' ', heading.trim_ascii_end()).ok_or(RejectReason::BadTime)?;
    let stamp = heading.get(..thread).unwrap_or_default().trim_ascii();
    let order = match stamp.ends_with(b"AM") || stamp.ends_with(b"PM") {
        true => DayOrder::MonthFirst,
        false => DayOrder::DayFirst,
    };
    moment(stamp, order, clock).ok_or(RejectReason::BadTime)
}

/// `(3)www(5)maths(7)example(0)`.
fn name_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let mut name = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let inner = rest.strip_prefix(b"(")?;
        let end = memchr::memchr(b')', inner)?;
        let length = usize::try_from(number(inner.get(..end)?)?).ok()?;
        if length == 0 {
            break;
        }
        let (label, after) = inner.get(end + 1..)?.split_at_checked(length)?;
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend(label.iter().map(u8::to_ascii_lowercase));
        rest = after;
    }
    if name.is_empty() {
        name.push(b'.');
    }
    Some(Cow::Owned(text(&name).into_owned()))
}
