//! ISC dhcpd's lease file (`dhcpd.leases`): blocks in braces, a new one each time a lease changes.
//!
//! Times are in UTC, or `epoch SECONDS;` where the administrator chose local times. A block with a running lease is its beginning or its
//! prolongation; one that is free, expired or released again says when that was.

use std::net::IpAddr;

use super::share_of_lines;
use crate::logs::fields::{Words, address, card, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::{Frame, Framing};
use crate::logs::given::Given;
use crate::logs::lines::{OTHER, Passed, lease};
use crate::logs::times::epoch;
use crate::record::{Event, IgnoreReason, Lease, LeaseEvent, Mac, RejectReason, Timestamp};

/// ISC dhcpd's lease file.
pub(super) struct IscLeases;

struct Reader {
    given: Given,
}

impl LogFormat for IscLeases {
    fn name(&self) -> &'static str {
        "isc_leases"
    }

    fn title(&self) -> &'static str {
        "ISC dhcpd lease file"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["leases"]
    }

    fn framing(&self) -> Framing {
        Framing::Braces
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        let blocks = sample.iter().any(|line| is_beginning(line));
        if !blocks {
            return 0;
        }
        share_of_lines(sample, |line| {
            let line = line.trim_ascii();
            line.ends_with(b";") || line.ends_with(b"{") || line == b"}"
        })
    }

    fn reader(&self, _settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            given: Given::default(),
        })
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let block = match Block::of(frame.bytes) {
            Ok(block) => block,
            Err(passed) => return passed.into(),
        };
        match block.lease() {
            Ok(mut lease) => {
                lease.event = self.given.follow(lease.event, lease.ip, lease.mac);
                out(Event::Lease(lease));
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

/// One block of a lease.
struct Block<'a> {
    ip: IpAddr,
    inside: &'a [u8],
}

impl<'a> Block<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Passed> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (line, after) = match memchr::memchr(b'\n', rest) {
                Some(at) => (
                    rest.get(..at).unwrap_or_default(),
                    rest.get(at + 1..).unwrap_or_default(),
                ),
                None => (rest, [].as_slice()),
            };
            rest = after;
            if !is_beginning(line) {
                let is_comment = line.trim_ascii().is_empty() || line.starts_with(b"#");
                if !is_comment && line.contains(&b'{') {
                    // Blocks about the server's partner, its hosts, its own identity.
                    return Err(OTHER);
                }
                continue;
            }
            let ip = Words::of(line)
                .nth(1)
                .and_then(address)
                .ok_or(RejectReason::BadAddress)?;
            let whole = rest.trim_ascii_end().ends_with(b"}") || rest.trim_ascii() == b"}";
            if !whole {
                return Err(RejectReason::WrongShape.into());
            }
            return Ok(Block { ip, inside: rest });
        }
        Err(Passed::Ignored(IgnoreReason::Comment))
    }

    fn lease(&self) -> Result<Lease<'a>, Passed> {
        let (starts, ends) = (self.moment("starts")?, self.moment("ends")?);
        let state = self.statement("binding state").unwrap_or(b"active");
        let (event, time) = match state {
            b"active" => (LeaseEvent::Assign, starts),
            b"released" => (LeaseEvent::Release, ends),
            b"free" | b"expired" => (LeaseEvent::Expire, ends),
            b"abandoned" => (LeaseEvent::Decline, starts),
            b"backup" | b"reset" | b"bootp" => return Err(OTHER),
            _ => return Err(RejectReason::UnknownWord.into()),
        };
        let time = time.ok_or(RejectReason::MissingFields)?;
        let mac = match self.statement("hardware ethernet") {
            Some(found) => Some(card_of(found).ok_or(RejectReason::BadAddress)?),
            None => None,
        };
        let hostname = self.statement("client-hostname").unwrap_or_default();
        let hostname = match hostname {
            [b'"', inner @ .., b'"'] => inner,
            bare => bare,
        };
        Ok(Lease {
            mac,
            hostname: text(hostname),
            expires: ends.filter(|_| event == LeaseEvent::Assign),
            ..lease(time, event, self.ip)
        })
    }

    /// What follows these words at the beginning of a line, up to the semicolon.
    fn statement(&self, words: &str) -> Option<&'a [u8]> {
        self.inside.split(|byte| *byte == b'\n').find_map(|line| {
            let rest = line.trim_ascii().strip_prefix(words.as_bytes())?;
            let rest = rest.strip_prefix(b" ")?.trim_ascii();
            // A comment may follow; within quotation marks a semicolon is a character like others.
            rest.strip_suffix(b";")
                .or_else(|| rest.get(..memchr::memchr(b';', rest)?))
        })
    }

    /// `4 2026/03/02 10:15:00` in UTC, `epoch 1772446500`, or `never`.
    fn moment(&self, word: &str) -> Result<Option<Timestamp>, RejectReason> {
        let Some(said) = self.statement(word) else {
            return Ok(None);
        };
        let mut words = Words::of(said);
        match words.next() {
            Some(b"never") => Ok(None),
            Some(b"epoch") => words
                .next()
                .and_then(epoch)
                .map(Some)
                .ok_or(RejectReason::BadTime),
            Some(_) => {
                let (day, time) = (words.next(), words.next());
                let (Some(day), Some(time)) = (day, time) else {
                    return Err(RejectReason::BadTime);
                };
                let stamp = format!("{}T{}Z", text(day).replace('/', "-"), text(time));
                Timestamp::parse(&stamp)
                    .map(Some)
                    .map_err(|_| RejectReason::BadTime)
            }
            None => Err(RejectReason::BadTime),
        }
    }
}

fn is_beginning(line: &[u8]) -> bool {
    line.starts_with(b"lease ") && line.trim_ascii_end().ends_with(b"{")
}

fn card_of(found: &[u8]) -> Option<Mac> {
    card(found.trim_ascii())
}
