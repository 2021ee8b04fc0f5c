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
pub(super) struct Entry {
    pub(super) key: Key,
    /// The one place of this entry in the wheel carries this number; others are stale.
    pub(super) ticket: u64,
    /// The second in which its turn comes.
    pub(super) placed_for: i64,
    pub(super) is_closed: bool,
    initiator: End,
    /// Whether a SYN told who the initiator is.
    is_sure: bool,
    /// Pieces of packets whose ports are not known: no Community ID can be made.
    is_portless: bool,
    pub(super) first_frame: u64,
    start: Timestamp,
    pub(super) last: Timestamp,
    sides: [Side; 2],
    handshake: Handshake,
    layers: Option<Box<Layers>>,
    conversation: Option<Box<Conversation>>,
}

/// What one end sent.
#[derive(Clone, Copy, Default)]
struct Side {
    packets: u64,
    bytes: u64,
    frame_bytes: u64,
    payload_bytes: u64,
    /// The sequence number after the last byte seen.
    next: Option<u32>,
    retransmits: u32,
    flags: u8,
}

/// How far the TCP handshake got.
#[derive(Clone, Copy, Default)]
enum Handshake {
    #[default]
    None,
    Asked(Timestamp),
    Answered(Timestamp),
    Done(u32),
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
            first_frame: packet.number,
            start: packet.time,
            last: packet.time,
            sides: [Side::default(); 2],
            handshake: Handshake::None,
            layers: has_layers.then(|| Box::new(decoded.layers)),
            conversation: None,
        }
    }

    /// The flow goes on after it was cut at the active time: who began and what was recognised stay known.
    pub(super) fn continue_from(&mut self, earlier: &Entry) {
        self.initiator = earlier.initiator;
        self.is_sure = earlier.is_sure;
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
        let stream_start = self.side(from).next;
        if let Some(tcp) = decoded.tcp {
            self.track(from, tcp, decoded.payload_bytes, packet.time);
        }
        let longest = LONGEST_FRAME.max(decoded.ip_bytes.saturating_add(256));
        let wire = if packet.wire_length > longest {
            u32::try_from(packet.bytes.len()).unwrap_or(LONGEST_FRAME)
        } else {
            packet.wire_length
        };
        let side = self.side_mut(from);
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
        let conversation = self
            .conversation
            .get_or_insert_with(|| Box::new(Conversation::new(key.protocol())));
        if conversation.is_over() {
            return;
        }
        let ports = [key.port(initiator), key.port(initiator.other())];
        conversation.hear(from == initiator, ports, decoded, context);
    }

    fn side(&self, end: End) -> &Side {
        let [low, high] = &self.sides;
        match end {
            End::Low => low,
            End::High => high,
        }
    }

    fn side_mut(&mut self, end: End) -> &mut Side {
        let [low, high] = &mut self.sides;
        match end {
            End::Low => low,
            End::High => high,
        }
    }

    /// Follows the handshake, the end and what was sent again.
    fn track(&mut self, from: End, tcp: super::decode::Tcp, payload_bytes: u32, time: Timestamp) {
        let has = |flag: u8| tcp.flags & flag != 0;
        if has(flag::SYN) && !self.is_sure {
            self.initiator = if has(flag::ACK) { from.other() } else { from };
            self.is_sure = true;
        }
        self.handshake = match self.handshake {
            Handshake::None if has(flag::SYN) && !has(flag::ACK) => Handshake::Asked(time),
            Handshake::Asked(asked) if has(flag::SYN) && has(flag::ACK) => {
                Handshake::Answered(asked)
            }
            Handshake::Answered(asked)
                if has(flag::ACK) && !has(flag::SYN) && from == self.initiator =>
            {
                let took = time.micros_since(asked).max(0);
                Handshake::Done(u32::try_from(took).unwrap_or(u32::MAX))
            }
            other => other,
        };
        let length = payload_bytes + u32::from(has(flag::SYN)) + u32::from(has(flag::FIN));
        let after = tcp.sequence.wrapping_add(length);
        let side = self.side_mut(from);
        side.flags |= tcp.flags;
        if length > 0 {
            let next = *side.next.get_or_insert(tcp.sequence);
            let is_new = after.wrapping_sub(next).cast_signed() > 0;
            // A keep-alive repeats the last byte on purpose.
            let is_alive = payload_bytes <= 1 && tcp.sequence == next.wrapping_sub(1);
            if is_new {
                side.next = Some(after);
            } else if !is_alive {
                side.retransmits = side.retransmits.saturating_add(1);
            }
        }
        let [low, high] = &self.sides;
        if has(flag::RST) || low.flags & high.flags & flag::FIN != 0 {
            self.is_closed = true;
        }
    }

    /// The record of this flow.
    pub(super) fn finish(self, reason: EndReason) -> MeteredFlow {
        let (initiator, responder) = (self.initiator, self.initiator.other());
        let (src, dst) = (*self.side(initiator), *self.side(responder));
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
            src_tcp_flags: src.flags,
            dst_tcp_flags: dst.flags,
            end_reason: Some(reason),
            vlans,
            tunnel,
            community_id: if self.is_portless {
                String::new()
            } else {
                community_id(&key)
            },
            handshake_rtt_us: match self.handshake {
                Handshake::Done(took) => Some(took),
                _ => None,
            },
            src_retransmits: is_tcp.then_some(src.retransmits),
            dst_retransmits: is_tcp.then_some(dst.retransmits),
            application: facts.application.into(),
            application_class: facts.class,
            application_basis: facts.basis,
            server_name: facts.server_name.into(),
            alpn: facts.alpn.into(),
            tls_version: facts.tls_version,
            ja4: facts.ja4.into(),
            ech: facts.ech,
            dns_queries: facts.dns_queries.into_iter().map(Into::into).collect(),
            http_method: facts.http_method.into(),
            http_path: facts.http_path,
            http_user_agent: facts.http_user_agent,
            account_token: None,
            action: None,
        };
        MeteredFlow {
            first_frame: self.first_frame,
            flow,
        }
    }
}
