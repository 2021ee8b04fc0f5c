//! DHCPv6 (RFC 8415): addresses that a server's reply gives become leases, also inside what a relay passes on.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::{ApplicationClass, Event, Lease, LeaseEvent, Mac};

pub(super) struct DhcpV6;

/// Where clients and servers listen.
const PORTS: [u16; 2] = [546, 547];
/// Kinds of message.
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const RELAYED: u8 = 12;
const RELAYED_REPLY: u8 = 13;
/// Numbers of options.
const CLIENT: u16 = 1;
const ADDRESSES: u16 = 3;
const ADDRESS: u16 = 5;
const RELAY_MESSAGE: u16 = 9;
/// No message is passed on by more relays than that, and none gives out as many addresses.
const MOST_RELAYS: u8 = 8;
const MOST_ADDRESSES: usize = 16;

impl Application for DhcpV6 {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        (1..=36).contains(&first)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        let is_usual = PORTS.iter().any(|port| talk.has_port(*port));
        Answer::when(is_usual && whole(talk.packet).is_some())
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("dhcpv6", ApplicationClass::Network);
        // What a client gives back and the server confirms is told by what the client said.
        if let Some((kind, options)) = whole(talk.packet)
            && let Some(event) = event(kind)
        {
            note(event, options, talk, facts);
        }
        Hearing::PacketsAlone
    }
}

fn event(kind: u8) -> Option<LeaseEvent> {
    match kind {
        REPLY => Some(LeaseEvent::Assign),
        RELEASE => Some(LeaseEvent::Release),
        DECLINE => Some(LeaseEvent::Decline),
        _ => None,
    }
}

/// The kind and the options of a message, out of its relays' envelopes; `None` if its options do not fill it.
fn whole(packet: &[u8]) -> Option<(u8, Bytes<'_>)> {
    let mut packet = packet;
    for _ in 0..=MOST_RELAYS {
        let mut reader = Bytes::new(packet);
        let kind = reader.u8()?;
        let is_relayed = matches!(kind, RELAYED | RELAYED_REPLY);
        reader.skip(if is_relayed { 33 } else { 3 })?;
        let mut inner = None;
        let mut options = reader;
        while let Some(option) = options.be16() {
            let value = options.counted16()?;
            if option == RELAY_MESSAGE {
                inner = Some(value.rest());
            }
        }
        if !options.is_empty() {
            return None;
        }
        match inner {
            Some(inner) if is_relayed => packet = inner,
            _ => return Some((kind, reader)),
        }
    }
    None
}

/// A lease for each address.
fn note(event: LeaseEvent, mut options: Bytes<'_>, talk: &Talk<'_>, facts: &mut Facts) {
    let mut mac = None;
    let mut leases = Vec::new();
    while let (Some(option), Some(mut value)) = (options.be16(), options.counted16()) {
        match option {
            CLIENT => mac = card(value),
            ADDRESSES if value.skip(12).is_some() => {
                while let (Some(option), Some(mut address)) = (value.be16(), value.counted16()) {
                    if option == ADDRESS
                        && leases.len() < MOST_ADDRESSES
                        && let Some(ip) = address.array::<16>()
                        && let (Some(_), Some(valid)) = (address.be32(), address.be32())
                    {
                        leases.push((Ipv6Addr::from(ip), valid));
                    }
                }
            }
            _ => {}
        }
    }
    for (ip, valid) in leases {
        // A reply with no time left takes the address away.
        let event = match (event, valid) {
            (LeaseEvent::Assign, 0) => LeaseEvent::Expire,
            (event, _) => event,
        };
        let lasts = event == LeaseEvent::Assign && valid != u32::MAX;
        facts.tell(Event::Lease(Lease {
            time: talk.time,
            event,
            ip: IpAddr::V6(ip),
            mac,
            hostname: Cow::Borrowed(""),
            expires: lasts.then(|| talk.time.plus_micros(i64::from(valid) * 1_000_000)),
        }));
    }
}

/// The network card in a client's identifier: of the card alone, or with a time.
fn card(mut identifier: Bytes<'_>) -> Option<Mac> {
    let (kind, hardware) = (identifier.be16()?, identifier.be16()?);
    match (kind, hardware) {
        (1, 1) => identifier.skip(4)?,
        (3, 1) => {}
        _ => return None,
    }
    identifier
        .array()
        .filter(|_| identifier.is_empty())
        .map(Mac)
}
