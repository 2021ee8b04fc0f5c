//! What a flow is used for, by what its ends say: one file a protocol, all of them in [`APPLICATIONS`].
//!
//! To add one: a file with an [`Application`] (or a [`Signature`], where a probe and a name are all there is), its
//! `mod` line and its line in the list. By the first byte of a talk most are out; each that is left is asked for every
//! packet with payload until it says whether the flow is its own; the first in the list that says so has it.

mod avast;
mod bittorrent;
mod client_hello;
mod dhcp;
mod dhcpv6;
mod discord;
mod dns;
mod dns_answer;
mod dnscrypt;
mod dropbox;
mod dtls;
mod edonkey;
mod facts;
mod ftp_data;
mod gnutella;
mod gquic;
mod heard;
mod http;
mod http2;
mod http_request;
mod icmp_tunnel;
mod ipsec;
mod kerberos;
mod l2tp;
mod ldap;
mod mail;
mod minecraft;
mod mqtt;
mod names;
mod netbios;
mod ntlm;
mod ntp;
mod obscure;
mod openvpn;
mod ports;
mod pptp;
mod quic;
mod radius;
mod raknet;
mod rdp;
mod rtcp;
mod rtmp;
mod rtp;
mod rtsp;
mod sip;
mod smb;
mod snmp;
mod socks;
mod softether;
mod spotify;
mod ssdp;
mod ssh;
mod sstp;
mod steam;
mod stun;
mod syslog;
mod tailscale;
mod teamviewer;
mod telegram;
mod telnet;
mod tftp;
mod tinc;
mod tls;
mod tor;
mod ubiquiti;
mod utp;
mod vnc;
mod whatsapp;
mod wireguard;
mod zoom;

use std::sync::LazyLock;

use super::decode::Decoded;
use super::stream::Stream;
use crate::record::{ApplicationClass, Event, Timestamp};
pub(super) use facts::Facts;
pub use heard::HeardEvent;

/// Every application that is recognised by content, the surest first.
static APPLICATIONS: &[&dyn Application] = &[
    &tls::Tls,
    &softether::SOFT_ETHER,
    &sstp::SSTP,
    &gnutella::GNUTELLA,
    &http::Http,
    &http2::HTTP2,
    &quic::Quic,
    &gquic::GoogleQuic,
    &stun::Stun,
    &dtls::Dtls,
    &tailscale::Tailscale,
    &discord::Discord,
    &telegram::Telegram,
    &spotify::Spotify,
    &dropbox::Dropbox,
    &steam::STEAM,
    &zoom::ZOOM,
    &teamviewer::TEAM_VIEWER,
    &ssdp::Ssdp,
    &raknet::RakNet,
    &ubiquiti::Ubiquiti,
    &dhcp::Dhcp,
    &dhcpv6::DhcpV6,
    &radius::Radius,
    &kerberos::Kerberos,
    &ldap::LDAP,
    &smb::Smb,
    &netbios::NETBIOS,
    &dns::Dns,
    &snmp::SNMP,
    &ntp::NTP,
    &wireguard::WireGuard,
    &ipsec::Ipsec,
    &l2tp::L2TP,
    &openvpn::OpenVpn,
    &icmp_tunnel::ICMP_TUNNEL,
    &ssh::Ssh,
    &rdp::Rdp,
    &bittorrent::BitTorrent,
    &utp::UTP,
    &socks::Socks,
    &pptp::Pptp,
    &whatsapp::WhatsApp,
    &tinc::Tinc,
    &edonkey::EDonkey,
    &avast::Avast,
    &rtsp::Rtsp,
    &sip::SIP,
    &rtmp::RTMP,
    &mqtt::MQTT,
    &minecraft::Minecraft,
    &syslog::SYSLOG,
    &telnet::TELNET,
    &vnc::Vnc,
    &mail::Mail,
    &ftp_data::FTP_DATA,
    &tftp::Tftp,
    &dnscrypt::DnsCrypt,
    &rtcp::RTCP,
    &rtp::Rtp,
    &obscure::OBSCURE,
];

/// How many packets with payload are looked at before nobody has the flow.
const MOST_PACKETS: u16 = 16;
/// How many segments with payload are looked at once the application is known.
const MOST_SEGMENTS: u16 = 128;
/// How many bytes of the first datagram each end sent are kept.
const FIRST_DATAGRAM: usize = 2_048;

