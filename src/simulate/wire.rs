//! What the mirror port saw of the stories that are told by packets: a capture (pcap, microseconds) of an establishment.

pub(super) mod said;

use std::net::Ipv4Addr;

use super::clocks::SECOND;
use super::random::Random;

/// An address and a port.
pub(super) type End = (Ipv4Addr, u16);

/// The most that a frame of bulk carries; the capture keeps its beginning.
pub(super) const BULK: u16 = 63_000;
/// How much of what a frame carries is kept.
const KEPT: usize = 2_000;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PUSH: u8 = 8;
const ACK: u8 = 16;

/// A capture while it is made.
#[derive(Default)]
pub(super) struct Wire {
    frames: Vec<Frame>,
}

/// A packet: when, between whom, what, and how long what it carries really was.
struct Frame {
    at: i64,
    from: End,
    to: End,
    over: Over,
    payload: Vec<u8>,
    length: u16,
}

#[derive(Clone, Copy)]
enum Over {
    Udp,
    Tcp {
        flags: u8,
        sequence: u32,
        answered: u32,
    },
}

impl Wire {
    /// A datagram.
    pub(super) fn datagram(&mut self, at: i64, from: End, to: End, payload: Vec<u8>) {
        let length = length_of(&payload);
        self.datagram_of(at, from, to, payload, length);
    }

    /// A datagram of so many bytes, of which these are the first.
    pub(super) fn datagram_of(
        &mut self,
        at: i64,
        from: End,
        to: End,
        payload: Vec<u8>,
        length: u16,
    ) {
        self.frames.push(Frame {
            at,
            from,
            to,
            over: Over::Udp,
            payload,
            length,
        });
    }

    /// A call that nobody answers.
    pub(super) fn knock(&mut self, at: i64, from: End, to: End, sequence: u32) {
        let over = Over::Tcp {
            flags: SYN,
            sequence,
            answered: 0,
        };
        let (payload, length) = (Vec::new(), 0);
        self.frames.push(Frame {
            at,
            from,
            to,
            over,
            payload,
            length,
        });
    }

    /// A connection, opened.
    pub(super) fn connect(
        &mut self,
        random: &mut Random,
        at: i64,
        client: End,
        server: End,
    ) -> Talk<'_> {
        let mut first = || u32::try_from(random.next() >> 33).unwrap_or(0);
        let mut talk = Talk {
            sequences: [first(), first()],
            wire: self,
            at,
            ends: [client, server],
        };
        talk.frame(CLIENT, SYN, &[], 0);
        talk.frame(SERVER, SYN | ACK, &[], 0);
        talk.frame(CLIENT, ACK, &[], 0);
        talk
    }

    /// The file, its frames in order; nothing if there are none.
    pub(super) fn file(mut self) -> Vec<u8> {
        if self.frames.is_empty() {
            return Vec::new();
        }
        self.frames.sort_by_key(|frame| frame.at);
        // Magic of microseconds, version 2.4, no zone, whole frames, Ethernet.
        let mut file = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            file.extend(word.to_le_bytes());
        }
        self.frames.iter().for_each(|frame| frame.record(&mut file));
        file
    }
}

/// Who speaks in a connection.
pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

/// How long a word is on its way.
const ON_THE_WAY: i64 = 12;

/// A connection that goes on.
pub(super) struct Talk<'a> {
    wire: &'a mut Wire,
    pub(super) at: i64,
    ends: [End; 2],
    sequences: [u32; 2],
}

