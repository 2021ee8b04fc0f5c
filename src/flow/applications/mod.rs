//! What a flow is used for, by what its ends say: one file a protocol, all of them in [`APPLICATIONS`].
//!
//! To add one: a file with an [`Application`], its `mod` line and its line in the list. Each is asked for every
//! packet with payload until it says whether the flow is its own; the first in the list that says so has it.

mod avast;
mod bittorrent;
mod client_hello;
mod discord;
mod dns;
mod dnscrypt;
mod dropbox;
mod dtls;
mod edonkey;
mod gquic;
mod http;
mod ipsec;
mod mail;
mod names;
mod openvpn;
mod ports;
mod pptp;
mod quic;
mod raknet;
mod rtp;
mod rtsp;
mod socks;
mod spotify;
mod ssdp;
mod ssh;
mod stun;
mod tailscale;
mod telegram;
mod tftp;
mod tinc;
mod tls;
mod tor;
mod ubiquiti;
mod vnc;
mod whatsapp;
mod wireguard;

use super::decode::Decoded;
use super::stream::Stream;
use crate::record::{ApplicationBasis, ApplicationClass};

/// Every application that is recognised by content, the surest first.
static APPLICATIONS: &[&dyn Application] = &[
    &tls::Tls,
    &http::Http,
    &quic::Quic,
    &gquic::GoogleQuic,
    &stun::Stun,
    &dtls::Dtls,
    &tailscale::Tailscale,
    &discord::Discord,
    &telegram::Telegram,
    &spotify::Spotify,
    &dropbox::Dropbox,
    &ssdp::Ssdp,
    &raknet::RakNet,
    &ubiquiti::Ubiquiti,
    &dns::Dns,
    &wireguard::WireGuard,
    &ipsec::Ipsec,
    &openvpn::OpenVpn,
    &ssh::Ssh,
    &bittorrent::BitTorrent,
    &socks::Socks,
    &pptp::Pptp,
    &whatsapp::WhatsApp,
    &tinc::Tinc,
    &edonkey::EDonkey,
    &avast::Avast,
    &rtsp::Rtsp,
    &vnc::Vnc,
    &mail::Mail,
    &tftp::Tftp,
    &dnscrypt::DnsCrypt,
    &rtp::Rtp,
];

/// How many packets with payload are looked at before nobody has the flow.
const MOST_PACKETS: u16 = 16;
/// How many segments with payload are looked at once the application is known.
const MOST_SEGMENTS: u16 = 128;
/// How many bytes of the first datagram each end sent are kept.
const FIRST_DATAGRAM: usize = 2_048;

/// A protocol that can be recognised by what it says.
trait Application: Sync {
    /// Whether the flow is this protocol's.
    fn probe(&self, talk: &Talk<'_>) -> Answer;
    /// Takes over what was said; called for the packet that decided and for each after it. Says whether to go on.
    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing;
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

    /// Whether what was said so far may still become one of these beginnings.
    fn may_begin(said: &[u8], beginnings: &[&[u8]]) -> Answer {
        Answer::when_more(beginnings.iter().any(|begin| begin.starts_with(said)))
    }
}

/// Whether a reader has heard enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    GoOn,
    Enough,
}

/// What may be looked at: a packet and what was said before it.
struct Talk<'a> {
    /// 6 or 17.
    protocol: u8,
    /// The initiator's port and the responder's.
    ports: [u16; 2],
    from_initiator: bool,
    /// The payload of this packet.
    packet: &'a [u8],
    /// TCP: what was said in order so far. UDP: the first datagram. Initiator, responder.
    said: [&'a [u8]; 2],
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

/// What was learned of a flow by listening.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) application: &'static str,
    pub(super) class: Option<ApplicationClass>,
    pub(super) basis: Option<ApplicationBasis>,
    pub(super) server_name: String,
    pub(super) alpn: String,
    pub(super) tls_version: &'static str,
    pub(super) ja4: String,
    pub(super) ech: Option<bool>,
    pub(super) dns_queries: Vec<String>,
    pub(super) http_method: String,
    pub(super) http_path: String,
    pub(super) http_user_agent: String,
    /// Pieces of a hello that is not whole yet, with their offsets.
    pieces: Vec<(usize, Vec<u8>)>,
}

impl Facts {
    /// The flow is this application's by its content.
    fn name(&mut self, application: &'static str, class: ApplicationClass) {
        self.application = application;
        self.class = Some(class);
        self.basis = Some(ApplicationBasis::Content);
    }