/// A protocol that can be recognised by what it says.
trait Application: Sync {
    /// What it runs over.
    fn over(&self) -> Over {
        Over::Streams
    }
    /// Whether the first payload of a flow, from whichever end, may begin with this byte. Who says no is not asked.
    fn begins(&self, _first: u8) -> bool {
        true
    }
    /// Whether the flow is this protocol's.
    fn probe(&self, talk: &Talk<'_>) -> Answer;
    /// Takes over what was said; called for the packet that decided and for each after it. Says whether to go on.
    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing;
}

/// What an application runs over: TCP, UDP, both, or the echoes of ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    Tcp,
    Udp,
    /// TCP and UDP.
    Streams,
    Icmp,
}

impl Over {
    fn carries(self, protocol: u8) -> bool {
        match self {
            Over::Tcp => protocol == 6,
            Over::Udp => protocol == 17,
            Over::Streams => matches!(protocol, 6 | 17),
            Over::Icmp => matches!(protocol, 1 | 58),
        }
    }
}

/// An application of which nothing is read but that it is there.
struct Signature {
    name: &'static str,
    class: ApplicationClass,
    over: Over,
    /// The bytes that its first payload may begin with; none of them: any.
    first: &'static [u8],
    probe: fn(&Talk<'_>) -> Answer,
}

impl Application for Signature {
    fn over(&self) -> Over {
        self.over
    }

    fn begins(&self, first: u8) -> bool {
        self.first.is_empty() || self.first.contains(&first)
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        (self.probe)(talk)
    }

    fn read(&self, _talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        facts.name(self.name, self.class);
        Hearing::Enough
    }
}

/// For TCP, UDP and ICMP, and each first byte, one bit for each application that may have such a flow.
static STARTERS: LazyLock<[Vec<u128>; 3]> = LazyLock::new(|| {
    [6, 17, 1].map(|protocol| {
        let of_byte = |first: u8| {
            (0..).zip(APPLICATIONS).fold(0, |bits, (at, application)| {
                let may = application.over().carries(protocol) && application.begins(first);
                bits | u128::from(may) << at
            })
        };
        (0..=u8::MAX).map(of_byte).collect()
    })
});

/// The applications that may have a flow whose first payload begins with this byte.
fn starters(protocol: u8, first: u8) -> u128 {
    let [tcp, udp, icmp] = &*STARTERS;
    let table = match protocol {
        6 => tcp,
        17 => udp,
        _ => icmp,
    };
    table.get(usize::from(first)).copied().unwrap_or_default()
}

/// Whether a flow is a protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Mine,
    NotMine,
    NeedMore,
}

impl Answer {
    /// Mine or not.
    fn when(is_mine: bool) -> Answer {
        if is_mine {
            Answer::Mine
        } else {
            Answer::NotMine
        }
    }

    /// Not yet, or not at all.
    fn when_more(may_become: bool) -> Answer {
        if may_become {
            Answer::NeedMore
        } else {
            Answer::NotMine
        }
    }

    /// Whether what was said begins so, may still come to, or does not.
    fn begins(said: &[u8], begin: &[u8]) -> Answer {
        if said.starts_with(begin) {
            Answer::Mine
        } else {
            Answer::when_more(begin.starts_with(said))
        }
    }

    /// Whether what was said so far may still become one of these beginnings.
    fn may_begin(said: &[u8], beginnings: &[&[u8]]) -> Answer {
        Answer::when_more(beginnings.iter().any(|begin| begin.starts_with(said)))
    }
}

/// Whether a reader has heard enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    GoOn,
    /// On, but what one end said is not needed any more.
    Without {
        /// Whether that is the initiator.
        initiator: bool,
    },
    /// On, but each packet by itself: what was said before is not needed any more.
    PacketsAlone,
    Enough,
}

/// What may be looked at: a packet and what was said before it.
struct Talk<'a> {
    /// 6, 17, 1 or 58.
    protocol: u8,
    time: Timestamp,
    /// The initiator's address and the responder's, as IPv6.
    addresses: [u128; 2],
    /// The initiator's port and the responder's.
    ports: [u16; 2],
    from_initiator: bool,
    /// The payload of this packet.
    packet: &'a [u8],
    /// TCP: what was said in order so far. UDP: the first datagram. Initiator, responder.
    said: [&'a [u8]; 2],
    /// Whether this packet brings something that its sender has not sent before.
    is_new: bool,
    /// Whether the beginning of the connection was seen.
    is_from_start: bool,
    /// Whether paths and agents may be kept.
    content: bool,
}

impl Talk<'_> {
    fn is_tcp(&self) -> bool {
        self.protocol == 6
    }

    /// What the initiator said.
    fn asked(&self) -> &[u8] {
        let [asked, _] = self.said;
        asked
    }

    /// What the responder said.
    fn answered(&self) -> &[u8] {
        let [_, answered] = self.said;
        answered
    }

    /// What the sender of this packet said so far; for UDP, this packet.
    fn now(&self) -> &[u8] {
        if !self.is_tcp() {
            self.packet
        } else if self.from_initiator {
            self.asked()
        } else {
            self.answered()
        }
    }

    fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }
}

