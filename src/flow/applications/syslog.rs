//! Syslog: a priority in angle brackets, then a version or a date (RFC 3164, 5424), perhaps with a length before it (RFC 6587).

use super::{Answer, Over, Signature, Talk};
use crate::record::ApplicationClass::Network;

pub(super) static SYSLOG: Signature = Signature {
    name: "syslog",
    class: Network,
    over: Over::Streams,
    first: b"<0123456789",
    probe,
};

const PORT: u16 = 514;
const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// The highest priority.
const HIGHEST: u16 = 191;

fn probe(talk: &Talk<'_>) -> Answer {
    let said = talk.now();
    let digits = said.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // A length stands before a message of a stream only.
    let message = match said.get(digits..) {
        Some([b' ', message @ ..]) if talk.is_tcp() && digits > 0 => message,
        Some(_) if digits == 0 => said,
        _ => return Answer::NotMine,
    };
    let Some(rest) = message.strip_prefix(b"<") else {
        return Answer::NotMine;
    };
    let Some(end) = memchr::memchr(b'>', rest.get(..4).unwrap_or(rest)) else {
        return Answer::NotMine;
    };
    let (priority, text) = rest.split_at_checked(end).unwrap_or_default();
    let priority = std::str::from_utf8(priority)
        .ok()
        .and_then(|digits| digits.parse::<u16>().ok());
    let text = text.get(1..).unwrap_or_default();
    let is_dated = MONTHS.iter().any(|month| text.starts_with(month))
        || matches!(text, [b'1', b' ', b'0'..=b'9' | b'-', ..]);
    Answer::when(
        priority.is_some_and(|priority| priority <= HIGHEST) && (is_dated || talk.has_port(PORT)),
    )
}
