//! IPsec's own UDP: the exchange of keys (IKE, RFC 2408 and 7296), and ESP through address translation (RFC 3948).

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Ipsec;

/// Where ESP in UDP runs.
const THROUGH_NAT: u16 = 4500;

impl Application for Ipsec {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if talk.is_tcp() {
            return Answer::NotMine;
        }
        if is_key_exchange(talk.packet) {
            return Answer::Mine;
        }
        if !talk.has_port(THROUGH_NAT) {
            return Answer::NotMine;
        }
        match talk.packet {
            [0, 0, 0, 0, message @ ..] if is_key_exchange(message) => Answer::Mine,
            [0xff] => Answer::NeedMore,
            packet if is_encapsulated(packet) => Answer::Mine,
            _ => Answer::NotMine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        let message = talk
            .packet
            .strip_prefix(&[0, 0, 0, 0])
            .unwrap_or(talk.packet);
        let name = if is_key_exchange(message) {
            "ike"
        } else {
            "ipsec"
        };
        facts.name(name, ApplicationClass::Vpn);
        Hearing::Enough
    }
}

/// An ISAKMP header whose parts fit each other and the datagram.
fn is_key_exchange(message: &[u8]) -> bool {
    let mut header = Bytes::new(message);
    let read = (|| {
        let initiator = header.array::<8>()?;
        header.skip(8)?;
        let next = header.u8()?;
        let version = header.u8()?;
        let exchange = header.u8()?;
        header.skip(5)?;
        Some((initiator, next, version, exchange, header.be32()?))
    })();
    let Some((initiator, next, version, exchange, length)) = read else {
        return false;
    };
    let fits = match version {
        0x10 => matches!(exchange, 1 | 2 | 4 | 5 | 6 | 32 | 33) && next <= 20,
        0x20 => (34..=44).contains(&exchange) && (next == 0 || (33..=54).contains(&next)),
        _ => false,
    };
    fits && initiator != [0; 8]
        && length as usize >= 28
        && length as usize <= message.len().max(28) + 4
}

/// ESP: a session number outside the reserved ones, a small count, some payload.
fn is_encapsulated(packet: &[u8]) -> bool {
    let mut header = Bytes::new(packet);
    let (Some(session), Some(count)) = (header.be32(), header.be32()) else {
        return false;
    };
    session > 255 && count > 0 && count < 1 << 24 && header.rest().len() >= 16
}
