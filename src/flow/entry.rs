//! One flow under way: what is counted of it, and the record it becomes.

use super::applications::{Context, Conversation};
use super::community_id::community_id;
use super::decode::{Decoded, Layers, flag};
use super::key::{End, Key};
use super::{MeterOptions, MeteredFlow};
use crate::record::{EndReason, Event, Flow, Packet, Timestamp};

/// A frame longer than any IP packet with its link headers, jumbograms apart: its length on the wire is a lie.
const LONGEST_FRAME: u32 = 0xffff + 256;

/// A flow under way.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// The one place of this entry in the wheel carries this number; others are stale. That it comes round after four
    /// thousand million does no harm: an entry whose turn it is not is put back.
    pub(super) ticket: u32,
    /// The second in which its turn comes, without its upper half.
    pub(super) placed_for: u32,
    pub(super) is_closed: bool,
    initiator: End,
    /// Whether a SYN told who the initiator is.
    is_sure: bool,
    /// Pieces of packets whose ports are not known: no Community ID can be made.
    is_portless: bool,
    /// What it says tells nothing, and is not listened to any more.
    is_unheard: bool,
    pub(super) first_frame: u64,
    start: Timestamp,
    pub(super) last: Timestamp,
    sides: [Side; 2],
    handshake: Handshake,
    /// When the handshake began, in microseconds without their upper half; once it is done, how long it took.
    handshake_us: u32,
    /// The TCP flags of each end.
    flags: [u8; 2],
    /// Whether the sequence number of each end is known.
    has_next: [bool; 2],
    layers: Option<Box<Layers>>,
    conversation: Option<Box<Conversation>>,
}

/// What one end sent.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    packets: u64,
    bytes: u64,
    frame_bytes: u64,
    payload_bytes: u64,
    /// The sequence number after the last byte seen, if there was one.
    next: u32,
    retransmits: u32,
}

/// How far the TCP handshake got.
#[derive(Clone, Copy, Debug, Default)]
enum Handshake {
    #[default]
    None,
    Asked,
    Answered,
    Done,
}

impl Entry {
    /// A flow that begins with this packet; the packet itself is still to be added.
    pub(super) fn begin(
        key: Key,
        from: End,
        packet: &Packet<'_>,
        decoded: &Decoded<'_>,
        is_portless: bool,
    ) -> Entry {
        let is_answer = decoded
            .tcp
            .is_some_and(|tcp| tcp.flags & (flag::SYN | flag::ACK) == flag::SYN | flag::ACK);
        let has_layers =
            !decoded.layers.vlans().is_empty() || decoded.layers.tunnels().next().is_some();
        Entry {
            key,
            ticket: 0,
            placed_for: 0,
            is_closed: false,
            initiator: if is_answer { from.other() } else { from },
            is_sure: false,
            is_portless,
            is_unheard: false,
            first_frame: packet.number,
            start: packet.time,
            last: packet.time,
            sides: [Side::default(); 2],
            handshake: Handshake::None,
            handshake_us: 0,
            flags: [0; 2],
            has_next: [false; 2],
            layers: has_layers.then(|| Box::new(decoded.layers)),
            conversation: None,
        }
    }

    /// The flow goes on after it was cut at the active time: who began and what was recognised stay known.
    pub(super) fn continue_from(&mut self, earlier: &Entry) {
        self.initiator = earlier.initiator;
        self.is_sure = earlier.is_sure;
        self.is_unheard = earlier.is_unheard;
        self.conversation = earlier
            .conversation
            .as_ref()
            .map(|conversation| Box::new(conversation.for_next_record()));
    }

    pub(super) fn start(&self) -> Timestamp {
        self.start
    }

