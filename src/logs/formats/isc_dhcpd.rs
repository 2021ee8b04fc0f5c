//! ISC dhcpd as it speaks through syslog: which card had which address.
//!
//! Only messages that change a lease are records: `DHCPACK on` (given out, or prolonged if the same card
//! had it last), `DHCPRELEASE`, `DHCPEXPIRE`, `DHCPDECLINE`. Offers, requests and `DHCPACK to` (the
//! answer to an INFORM, which gives out nothing) are passed over.

use super::share_of_lines;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::given::Given;
use crate::logs::times::LocalClock;
use crate::record::{Event, IgnoreReason, Lease, LeaseEvent, Mac, RejectReason, Timestamp};

/// ISC dhcpd's messages in syslog.
pub(super) struct IscDhcpd;

struct Reader {
    clock: LocalClock,
    given: Given,
}

/// A message of a kind that is a record, taken apart but not yet believed.
struct Message<'a> {
    event: LeaseEvent,
    rest: &'a [u8],
}

impl LogFormat for IscDhcpd {
    fn name(&self) -> &'static str {
        "isc_dhcpd"
    }

    fn title(&self) -> &'static str {
        "ISC dhcpd (syslog)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| {
            memchr::memmem::find(line, b" dhcpd[").is_some()
                || memchr::memmem::find(line, b" dhcpd: ").is_some()
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            given: Given::default(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let line = Heading::of(frame.bytes);
        if line.program.is_empty() {
            return Outcome::Rejected(RejectReason::WrongShape);
        }
        if line.program != b"dhcpd" {
            return Outcome::Ignored(IgnoreReason::OtherMessage);
        }
        let Some(message) = Message::of(line.message) else {
            return Outcome::Ignored(IgnoreReason::OtherMessage);
        };
        let lease = line
            .time(&self.clock)
            .ok_or(RejectReason::BadTime)
            .and_then(|time| message.lease(time));
        match lease {
            Ok(mut lease) => {
                lease.event = self.given.follow(lease.event, lease.ip, lease.mac);
                out(Event::Lease(lease));
                Outcome::Records
            }
            Err(reason) => Outcome::Rejected(reason),
        }
    }
}

impl<'a> Message<'a> {
    /// The message if it is of a kind that changes a lease.
    fn of(message: &'a [u8]) -> Option<Self> {
        let (event, rest) = KINDS.iter().find_map(|(start, event)| {
            let rest = message.strip_prefix(start.as_bytes())?;
            Some((*event, rest))
        })?;
        // A release or refusal of what this server does not have changes nothing.
        // Infoblox writes more after it.
        let said = memchr::memmem::find(message, b" TransID ")
            .and_then(|at| message.get(..at))
            .unwrap_or(message);
        let ends = |said: &[u8], end: &str| said.trim_ascii_end().ends_with(end.as_bytes());
        let void = NO_EFFECT
            .iter()
            .any(|end| ends(message, end) || ends(said, end));
        (!void || event == LeaseEvent::Assign).then_some(Message { event, rest })
    }

    /// `IP (to|from) MAC [(HOST)] [via ...]`, and after it, on some builds, how long the lease lasts.
    fn lease(&self, time: Timestamp) -> Result<Lease<'a>, RejectReason> {
        let mut words = Words::of(self.rest);
        let mut word = || words.next().ok_or(RejectReason::MissingFields);
        let ip = address(word()?).ok_or(RejectReason::BadAddress)?;
        if !matches!(word()?, b"to" | b"from") {
            return Err(RejectReason::WrongShape);
        }
        let mac = word()?;
        let mac = std::str::from_utf8(mac).ok().and_then(Mac::parse);
        let rest = words.rest();
        let (hostname, after) = split_hostname(rest);
        Ok(Lease {
            time,
            event: self.event,
            ip,
            mac: Some(mac.ok_or(RejectReason::BadAddress)?),
            hostname: text(hostname),
            expires: lease_seconds(after).map(|seconds| time.plus_seconds(seconds)),
        })
    }
}

/// `(HOST) via ...`: the name may hold blanks and brackets, so it ends at the last `) via `.
fn split_hostname(rest: &[u8]) -> (&[u8], &[u8]) {
    let Some(inner) = rest.strip_prefix(b"(") else {
        return (&[], rest);
    };
    let end = memchr::memmem::rfind(inner, b") via ").or_else(|| memchr::memrchr(b')', inner));
    match end {
        Some(end) => (
            inner.get(..end).unwrap_or_default(),
            inner.get(end + 1..).unwrap_or_default(),
        ),
        None => (&[], rest),
    }
}

fn lease_seconds(rest: &[u8]) -> Option<i64> {
    let mut words = Words::of(rest);
    words.find(|word| *word == b"lease-duration")?;
    i64::try_from(number(words.next()?)?)
        .ok()
        .filter(|seconds| *seconds <= LONGEST_LEASE)
}

/// How the messages begin that change a lease.
static KINDS: &[(&str, LeaseEvent)] = &[
    ("DHCPACK on ", LeaseEvent::Assign),
    ("DHCPRELEASE of ", LeaseEvent::Release),
    ("DHCPRELEASE on ", LeaseEvent::Release),
    ("DHCPEXPIRE on ", LeaseEvent::Expire),
    ("DHCPEXPIRE of ", LeaseEvent::Expire),
    ("DHCPDECLINE of ", LeaseEvent::Decline),
    ("DHCPDECLINE on ", LeaseEvent::Decline),
];

/// How they end when the server did nothing.
static NO_EFFECT: &[&str] = &[
    "(not found)",
    ": not found",
    ": ignored",
    ": unknown client",
];

/// The protocol counts a lease in 32 bits.
const LONGEST_LEASE: i64 = 0xffff_ffff;