impl Talk<'_> {
    /// One of both says this.
    pub(super) fn says(&mut self, who: usize, words: &[u8]) -> &mut Self {
        self.frame(who, ACK | PUSH, words, length_of(words));
        self
    }

    /// One of both sends so many bytes, evenly until that moment.
    pub(super) fn sends(&mut self, who: usize, bytes: i64, until: i64) -> &mut Self {
        let frames = (bytes / i64::from(BULK)).max(1);
        let step = ((until - self.at) / frames).max(1);
        for _ in 0..frames {
            // As a record of TLS goes on: nothing that anybody could take for words.
            self.frame(who, ACK, &[0x17, 3, 3, 0xf6, 0x18], BULK);
            self.at += step - ON_THE_WAY;
        }
        self
    }

    /// Both are silent for so long.
    pub(super) fn waits(&mut self, ms: i64) -> &mut Self {
        self.at += ms;
        self
    }

    /// Both take leave.
    pub(super) fn ends(&mut self) {
        self.frame(CLIENT, FIN | ACK, &[], 0);
        self.frame(SERVER, FIN | ACK, &[], 0);
        self.frame(CLIENT, ACK, &[], 0);
    }

    fn frame(&mut self, who: usize, flags: u8, words: &[u8], length: u16) {
        let [client, server] = self.ends;
        let [ours, theirs] = self.sequences;
        let (from, to, sequence, answered) = match who {
            CLIENT => (client, server, ours, theirs),
            _ => (server, client, theirs, ours),
        };
        self.wire.frames.push(Frame {
            at: self.at,
            from,
            to,
            over: Over::Tcp {
                flags,
                sequence,
                answered: if flags & ACK == 0 { 0 } else { answered },
            },
            payload: words.to_vec(),
            length,
        });
        let taken = u32::from(length) + u32::from(flags & (SYN | FIN) != 0);
        if let Some(sequence) = self.sequences.get_mut(who) {
            *sequence = sequence.wrapping_add(taken);
        }
        self.at += ON_THE_WAY;
    }
}

impl Frame {
    /// With its heading in the file: Ethernet, IPv4, UDP or TCP. Checksums of UDP and TCP are left to the card.
    fn record(&self, file: &mut Vec<u8>) {
        let (heading, protocol) = match self.over {
            Over::Udp => (8, 17),
            Over::Tcp { .. } => (20, 6),
        };
        let mut ip: Vec<u8> = Vec::new();
        ip.extend([0x45, 0]);
        ip.extend(self.length.saturating_add(20 + heading).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        ip.extend(self.from.0.octets());
        ip.extend(self.to.0.octets());
        let [high, low] = checksum(&ip).to_be_bytes();
        let with_sum = |(place, byte): (usize, u8)| match place {
            10 => high,
            11 => low,
            _ => byte,
        };
        let mut frame: Vec<u8> = vec![2, 0, 0, 0, 0, 0xfe, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend(ip.into_iter().enumerate().map(with_sum));
        frame.extend(self.from.1.to_be_bytes());
        frame.extend(self.to.1.to_be_bytes());
        match self.over {
            Over::Udp => frame.extend(self.length.saturating_add(heading).to_be_bytes()),
            Over::Tcp {
                flags,
                sequence,
                answered,
            } => {
                frame.extend(sequence.to_be_bytes());
                frame.extend(answered.to_be_bytes());
                frame.extend([0x50, flags, 0xff, 0xff, 0, 0]);
            }
        }
        frame.extend([0, 0]);
        let kept = self.payload.iter().take(KEPT.min(self.length.into()));
        frame.extend(kept);
        let word = |number: i64| u32::try_from(number).unwrap_or(0).to_le_bytes();
        file.extend(word(self.at.div_euclid(SECOND)));
        file.extend(word(self.at.rem_euclid(SECOND) * 1000));
        file.extend(u32::try_from(frame.len()).unwrap_or(0).to_le_bytes());
        let on_the_wire = u32::from(self.length) + u32::from(heading) + 34;
        file.extend(on_the_wire.to_le_bytes());
        file.extend(frame);
    }
}

fn length_of(payload: &[u8]) -> u16 {
    u16::try_from(payload.len()).unwrap_or(u16::MAX)
}

/// The checksum of an IPv4 heading (RFC 1071).
fn checksum(heading: &[u8]) -> u16 {
    let mut sum: u32 = heading
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u32::from(*high) << 8 | u32::from(*low),
            _ => 0,
        })
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}