    /// What Teredo itself says, and what it carries without a name of its own, is Teredo: a way past the filter.
    pub(super) fn is_within_teredo(&mut self) {
        if matches!(self.class, None | Some(ApplicationClass::Network)) {
            self.name("teredo", ApplicationClass::Tunnel);
        }
    }
}

/// What two ends said to each other, as far as it is still of interest.
#[derive(Debug)]
pub(super) struct Conversation {
    protocol: u8,
    state: State,
    packets: u16,
    /// One bit for each application that may still have the flow.
    candidates: u64,
    streams: [Stream; 2],
    facts: Facts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Reading(usize),
    Over,
}

impl Conversation {
    pub(super) fn new(protocol: u8) -> Self {
        Conversation {
            protocol,
            state: if matches!(protocol, 6 | 17) {
                State::Asking
            } else {
                State::Over
            },
            packets: 0,
            candidates: u64::MAX,
            streams: Default::default(),
            facts: Facts::default(),
        }
    }

    /// Whether nothing more can be learned.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// The same talk, of which another record begins: the names asked for belong to the record before.
    pub(super) fn for_next_record(&self) -> Conversation {
        let state = match self.state {
            // A reader without a stream of its own can go on; the others have heard the beginning already.
            State::Reading(at) if self.protocol == 17 => State::Reading(at),
            _ => State::Over,
        };
        Conversation {
            protocol: self.protocol,
            state,
            packets: self.packets,
            candidates: 0,
            streams: Default::default(),
            facts: Facts {
                dns_queries: Vec::new(),
                ..self.facts.clone()
            },
        }
    }

    /// Listens to a packet.
    pub(super) fn hear(
        &mut self,
        from_initiator: bool,
        ports: [u16; 2],
        decoded: &Decoded<'_>,
        stream_start: Option<u32>,
        content: bool,
    ) {
        self.packets = self.packets.saturating_add(1);
        let is_tcp = self.protocol == 6;
        let [asked, answered] = &mut self.streams;
        let own = if from_initiator {
            &mut *asked
        } else {
            &mut *answered
        };
        match decoded.tcp {
            Some(tcp) => own.add(stream_start, tcp.sequence, decoded.payload),
            None if !is_tcp && own.said().is_empty() => {
                let first = decoded.payload;
                own.add(None, 0, first.get(..FIRST_DATAGRAM).unwrap_or(first));
            }
            None => {}
        }
        let is_full = is_tcp && asked.is_full() && answered.is_full();
        let talk = Talk {
            protocol: self.protocol,
            ports,
            from_initiator,
            packet: decoded.payload,
            said: [asked.said(), answered.said()],
            content,
        };
        if self.state == State::Asking {
            self.state = ask(&talk, &mut self.candidates);
        }
        if let State::Reading(at) = self.state
            && let Some(application) = APPLICATIONS.get(at)
            && application.read(&talk, &mut self.facts) == Hearing::Enough
        {
            self.state = State::Over;
        }
        let bound = match self.state {
            State::Asking => MOST_PACKETS,
            // A datagram leaves nothing behind; a stream that nobody answers would be kept for as long as the flow.
            State::Reading(_) if is_tcp => MOST_SEGMENTS,
            _ => u16::MAX,
        };
        if is_full || self.packets >= bound {
            self.state = State::Over;
        }
        if self.state == State::Over {
            self.streams = Default::default();
        }
    }

    /// What was learned; where the content told nothing, what protocol and port suggest.
    pub(super) fn facts(
        conversation: Option<Box<Conversation>>,
        protocol: u8,
        ports: [u16; 2],
    ) -> Facts {
        let mut facts = conversation
            .map(|conversation| conversation.facts)
            .unwrap_or_default();
        names::judge(&mut facts);
        if facts.application.is_empty()
            && let Some((application, class, basis)) = ports::suggests(protocol, ports)
        {
            facts.application = application;
            facts.class = Some(class);
            facts.basis = Some(basis);
        }
        facts
    }
}

/// Asks everyone who may still have the flow.
fn ask(talk: &Talk<'_>, candidates: &mut u64) -> State {
    let mut anyone = false;
    for (at, application) in APPLICATIONS.iter().enumerate() {
        let bit = 1u64 << (at % 64);
        if *candidates & bit == 0 {
            continue;
        }
        match application.probe(talk) {
            Answer::Mine => return State::Reading(at),
            Answer::NotMine => *candidates &= !bit,
            Answer::NeedMore => anyone = true,
        }
    }
    if anyone { State::Asking } else { State::Over }
}
