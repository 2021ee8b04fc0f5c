//! DHCP (RFC 2131): what the server gives out and the client gives back become leases.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::{ApplicationClass, Event, Lease, LeaseEvent, Mac};

pub(super) struct Dhcp;

/// What stands between header and options.
const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// Numbers of options (RFC 2132).
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const KIND: u8 = 53;
/// Kinds of message.
const DECLINE: u8 = 4;
const ACKNOWLEDGED: u8 = 5;
const RELEASE: u8 = 7;
/// A lease for ever.
const FOR_EVER: u32 = u32::MAX;

impl Application for Dhcp {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        matches!(first, 1 | 2)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        Answer::when(Message::read(talk.packet).is_some())
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name("dhcp", ApplicationClass::Network);
        if let Some(lease) = Message::read(talk.packet).and_then(|said| said.lease(talk)) {
            facts.tell(Event::Lease(lease));
        }
        Hearing::PacketsAlone
    }
}

/// What matters of a message.
struct Message<'a> {
    kind: u8,
    client: Ipv4Addr,
    given: Ipv4Addr,
    mac: Option<Mac>,
    requested: Option<Ipv4Addr>,
    seconds: Option<u32>,
    host_name: &'a [u8],
}

impl<'a> Message<'a> {
    fn read(packet: &'a [u8]) -> Option<Self> {
        let mut reader = Bytes::new(packet);
        let (operation, hardware, length) = (reader.u8()?, reader.u8()?, reader.u8()?);
        if !matches!(operation, 1 | 2) || length > 16 {
            return None;
        }
        reader.skip(9)?;
        let client = Ipv4Addr::from(reader.array::<4>()?);
        let given = Ipv4Addr::from(reader.array::<4>()?);
        reader.skip(8)?;
        let card = reader.array::<6>()?;
        reader.skip(10 + 64 + 128)?;
        if reader.array()? != COOKIE {
            return None;
        }
        let mut message = Message {
            kind: 0,
            client,
            given,
            mac: (hardware == 1 && length == 6).then_some(Mac(card)),
            requested: None,
            seconds: None,
            host_name: &[],
        };
        while let Some(option) = reader.u8() {
            match option {
                0 => continue,
                255 => break,
                _ => {}
            }
            let mut value = reader.counted8()?;
            match option {
                KIND => message.kind = value.u8()?,
                REQUESTED_ADDRESS => message.requested = value.array::<4>().map(Ipv4Addr::from),
                LEASE_TIME => message.seconds = value.be32(),
                HOST_NAME => message.host_name = value.rest(),
                _ => {}
            }
        }
        Some(message)
    }

    fn lease(&self, talk: &Talk<'_>) -> Option<Lease<'static>> {
        let (event, address) = match self.kind {
            // Who has an address already and asks to keep it names it; one who only asks for settings gets none.
            ACKNOWLEDGED if self.client == self.given => (LeaseEvent::Renew, self.given),
            ACKNOWLEDGED => (LeaseEvent::Assign, self.given),
            RELEASE => (LeaseEvent::Release, self.client),
            DECLINE => (LeaseEvent::Decline, self.requested?),
            _ => return None,
        };
        let name = if talk.content { self.host_name } else { &[] };
        let seconds = self.seconds.filter(|seconds| {
            *seconds != FOR_EVER && matches!(event, LeaseEvent::Assign | LeaseEvent::Renew)
        });
        (!address.is_unspecified()).then(|| Lease {
            time: talk.time,
            event,
            ip: IpAddr::V4(address),
            mac: self.mac,
            hostname: Cow::Owned(
                String::from_utf8_lossy(name)
                    .trim_end_matches('\0')
                    .to_owned(),
            ),
            expires: seconds.map(|seconds| talk.time.plus_micros(i64::from(seconds) * 1_000_000)),
        })
    }
}