    /// Counts a packet.
    #[inline]
    pub(super) fn add(
        &mut self,
        from: End,
        packet: &Packet<'_>,
        decoded: &Decoded<'_>,
        options: &MeterOptions,
    ) {
        // A piece that has waited is older than what made it known.
        self.first_frame = self.first_frame.min(packet.number);
        if packet.time > self.last {
            self.last = packet.time;
        } else if packet.time < self.start {
            self.start = packet.time;
        }
        let stream_start = self.next(from);
        if let Some(tcp) = decoded.tcp {
            self.track(from, tcp, decoded.payload_bytes, packet.time);
        }
        let longest = LONGEST_FRAME.max(decoded.ip_bytes.saturating_add(256));
        let wire = if packet.wire_length > longest {
            u32::try_from(packet.bytes.len()).unwrap_or(LONGEST_FRAME)
        } else {
            packet.wire_length
        };
        let side = of(&mut self.sides, from);
        side.packets += 1;
        side.bytes += u64::from(decoded.ip_bytes);
        side.frame_bytes += u64::from(wire);
        side.payload_bytes += u64::from(decoded.payload_bytes);
        if options.applications && !decoded.payload.is_empty() {
            let context = Context {
                time: packet.time,
                stream_start,
                content: options.content,
            };
            self.listen(from, decoded, context);
        }
    }

