//! Which flow the later pieces of a cut packet belong to: only the first has the ports.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::decode::Decoded;
use crate::record::Timestamp;

/// How many cut packets are remembered.
const MOST: usize = 8_192;
/// How long, in microseconds: what hosts wait for the missing pieces (RFC 1122).
const WAIT: i64 = 60_000_000;

/// What all pieces of a packet share.
type Whole = (u128, u128, u8, u32);

/// The cut packets of which the first piece was seen.
pub(super) struct Fragments {
    seen: HashMap<Whole, Ports, FixedState>,
    order: VecDeque<Whole>,
}

/// What the first piece tells the later ones.
#[derive(Clone, Copy)]
struct Ports {
    time: Timestamp,
    src_port: u16,
    dst_port: u16,
    icmp: Option<(u8, u8)>,
}

impl Fragments {
    pub(super) fn new(seed: u64) -> Self {
        Fragments {
            seen: HashMap::with_hasher(FixedState::with_seed(seed)),
            order: VecDeque::new(),
        }
    }

    /// Remembers a first piece; gives a later one the ports of its first. Says whether the packet's flow is known.
    pub(super) fn place(&mut self, packet: &mut Decoded<'_>, time: Timestamp) -> bool {
        let Some(fragment) = packet.fragment else {
            return true;
        };
        let whole = (packet.src, packet.dst, packet.protocol, fragment.id);
        if fragment.is_first {
            let ports = Ports {
                time,
                src_port: packet.src_port,
                dst_port: packet.dst_port,
                icmp: packet.icmp,
            };
            if self.seen.insert(whole, ports).is_none() {
                self.order.push_back(whole);
                if self.order.len() > MOST
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.seen.remove(&oldest);
                }
            }
            return true;
        }
        let Some(ports) = self.seen.get(&whole) else {
            return false;
        };
        if time.micros_since(ports.time).abs() > WAIT {
            return false;
        }
        packet.src_port = ports.src_port;
        packet.dst_port = ports.dst_port;
        packet.icmp = ports.icmp;
        true
    }
}
