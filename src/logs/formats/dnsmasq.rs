//! dnsmasq and Pi-hole: the questions of the resolver, and the leases of its DHCP server, which share a log.
//!
//! A question is the line `query[A] NAME from ADDRESS`; what was answered stands in lines of its own that name no client, and is passed over.
//! With `log-queries=extra` a number and the client stand before each.

use super::share_of_lines;
use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, address_and_port, card, contains, domain, number, text};
use crate::logs::format::{LineReader, LogFormat, Outcome, SourceSettings};
use crate::logs::framing::Frame;
use crate::logs::given::Given;
use crate::logs::lines::{OTHER, Read, lease, question};
use crate::logs::times::LocalClock;
use crate::record::{DnsQuery, Event, Lease, LeaseEvent, RejectReason};

/// dnsmasq and Pi-hole.
pub(super) struct Dnsmasq;

struct Reader {
    clock: LocalClock,
    given: Given,
}

impl LogFormat for Dnsmasq {
    fn name(&self) -> &'static str {
        "dnsmasq"
    }

    fn title(&self) -> &'static str {
        "dnsmasq and Pi-hole (DNS and DHCP)"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["log"]
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, |line| {
            ["dnsmasq[", "dnsmasq: ", "dnsmasq-dhcp[", "dnsmasq-dhcp: "]
                .iter()
                .any(|word| contains(line, word))
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
        match self.event(frame.bytes) {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(passed) => passed.into(),
        }
    }
}

impl Reader {
    fn event<'a>(&mut self, line: &'a [u8]) -> Read<'a> {
        let envelope = Envelope::of(line, &self.clock);
        match envelope.program {
            b"dnsmasq" | b"pihole-FTL" => asked(&envelope),
            b"dnsmasq-dhcp" => self.leased(&envelope),
            b"" => Err(RejectReason::WrongShape.into()),
            _ => Err(OTHER),
        }
    }

    /// `DHCPACK(eth1) 10.1.2.3 02:00:00:00:16:21 LAPTOP-21`, with a number before it where more is logged.
    fn leased<'a>(&mut self, envelope: &Envelope<'a>) -> Read<'a> {
        let mut words = Words::of(envelope.message).peekable();
        words.next_if(|word| number(word).is_some());
        let kind = words.next().ok_or(OTHER)?;
        let end = memchr::memchr(b'(', kind).ok_or(OTHER)?;
        let event = match kind.get(..end) {
            Some(b"DHCPACK" | b"DHCPREPLY") => LeaseEvent::Assign,
            Some(b"DHCPRELEASE") => LeaseEvent::Release,
            Some(b"DHCPDECLINE") => LeaseEvent::Decline,
            _ => return Err(OTHER),
        };
        let ip = words.next().ok_or(RejectReason::MissingFields)?;
        let Some(ip) = address(ip) else {
            // An answer to an INFORM, or to a request for the network's own settings, gives out nothing.
            let other = card(ip).is_some() || envelope.message.starts_with(b"DHCPREPLY");
            return Err(if other {
                OTHER
            } else {
                RejectReason::BadAddress.into()
            });
        };
        let client = words.next().ok_or(RejectReason::MissingFields)?;
        // Clients of version 6 are known by an identifier that may hold a card, or not.
        let mac = match ip.is_ipv4() {
            true => Some(card(client).ok_or(RejectReason::BadAddress)?),
            false => None,
        };
        let hostname = words.next().unwrap_or_default();
        let time = envelope.stamp.moment()?;
        Ok(Event::Lease(Lease {
            mac,
            hostname: text(hostname),
            ..lease(time, self.given.follow(event, ip, mac), ip)
        }))
    }
}

fn asked<'a>(envelope: &Envelope<'a>) -> Read<'a> {
    let mut words = Words::of(envelope.message);
    let mut word = words.next().ok_or(OTHER)?;
    let mut port = None;
    if number(word).is_some() {
        let client = words.next().ok_or(OTHER)?;
        port = address_and_port(client).and_then(|(_, port)| port);
        word = words.next().ok_or(OTHER)?;
    }
    let qtype = word
        .strip_prefix(b"query[")
        .and_then(|word| word.strip_suffix(b"]"))
        .ok_or(OTHER)?;
    let (Some(qname), Some(b"from"), Some(client)) = (words.next(), words.next(), words.next())
    else {
        return Err(RejectReason::MissingFields.into());
    };
    let ip = address(client).ok_or(RejectReason::BadAddress)?;
    Ok(Event::DnsQuery(DnsQuery {
        client_ip: Some(ip),
        client_port: port,
        qname: domain(qname).into(),
        qtype: text(qtype).into(),
        ..question(envelope.stamp.moment()?)
    }))
}