    /// What happened since this was asked last that a log would tell of.
    #[inline]
    pub(super) fn take_events(&mut self) -> Vec<Event<'static>> {
        self.conversation
            .as_mut()
            .map(|conversation| conversation.take_events())
            .unwrap_or_default()
    }

    fn listen(&mut self, from: End, decoded: &Decoded<'_>, context: Context) {
        if decoded.fragment.is_some_and(|fragment| !fragment.is_first)
            || !Conversation::hears(decoded)
        {
            return;
        }
        let key = self.key;
        let initiator = self.initiator;
        if self.is_unheard {
            return;
        }
        let ports = [key.port(initiator), key.port(initiator.other())];
        let Some(conversation) = &mut self.conversation else {
            let mut conversation = Conversation::new(key.protocol());
            conversation.hear(from == initiator, ports, decoded, context);
            self.is_unheard = conversation.is_in_vain();
            self.conversation = (!self.is_unheard).then(|| Box::new(conversation));
            return;
        };
        if conversation.is_over() {
            return;
        }
        conversation.hear(from == initiator, ports, decoded, context);
        if conversation.is_in_vain() {
            self.is_unheard = true;
            self.conversation = None;
        }
    }

    /// How many bytes are held of what was said in it.
    #[inline]
    pub(super) fn held(&self) -> usize {
        let conversation = self.conversation.as_ref();
        conversation.map_or(0, |conversation| conversation.held())
    }

    /// Listens no more.
    pub(super) fn give_up(&mut self) {
        if let Some(conversation) = &mut self.conversation {
            conversation.give_up();
        }
    }

    /// The sequence number after the last byte that an end was seen to send.
    fn next(&self, end: End) -> Option<u32> {
        let [low, high] = &self.sides;
        let [has_low, has_high] = self.has_next;
        match end {
            End::Low => has_low.then_some(low.next),
            End::High => has_high.then_some(high.next),
        }
    }

    /// Follows the handshake, the end and what was sent again.
    fn track(&mut self, from: End, tcp: super::decode::Tcp, payload_bytes: u32, time: Timestamp) {
        let has = |flag: u8| tcp.flags & flag != 0;
        if has(flag::SYN) && !self.is_sure {
            self.initiator = if has(flag::ACK) { from.other() } else { from };
            self.is_sure = true;
        }
        match self.handshake {
            Handshake::None if has(flag::SYN) && !has(flag::ACK) => {
                self.handshake = Handshake::Asked;
                self.handshake_us = lower_half(time);
            }
            Handshake::Asked if has(flag::SYN) && has(flag::ACK) => {
                self.handshake = Handshake::Answered;
            }
            Handshake::Answered if has(flag::ACK) && !has(flag::SYN) && from == self.initiator => {
                let took = lower_half(time).wrapping_sub(self.handshake_us);
                let took = took.cast_signed().max(0).cast_unsigned();
                let is_known = time.micros_since(self.start) <= i64::from(i32::MAX);
                self.handshake = if is_known {
                    Handshake::Done
                } else {
                    Handshake::None
                };
                self.handshake_us = took;
            }
            _ => {}
        }
        let length = payload_bytes + u32::from(has(flag::SYN)) + u32::from(has(flag::FIN));
        let after = tcp.sequence.wrapping_add(length);
        *of(&mut self.flags, from) |= tcp.flags;
        if length > 0 {
            let next = self.next(from).unwrap_or(tcp.sequence);
            *of(&mut self.has_next, from) = true;
            let side = of(&mut self.sides, from);
            let is_new = after.wrapping_sub(next).cast_signed() > 0;
            // A keep-alive repeats the last byte on purpose.
            let is_alive = payload_bytes <= 1 && tcp.sequence == next.wrapping_sub(1);
            side.next = next;
            if is_new {
                side.next = after;
            } else if !is_alive {
                side.retransmits = side.retransmits.saturating_add(1);
            }
        }
        let [low, high] = self.flags;
        if has(flag::RST) || low & high & flag::FIN != 0 {
            self.is_closed = true;
        }
    }

    /// The record of this flow.
    pub(super) fn finish(self, reason: EndReason) -> MeteredFlow {
        let (initiator, responder) = (self.initiator, self.initiator.other());
        let (mut sides, mut flags) = (self.sides, self.flags);
        let (src, dst) = (*of(&mut sides, initiator), *of(&mut sides, responder));
        let src_tcp_flags = *of(&mut flags, initiator);
        let dst_tcp_flags = *of(&mut flags, responder);
        let key = self.key;
        let is_tcp = key.protocol() == 6;
        let ports = [key.port(initiator), key.port(responder)];
        let packets = src.packets + dst.packets;
        let mut facts = Conversation::facts(self.conversation, key.protocol(), ports, packets);
        let (vlans, tunnel): (Vec<_>, Vec<_>) =
            self.layers.map_or_else(Default::default, |layers| {
                (layers.vlans().to_vec(), layers.tunnels().collect())
            });
        if tunnel.contains(&"teredo") {
            facts.is_within_teredo();
        }
        let tls_version = facts.tls_version();
        let (hello, request) = (facts.take_hello(), facts.take_request());
        let flow = Flow {
            start: self.start,
            end: self.last,
            src_ip: key.address(initiator),
            src_port: key.port(initiator),
            dst_ip: key.address(responder),
            dst_port: key.port(responder),
            protocol: key.protocol(),
            src_packets: src.packets,
            dst_packets: dst.packets,
            src_bytes: src.bytes,
            dst_bytes: dst.bytes,
            src_frame_bytes: src.frame_bytes,
            dst_frame_bytes: dst.frame_bytes,
            src_payload_bytes: src.payload_bytes,
            dst_payload_bytes: dst.payload_bytes,
            src_tcp_flags,
            dst_tcp_flags,
            end_reason: Some(reason),
            vlans,
            tunnel,
            community_id: if self.is_portless {
                String::new()
            } else {
                community_id(&key)
            },
            handshake_rtt_us: match self.handshake {
                Handshake::Done => Some(self.handshake_us),
                _ => None,
            },
            src_retransmits: is_tcp.then_some(src.retransmits),
            dst_retransmits: is_tcp.then_some(dst.retransmits),
            application: facts.application.into(),
            application_class: facts.class,
            application_basis: facts.basis,
            server_name: facts.server_name.into_string().into(),
            ja4: hello.ja4().into(),
            alpn: hello.alpn.into(),
            tls_version,
            ech: hello.ech,
            dns_queries: facts
                .dns_queries
                .iter()
                .map(|name| name.to_owned().into())
                .collect(),
            http_method: request.method.into(),
            http_path: request.path.into(),
            http_user_agent: request.user_agent.into(),
            account_token: None,
            action: None,
        };
        MeteredFlow {
            first_frame: self.first_frame,
            flow,
        }
    }
}

/// A moment in microseconds, without the upper half: enough to tell how far two are apart, up to half an hour.
fn lower_half(time: Timestamp) -> u32 {
    let lower = time.micros_since(Timestamp::default()) & i64::from(u32::MAX);
    u32::try_from(lower).unwrap_or_default()
}

/// What is one end's of two.
#[inline]
fn of<T>(both: &mut [T; 2], end: End) -> &mut T {
    let [low, high] = both;
    match end {
        End::Low => low,
        End::High => high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Option<Entry>>() <= 192, "{}", size_of::<Entry>());
    }
}