/// What two ends said to each other, as far as it is still of interest.
#[derive(Debug)]
pub(super) struct Conversation {
    facts: Facts,
    /// What was said; only as long as someone may need it.
    ear: Option<Box<Ear>>,
}

/// Where listening stands.
#[derive(Clone, Copy, Debug, Default)]
struct Stand {
    packets: u16,
    protocol: u8,
    state: State,
    is_from_start: bool,
}

/// What was said so far, and who may still have the flow.
#[derive(Debug, Default)]
struct Ear {
    /// One bit for each application that may still have the flow; all before the first payload.
    candidates: Candidates,
    streams: [Stream; 2],
}

/// Who may still have a flow.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(8))]
struct Candidates {
    bits: u128,
    are_known: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    Asking,
    Reading(u8),
    /// Reading each packet by itself.
    ReadingPackets(u8),
    #[default]
    Over,
}

impl State {
    /// Whether what was said may be needed again.
    fn keeps(self) -> bool {
        matches!(self, State::Asking | State::Reading(_))
    }
}

impl Conversation {
    pub(super) fn new(protocol: u8) -> Self {
        let state = if matches!(protocol, 6 | 17 | 1 | 58) {
            State::Asking
        } else {
            State::Over
        };
        Conversation {
            facts: Facts::beginning(Stand {
                packets: 0,
                protocol,
                state,
                is_from_start: false,
            }),
            ear: None,
        }
    }

    /// Whether packets of this kind can be listened to: TCP, UDP, and echoes.
    pub(super) fn hears(decoded: &Decoded<'_>) -> bool {
        match decoded.icmp {
            Some((kind, _)) => matches!(kind, 0 | 8 | 128 | 129),
            None => matches!(decoded.protocol, 6 | 17),
        }
    }

    /// Whether nothing more can be learned.
    pub(super) fn is_over(&self) -> bool {
        self.facts.stand.state == State::Over
    }

    /// Whether nothing was learned and nothing can be.
    pub(super) fn is_in_vain(&self) -> bool {
        self.is_over() && self.facts.is_nothing()
    }

    /// How many bytes are held of what was said.
    #[inline]
    pub(super) fn held(&self) -> usize {
        let ear = self.ear.as_ref().map_or(0, |ear| {
            let [asked, answered] = &ear.streams;
            size_of::<Ear>() + asked.held() + answered.held()
        });
        ear + self.facts.waits()
    }

    /// Listens no more, whether or not enough was heard: others need the room.
    pub(super) fn give_up(&mut self) {
        self.facts.stand.state = State::Over;
        self.ear = None;
        self.facts.forget_waiting();
    }

    /// The same talk, of which another record begins: the names asked for belong to the record before.
    pub(super) fn for_next_record(&self) -> Conversation {
        let state = match self.facts.stand.state {
            // A reader without a stream of its own can go on; the others have heard the beginning already.
            State::Reading(at) | State::ReadingPackets(at) if self.facts.stand.protocol == 17 => {
                State::Reading(at)
            }
            State::ReadingPackets(at) => State::ReadingPackets(at),
            _ => State::Over,
        };
        let mut facts = self.facts.for_next_record();
        facts.stand.state = state;
        facts.stand.is_from_start = false;
        Conversation { facts, ear: None }
    }

