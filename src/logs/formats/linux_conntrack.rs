//! Linux's connection tracking as `conntrack -E -o timestamp` and ulogd2 print it: connections whose source was translated.
//!
//! A connection is printed as its inside sees it and as the answer comes back; where the answer is not addressed to who asked, an outside
//! address and port stood for the inside ones. The beginning is a record without end; the end is one with both, if the beginning is known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, after, contains, number};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::lines::{OTHER, Passed};
use crate::logs::mapping::protocol;
use crate::logs::stamps::stamp;
use crate::logs::times::LocalClock;
use crate::record::{Event, RejectReason, Timestamp, Translation};

/// Linux's connection tracking.
pub(super) struct LinuxConntrack;

struct Reader {
    clock: LocalClock,
    /// When connections began that have not ended.
    open: BTreeMap<Ends, Timestamp>,
}

/// What tells one connection from another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    protocol: u8,
    from: (IpAddr, u16),
    to: (IpAddr, u16),
    outside: (IpAddr, u16),
}

impl LogFormat for LinuxConntrack {
    fn name(&self) -> &'static str {
        "linux_conntrack"
    }

    fn title(&self) -> &'static str {
        "Linux connection tracking (conntrack, ulogd2)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| kind(line).is_some() && ends(line).is_ok())
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    New,
    Update,
    Destroy,
}

fn kind(line: &[u8]) -> Option<Kind> {
    [
        ("[NEW]", Kind::New),
        ("[UPDATE]", Kind::Update),
        ("[DESTROY]", Kind::Destroy),
    ]
    .into_iter()
    .find_map(|(word, kind)| contains(line, word).then_some(kind))
}

impl Reader {
    fn translation(&mut self, line: &[u8]) -> Result<Translation, Passed> {
        let kind = kind(line).ok_or(RejectReason::WrongShape)?;
        let ends = ends(line)?;
        if kind == Kind::Update || ends.outside == ends.from {
            return Err(OTHER);
        }
        let now = match stamp(line, &self.clock).0.moment() {
            Ok(now) => now,
            Err(_) => Envelope::of(line, &self.clock).stamp.moment()?,
        };
        let (from, to) = match kind {
            Kind::New => {
                if self.open.len() < MOST_REMEMBERED {
                    self.open.insert(ends, now);
                }
                (now, None)
            }
            _ => {
                let lasted = after(line, "delta-time=")
                    .and_then(|rest| number(rest.split(|byte| !byte.is_ascii_digit()).next()?));
                let lasted = lasted
                    .and_then(|seconds| i64::try_from(seconds).ok())
                    .filter(|seconds| *seconds < 1 << 32);
                let began = self.open.remove(&ends);
                let began = began.or(lasted.map(|seconds| now.plus_seconds(-seconds)));
                (began.ok_or(RejectReason::MissingFields)?, Some(now))
            }
        };
        Ok(Translation {
            from,
            to,
            protocol: ends.protocol,
            inside_ip: ends.from.0,
            inside_port: port(ends.from.1),
            outside_ip: ends.outside.0,
            outside_port_first: port(ends.outside.1),
            outside_port_last: port(ends.outside.1),
        })
    }
}

/// Protocols without ports have none.
fn port(port: u16) -> Option<u16> {
    (port != 0).then_some(port)
}

/// Who asked whom, and to whom the answer is addressed.
fn ends(line: &[u8]) -> Result<Ends, RejectReason> {
    let mut found: [(Vec<IpAddr>, Vec<u16>); 2] = Default::default();
    let [(sources, source_ports), (targets, target_ports)] = &mut found;
    let mut said = None;
    for word in Words::of(line) {
        let Some(at) = memchr::memchr(b'=', word) else {
            // The name of the protocol stands before its number.
            said = said.or_else(|| protocol(word).filter(|_| number(word).is_none()));
            continue;
        };
        let (name, value) = (
            word.get(..at).unwrap_or_default(),
            word.get(at + 1..).unwrap_or_default(),
        );
        match name {
            b"src" | b"SRC" => sources.push(address(value).ok_or(RejectReason::BadAddress)?),
            b"dst" | b"DST" => targets.push(address(value).ok_or(RejectReason::BadAddress)?),
            b"sport" | b"SPT" => source_ports.push(port_of(value)?),
            b"dport" | b"DPT" => target_ports.push(port_of(value)?),
            b"PROTO" => said = said.or(protocol(value)),
            _ => {}
        }
    }
    let (&[from, _], &[to, outside]) = (&sources[..], &targets[..]) else {
        return Err(RejectReason::MissingFields);
    };
    let port = |ports: &[u16], at: usize| ports.get(at).copied().unwrap_or(0);
    Ok(Ends {
        protocol: said.ok_or(RejectReason::UnknownWord)?,
        from: (from, port(source_ports, 0)),
        to: (to, port(target_ports, 0)),
        outside: (outside, port(target_ports, 1)),
    })
}

fn port_of(value: &[u8]) -> Result<u16, RejectReason> {
    number(value)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(RejectReason::BadNumber)
}

/// Connections remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 20;
