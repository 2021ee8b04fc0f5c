//! Blocks of ports that a carrier's translator gives to a subscriber and takes back: Juniper (MS-MPC, SRX), Cisco (CGv6), and any line of the
//! kind `inside -> outside:first-last` with a word for giving or taking.
//!
//! Giving is a record without end, taking one with both, if the giving is known: from earlier lines, or from the moment that Juniper repeats.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::envelope::Envelope;
use crate::logs::fields::{address, after, between, contains, number};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{OTHER, Passed};
use crate::logs::stamps::{DayOrder, moment};
use crate::logs::times::LocalClock;
use crate::record::{Event, RejectReason, Timestamp, Translation};

/// Blocks of ports given and taken.
pub(super) struct NatPortBlocks;

struct Reader {
    clock: LocalClock,
    /// When blocks were given that have not been taken back.
    open: BTreeMap<Block, Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Block {
    inside: IpAddr,
    outside: IpAddr,
    first: u16,
    last: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Given,
    Held,
    Taken,
}

impl LogFormat for NatPortBlocks {
    fn name(&self) -> &'static str {
        "nat_port_blocks"
    }

    fn title(&self) -> &'static str {
        "Carrier NAT port blocks (Juniper, Cisco CGv6, others)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| {
            kind(line).is_some_and(|(_, rest)| block(rest).is_ok())
        })
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            open: BTreeMap::new(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match self.translation(frame.bytes) {
            Ok(translation) => {
                out(Event::Translation(translation));
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

impl Reader {
    fn translation(&mut self, line: &[u8]) -> Result<Translation, Passed> {
        let Some((kind, rest)) = kind(line) else {
            let known = Envelope::of(line, &self.clock).stamp.moment().is_ok();
            return Err(if known {
                OTHER
            } else {
                RejectReason::WrongShape.into()
            });
        };
        if kind == Kind::Held {
            return Err(OTHER);
        }
        let block = block(rest)?;
        let now = self.now(line)?;
        let (from, to) = match kind {
            Kind::Taken => {
                let began = self.open.remove(&block).or_else(|| began(rest, now));
                (began.ok_or(RejectReason::MissingFields)?, Some(now))
            }
            _ => {
                if self.open.len() < MOST_REMEMBERED {
                    self.open.insert(block, now);
                }
                (now, None)
            }
        };
        Ok(Translation {
            from,
            to,
            protocol: 0,
            inside_ip: block.inside,
            inside_port: None,
            outside_ip: block.outside,
            outside_port_first: Some(block.first),
            outside_port_last: Some(block.last),
        })
    }

    /// The stamp of the heading; Cisco's CGv6 writes `1 2026 Mar 02 10:15:00 - ...`.
    fn now(&self, line: &[u8]) -> Result<Timestamp, RejectReason> {
        let envelope = Envelope::of(line, &self.clock).stamp.moment();
        envelope.or_else(|_| {
            let bare = crate::logs::envelope::without_priority(line).trim_ascii_start();
            let bare = bare.strip_prefix(b"1 ").unwrap_or(bare);
            let (year, rest) = bare.split_at_checked(4).ok_or(RejectReason::BadTime)?;
            let rest = rest.trim_ascii_start();
            let end = memchr::memmem::find(rest, b" - ").ok_or(RejectReason::BadTime)?;
            let turned = [rest.get(..end).unwrap_or_default(), b" ", year].concat();
            moment(&turned, DayOrder::DayFirst, &self.clock).ok_or(RejectReason::BadTime)
        })
    }
}

fn kind(line: &[u8]) -> Option<(Kind, &[u8])> {
    KINDS
        .iter()
        .find_map(|(words, kind)| Some((*kind, after(line, words)?)))
}

static KINDS: &[(&str, Kind)] = &[
    ("NAT_PORT_BLOCK_ALLOC: ", Kind::Given),
    ("NAT_PORT_BLOCK_RELEASE: ", Kind::Taken),
    ("NAT_PORT_BLOCK_ACTIVE: ", Kind::Held),
    ("RT_SRC_NAT_PBA_ALLOC: ", Kind::Given),
    ("RT_SRC_NAT_PBA_RELEASE: ", Kind::Taken),
    ("RT_SRC_NAT_PBA_INTERIM: ", Kind::Held),
    ("[UserbasedA ", Kind::Given),
    ("[UserbasedW ", Kind::Taken),
    ("PORT-BLOCK-ALLOC: ", Kind::Given),
    ("PORT-BLOCK-FREE: ", Kind::Taken),
    ("PORT_BATCH_ALLOCATED: ", Kind::Given),
    ("PORT_BATCH_FREED: ", Kind::Taken),
];

fn block(rest: &[u8]) -> Result<Block, RejectReason> {
    if let Some(subscriber) = rest.strip_prefix(b"Subscriber ") {
        return block_of_srx(subscriber);
    }
    if contains(rest, "->") {
        return block_by_arrow(rest);
    }
    block_of_cgv6(rest)
}

/// `10.1.2.3 -> 203.0.113.5:1024-1535 0x5e5a8a3b`.
fn block_by_arrow(rest: &[u8]) -> Result<Block, RejectReason> {
    let at = memchr::memmem::find(rest, b"->").ok_or(RejectReason::WrongShape)?;
    let inside = rest.get(..at).unwrap_or_default().trim_ascii();
    let outside = rest.get(at + 2..).unwrap_or_default().trim_ascii_start();
    let outside = outside
        .split(|byte| matches!(byte, b' ' | b','))
        .next()
        .unwrap_or_default();
    let colon = memchr::memrchr(b':', outside).ok_or(RejectReason::MissingFields)?;
    let (ip, ports) = outside
        .split_at_checked(colon)
        .ok_or(RejectReason::MissingFields)?;
    Ok(Block {
        inside: address(inside).ok_or(RejectReason::BadAddress)?,
        outside: address(ip).ok_or(RejectReason::BadAddress)?,
        ..ports_of(ports.get(1..).unwrap_or_default())?
    })
}

/// `10.1.2.3 used/maximum [1/8] blocks, allocates port block [1024-1151] from 203.0.113.5 in source pool p1`.
fn block_of_srx(rest: &[u8]) -> Result<Block, RejectReason> {
    let inside = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let ports = between(rest, "port block [", "]").ok_or(RejectReason::MissingFields)?;
    let outside = after(rest, "] from ").ok_or(RejectReason::MissingFields)?;
    let outside = outside
        .split(|byte| *byte == b' ')
        .next()
        .unwrap_or_default();
    Ok(Block {
        inside: address(inside).ok_or(RejectReason::BadAddress)?,
        outside: address(outside).ok_or(RejectReason::BadAddress)?,
        ..ports_of(ports)?
    })
}

/// `- 10.1.2.3 - vrf1 - 203.0.113.5 - 1024 1535]`: two addresses, and after the second two numbers.
fn block_of_cgv6(rest: &[u8]) -> Result<Block, RejectReason> {
    let rest = rest
        .get(..memchr::memchr(b']', rest).ok_or(RejectReason::WrongShape)?)
        .unwrap_or_default();
    let mut words = rest
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty() && *word != b"-");
    let inside = words.by_ref().find_map(address);
    let outside = words.by_ref().find_map(address);
    let mut ports = words
        .filter_map(number)
        .filter_map(|port| u16::try_from(port).ok());
    let (Some(inside), Some(outside)) = (inside, outside) else {
        return Err(RejectReason::BadAddress);
    };
    let (Some(first), Some(last)) = (ports.next(), ports.next()) else {
        return Err(RejectReason::MissingFields);
    };
    checked(inside, outside, first, last)
}

/// `1024-1535`, in a block whose addresses are still to be said.
fn ports_of(ports: &[u8]) -> Result<Block, RejectReason> {
    let dash = memchr::memchr(b'-', ports).ok_or(RejectReason::MissingFields)?;
    let port = |digits: Option<&[u8]>| {
        let port = digits
            .and_then(number)
            .and_then(|port| u16::try_from(port).ok());
        port.ok_or(RejectReason::BadNumber)
    };
    let (first, last) = (port(ports.get(..dash))?, port(ports.get(dash + 1..))?);
    let nobody = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    checked(nobody, nobody, first, last)
}

fn checked(inside: IpAddr, outside: IpAddr, first: u16, last: u16) -> Result<Block, RejectReason> {
    if first > last {
        return Err(RejectReason::Inconsistent);
    }
    Ok(Block {
        inside,
        outside,
        first,
        last,
    })
}

/// The moment of the giving that Juniper repeats at the end, in hexadecimal seconds.
fn began(rest: &[u8], now: Timestamp) -> Option<Timestamp> {
    let digits = rest
        .split(|byte| *byte == b' ')
        .find_map(|word| word.strip_prefix(b"0x"))?;
    let seconds = i64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let began = Timestamp::from_seconds(seconds);
    // A number that is no such moment is something else.
    let age = now.micros_since(began);
    (0..=366 * 86_400 * 1_000_000)
        .contains(&age)
        .then_some(began)
}

/// Blocks remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 20;