    /// What happened since this was asked last that a log would tell of.
    #[inline]
    pub(super) fn take_events(&mut self) -> Vec<Event<'static>> {
        self.facts.take_events()
    }

    /// Listens to a packet.
    pub(super) fn hear(
        &mut self,
        from_initiator: bool,
        ports: [u16; 2],
        decoded: &Decoded<'_>,
        context: Context,
    ) {
        match self.ear.take() {
            Some(mut ear) => {
                self.hear_with(&mut ear, from_initiator, ports, decoded, context);
                if self.facts.stand.state.keeps() {
                    self.ear = Some(ear);
                }
            }
            None => {
                let mut ear = Ear::default();
                self.hear_with(&mut ear, from_initiator, ports, decoded, context);
                if self.facts.stand.state.keeps() {
                    self.ear = Some(Box::new(ear));
                }
            }
        }
        if self.facts.stand.state == State::Over {
            self.facts.forget_waiting();
        }
    }

    fn hear_with(
        &mut self,
        ear: &mut Ear,
        from_initiator: bool,
        ports: [u16; 2],
        decoded: &Decoded<'_>,
        context: Context,
    ) {
        let stream_start = context.stream_start;
        let is_first = self.facts.stand.packets == 0;
        self.facts.stand.packets = self.facts.stand.packets.saturating_add(1);
        let is_tcp = self.facts.stand.protocol == 6;
        let keeps = self.facts.stand.state.keeps();
        let [asked, answered] = &mut ear.streams;
        let own = if from_initiator {
            &mut *asked
        } else {
            &mut *answered
        };
        match decoded.tcp {
            Some(tcp) if keeps => own.add(stream_start, tcp.sequence, decoded.payload),
            None if keeps && !is_tcp && own.said().is_empty() => {
                let first = decoded.payload;
                own.add(None, 0, first.get(..FIRST_DATAGRAM).unwrap_or(first));
            }
            _ => {}
        }
        if is_first {
            self.facts.stand.is_from_start = stream_start.is_some();
        }
        let is_new = match (decoded.tcp, stream_start) {
            (Some(tcp), Some(start)) => tcp.sequence.wrapping_sub(start).cast_signed() >= 0,
            _ => true,
        };
        let is_full = is_tcp && asked.is_full() && answered.is_full();
        let talk = Talk {
            protocol: self.facts.stand.protocol,
            time: context.time,
            addresses: if from_initiator {
                [decoded.src, decoded.dst]
            } else {
                [decoded.dst, decoded.src]
            },
            ports,
            from_initiator,
            packet: decoded.payload,
            said: [asked.said(), answered.said()],
            is_new,
            is_from_start: self.facts.stand.is_from_start,
            content: context.content,
        };
        if self.facts.stand.state == State::Asking {
            self.facts.stand.state = ask(&talk, &mut ear.candidates);
        }
        if let State::Reading(at) | State::ReadingPackets(at) = self.facts.stand.state
            && let Some(application) = APPLICATIONS.get(usize::from(at))
        {
            match application.read(&talk, &mut self.facts) {
                Hearing::GoOn => {}
                Hearing::Without { initiator: true } => asked.close(),
                Hearing::Without { initiator: false } => answered.close(),
                Hearing::PacketsAlone => self.facts.stand.state = State::ReadingPackets(at),
                Hearing::Enough => self.facts.stand.state = State::Over,
            }
        }
        let bound = match self.facts.stand.state {
            State::Asking => MOST_PACKETS,
            // A datagram leaves nothing behind; a stream that nobody answers would be kept for as long as the flow.
            State::Reading(_) if is_tcp => MOST_SEGMENTS,
            _ => u16::MAX,
        };
        let is_alone = matches!(self.facts.stand.state, State::ReadingPackets(_));
        if !is_alone && (is_full || self.facts.stand.packets >= bound) {
            self.facts.stand.state = State::Over;
        }
    }

    /// What was learned; where the content told nothing, what protocol and port suggest.
    pub(super) fn facts(
        conversation: Option<Box<Conversation>>,
        protocol: u8,
        ports: [u16; 2],
        packets: u64,
    ) -> Facts {
        let mut facts = conversation
            .map(|conversation| conversation.facts)
            .unwrap_or_default();
        names::judge(&mut facts);
        if facts.application.is_empty()
            && let Some((application, class, basis)) = ports::suggests(protocol, ports, packets)
        {
            facts.application = application;
            facts.class = Some(class);
            facts.basis = Some(basis);
        }
        facts
    }
}

/// What a packet comes with, beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) time: Timestamp,
    /// The number after the last byte that this end sent before, if the connection was seen so far.
    pub(super) stream_start: Option<u32>,
    /// Whether paths and agents may be kept.
    pub(super) content: bool,
}

/// Asks everyone who may still have the flow.
fn ask(talk: &Talk<'_>, candidates: &mut Candidates) -> State {
    let Some(first) = talk.now().first() else {
        // A segment that came too early: the one before it is awaited.
        return State::Asking;
    };
    let mut left = match candidates.are_known {
        true => candidates.bits,
        false => starters(talk.protocol, *first),
    };
    let mut waiting = 0;
    while left != 0 {
        let at = left.trailing_zeros();
        let bit = 1u128 << at;
        left &= !bit;
        let Some(application) = APPLICATIONS.get(at as usize) else {
            break;
        };
        match application.probe(talk) {
            Answer::Mine => return State::Reading(u8::try_from(at).unwrap_or(u8::MAX)),
            Answer::NotMine => {}
            Answer::NeedMore => waiting |= bit,
        }
    }
    *candidates = Candidates {
        bits: waiting,
        are_known: true,
    };
    if waiting == 0 {
        State::Over
    } else {
        State::Asking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_application_has_a_bit() {
        assert!(APPLICATIONS.len() <= 128);
    }

    #[test]
    fn a_talk_that_was_understood_is_small() {
        assert!(size_of::<Conversation>() <= 88);
        assert!(size_of::<Ear>() <= 112);
    }
}
