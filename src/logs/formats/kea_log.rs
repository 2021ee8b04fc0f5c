//! Kea's own messages, in a file or through syslog: a word for what happened, who it happened to, and a sentence.
//!
//! `DHCP4_LEASE_ALLOC [hwtype=1 CARD], cid=[..], tid=0x1: lease 10.1.2.3 has been allocated for 3600 seconds`. Offers are passed over.

use super::share_of_lines;
use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, after, between, card, number};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::given::Given;
use crate::logs::lines::{OTHER, Passed, lease};
use crate::logs::times::LocalClock;
use crate::record::{Event, Lease, LeaseEvent, RejectReason};

/// Kea's own messages.
pub(super) struct KeaLog;

struct Reader {
    clock: LocalClock,
    given: Given,
}

impl LogFormat for KeaLog {
    fn name(&self) -> &'static str {
        "kea_log"
    }

    fn title(&self) -> &'static str {
        "Kea DHCP server (its log, or syslog)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| message(line).is_some())
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
        match self.lease(frame.bytes) {
            Ok(lease) => {
                out(Event::Lease(lease));
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

impl Reader {
    fn lease<'a>(&mut self, line: &'a [u8]) -> Result<Lease<'a>, Passed> {
        let message = message(line).ok_or(RejectReason::WrongShape)?;
        let (word, rest) = split(message).ok_or(OTHER)?;
        let (_, event, before) = KINDS
            .iter()
            .find(|(name, _, _)| name.as_bytes() == word)
            .ok_or(OTHER)?;
        let ip = after(rest, before).and_then(|rest| Words::of(rest).next());
        let ip = ip.ok_or(RejectReason::MissingFields)?;
        let ip = address(ip.strip_suffix(b".").unwrap_or(ip)).ok_or(RejectReason::BadAddress)?;
        let mac = match between(rest, "[hwtype=1 ", "]") {
            Some(found) => Some(card(found).ok_or(RejectReason::BadAddress)?),
            None => None,
        };
        let time = Envelope::of(line, &self.clock).stamp.moment()?;
        let lasts = between(rest, " for ", " seconds").and_then(number);
        let lasts = lasts
            .and_then(|seconds| i64::try_from(seconds).ok())
            .filter(|seconds| *seconds < 0xffff_ffff && *event != LeaseEvent::Decline);
        Ok(Lease {
            mac,
            expires: lasts.map(|seconds| time.plus_seconds(seconds)),
            ..lease(time, self.given.follow(*event, ip, mac), ip)
        })
    }
}

/// What stands after `[kea-dhcp4.leases/811.140] `.
fn message(line: &[u8]) -> Option<&[u8]> {
    let logger = after(line, "[kea-")?;
    let end = memchr::memchr(b']', logger)?;
    Some(logger.get(end + 1..)?.trim_ascii_start())
}

fn split(message: &[u8]) -> Option<(&[u8], &[u8])> {
    message.split_at_checked(memchr::memchr(b' ', message)?)
}

/// The words that change a lease, and what stands before the address in their sentences.
static KINDS: &[(&str, LeaseEvent, &str)] = &[
    ("DHCP4_LEASE_ALLOC", LeaseEvent::Assign, ": lease "),
    ("DHCP4_LEASE_REUSE", LeaseEvent::Renew, ": lease "),
    (
        "DHCP6_LEASE_ALLOC",
        LeaseEvent::Assign,
        "lease for address ",
    ),
    ("DHCP6_LEASE_RENEW", LeaseEvent::Renew, "lease for address "),
    ("DHCP6_LEASE_REUSE", LeaseEvent::Renew, "lease for address "),
    ("DHCP4_RELEASE", LeaseEvent::Release, ": address "),
    (
        "DHCP6_RELEASE_NA",
        LeaseEvent::Release,
        "binding for address ",
    ),
    ("DHCP4_RELEASE_EXPIRED", LeaseEvent::Expire, ": address "),
    (
        "DHCP6_RELEASE_NA_EXPIRED",
        LeaseEvent::Expire,
        "binding for address ",
    ),
    ("DHCP4_DECLINE_LEASE", LeaseEvent::Decline, "for addr "),
    ("DHCP6_DECLINE_LEASE", LeaseEvent::Decline, "for address "),
    (
        "ALLOC_ENGINE_V4_LEASE_RECLAIM",
        LeaseEvent::Expire,
        "lease for address ",
    ),
    (
        "ALLOC_ENGINE_V6_LEASE_RECLAIM",
        LeaseEvent::Expire,
        "lease for address ",
    ),
];
