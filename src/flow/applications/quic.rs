//! QUIC: the Client Hello in the first packets, whose keys anyone on the way can derive (RFC 9001, 5.2; RFC 9369).

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::client_hello::{Carrier, ClientHello};
use super::gquic;
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::flow::bytes::Bytes;
use crate::record::ApplicationClass;

pub(super) struct Quic;

/// How much of a hello is put together.
const LONGEST_HELLO: usize = 16 * 1024;
/// How many pieces of it are kept.
const MOST_PIECES: usize = 64;
/// How many Initial packets of a datagram are opened.
const MOST_PACKETS: usize = 4;
const SAMPLE: usize = 16;

impl Application for Quic {
    fn over(&self) -> Over {
        Over::Udp
    }

    fn begins(&self, first: u8) -> bool {
        first & 0x80 != 0
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if talk.is_tcp() {
            return Answer::NotMine;
        }
        match Initial::read(talk.packet) {
            Some(_) => Answer::Mine,
            // What is sent early on a known server may overtake the hello.
            None => Answer::when_more(is_early(talk.packet)),
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        if facts.application.is_empty() {
            facts.name("quic", kind_of_use(talk, ""));
        }
        if !talk.from_initiator {
            return Hearing::GoOn;
        }
        collect(talk, facts);
        let pieces = &facts.passing().pieces;
        let named = pieces
            .iter()
            .find_map(|(_, piece)| gquic::server_name(piece));
        if let Some(name) = named {
            facts.server_name = name.into();
            facts.forget_waiting();
            return Hearing::Enough;
        }
        let Some(hello) = whole_hello(pieces) else {
            return if pieces.len() < MOST_PIECES {
                Hearing::GoOn
            } else {
                Hearing::Enough
            };
        };
        if let Some(hello) = ClientHello::read(&hello, Carrier::Quic) {
            hello.tell(Carrier::Quic, facts);
        }
        facts.forget_waiting();
        match facts.alpn() {
            // Servers still speak drafts, such as `doq-i11`.
            alpn if alpn.starts_with("doq") => {
                facts.name("dns_over_quic", ApplicationClass::EncryptedDns)
            }
            alpn => {
                let class = kind_of_use(talk, alpn);
                facts.name("quic", class);
            }
        }
        Hearing::Enough
    }
}

fn kind_of_use(talk: &Talk<'_>, alpn: &str) -> ApplicationClass {
    if alpn.starts_with("h3") || talk.has_port(443) {
        ApplicationClass::Web
    } else {
        ApplicationClass::UnknownEncrypted
    }
}

/// Whether this is a 0-RTT packet of a version that is known.
fn is_early(packet: &[u8]) -> bool {
    let mut reader = Bytes::new(packet);
    let first = reader.u8().unwrap_or_default();
    let version = reader.be32().and_then(Version::of);
    version.is_some_and(|version| first >> 4 == 0x0c + version.initial + 1)
}

/// Opens the Initial packets of a datagram and keeps the pieces of the hello.
fn collect(talk: &Talk<'_>, facts: &mut Facts) {
    // The keys come from the first packet of all, and anew after a retry.
    let first = Initial::read(talk.asked()).map(|initial| initial.destination);
    let mut rest = talk.packet;
    for _ in 0..MOST_PACKETS {
        let Some(initial) = Initial::read(rest) else {
            return;
        };
        let opened = first
            .and_then(|destination| initial.open(destination))
            .or_else(|| initial.open(initial.destination));
        if let Some(payload) = opened {
            pieces(&payload, facts);
        }
        rest = initial.after;
    }
}

/// The parts of an Initial packet, still protected.
struct Initial<'a> {
    version: Version,
    destination: &'a [u8],
    /// The packet from its first byte to where its number begins.
    head: &'a [u8],
    /// The number and what follows it.
    body: &'a [u8],
    /// The next packet of the datagram.
    after: &'a [u8],
}

/// What differs between versions.
#[derive(Clone, Copy)]
struct Version {
    salt: [u8; 20],
    initial: u8,
    labels: [&'static [u8]; 3],
}

const LABELS: [&[u8]; 3] = [b"tls13 quic key", b"tls13 quic iv", b"tls13 quic hp"];
const VERSION_1: Version = Version {
    salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
        0xad, 0xcc, 0xbb, 0x7f, 0x0a,
    ],
    initial: 0,
    labels: LABELS,
};
const VERSION_2: Version = Version {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
        0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
    ],
    initial: 1,
    labels: [b"tls13 quicv2 key", b"tls13 quicv2 iv", b"tls13 quicv2 hp"],
};
/// Drafts 29 to 32, which were in wide use.
const DRAFT_29: Version = Version {
    salt: [
        0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11,
        0xe0, 0x43, 0x90, 0xa8, 0x99,
    ],
    initial: 0,
    labels: LABELS,
};
/// Drafts 23 to 28.
const DRAFT_23: Version = Version {
    salt: [
        0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63,
        0x65, 0xbe, 0xf9, 0xf5, 0x02,
    ],
    initial: 0,
    labels: LABELS,
};

/// Google's last version of its own, whose hello is in Google's words, sealed as QUIC does.
const GOOGLE_50: Version = Version {
    salt: [
        0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94, 0x5c, 0xfc, 0xdb, 0xd3, 0xa7,
        0xf0, 0xd3, 0xb5, 0x6b, 0x45,
    ],
    initial: 0,
    labels: LABELS,
};

impl Version {
    fn of(number: u32) -> Option<Version> {
        match number {
            0x5130_3530 => Some(GOOGLE_50),
            1 => Some(VERSION_1),
            0x6b33_43cf => Some(VERSION_2),
            0xff00_001d..=0xff00_0020 => Some(DRAFT_29),
            0xff00_0017..=0xff00_001c => Some(DRAFT_23),
            _ => None,
        }
    }
}

impl<'a> Initial<'a> {
    /// Reads the long header of an Initial packet (RFC 9000, 17.2.2).
    fn read(packet: &'a [u8]) -> Option<Self> {
        let mut reader = Bytes::new(packet);
        let first = reader.u8()?;
        let version = Version::of(reader.be32()?)?;
        if first & 0xc0 != 0xc0 || first >> 4 & 0x03 != version.initial {
            return None;
        }
        let destination = reader.counted8()?.rest();
        let source = reader.counted8()?.rest();
        if destination.len() > 20 || source.len() > 20 {
            return None;
        }
        let token = varint(&mut reader)?;
        reader.skip(token)?;
        let length = varint(&mut reader)?;
        let head = packet.get(..packet.len() - reader.rest().len())?;
        let body = reader.take(length)?;
        (body.len() >= 4 + SAMPLE).then_some(Initial {
            version,
            destination,
            head,
            body,
            after: reader.rest(),
        })
    }

    /// Takes off both protections as the client put them on; `None` if the keys do not fit.
    fn open(&self, destination: &[u8]) -> Option<Vec<u8>> {
        let [key_label, nonce_label, mask_label] = self.version.labels;
        let secret = Salt::new(HKDF_SHA256, &self.version.salt).extract(destination);
        let client: [u8; 32] = expand(&secret, b"tls13 client in")?;
        let client = Prk::new_less_safe(HKDF_SHA256, &client);
        let key: [u8; 16] = expand(&client, key_label)?;
        let mut nonce: [u8; NONCE_LEN] = expand(&client, nonce_label)?;
        let mask_key: [u8; 16] = expand(&client, mask_label)?;

        let sample = self.body.get(4..4 + SAMPLE)?;
        let mask = HeaderProtectionKey::new(&AES_128, &mask_key)
            .ok()?
            .new_mask(sample)
            .ok()?;
        let [first_mask, number_masks @ ..] = mask;
        let mut head = self.head.to_vec();
        let first = head.first_mut()?;
        *first ^= first_mask & 0x0f;
        let length = usize::from(*first & 0x03) + 1;
        let (number, sealed) = self.body.split_at_checked(length)?;
        let number: Vec<u8> = number
            .iter()
            .zip(number_masks)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        head.extend_from_slice(&number);
        for (byte, of_number) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *byte ^= of_number;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        let mut payload = sealed.to_vec();
        let plain = key
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&head),
                &mut payload,
            )
            .ok()?;
        Some(plain.to_vec())
    }
}

/// Keeps the pieces of the handshake out of a packet's frames (RFC 9000, 19).
fn pieces(payload: &[u8], facts: &mut Facts) {
    let mut reader = Bytes::new(payload);
    while let Some(kind) = reader.u8() {
        let read = match kind {
            0 | 1 => Some(()),
            2 | 3 => acknowledgement(&mut reader, kind == 3),
            // Google's own version has the same frame under another number.
            6 | 8 => (|| {
                let offset = varint(&mut reader)?;
                let length = varint(&mut reader)?;
                let piece = reader.take(length)?;
                let pieces = &mut facts.passing().pieces;
                if pieces.len() < MOST_PIECES && offset + length <= LONGEST_HELLO {
                    pieces.push((offset, piece.to_vec()));
                }
                Some(())
            })(),
            _ => None,
        };
        if read.is_none() {
            return;
        }
    }
}

fn acknowledgement(reader: &mut Bytes<'_>, has_counts: bool) -> Option<()> {
    varint(reader)?;
    varint(reader)?;
    let ranges = varint(reader)?;
    varint(reader)?;
    for _ in 0..ranges.min(256) {
        varint(reader)?;
        varint(reader)?;
    }
    if has_counts {
        for _ in 0..3 {
            varint(reader)?;
        }
    }
    Some(())
}

/// The body of the Client Hello, once the pieces cover it.
fn whole_hello(pieces: &[(usize, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut sorted: Vec<&(usize, Vec<u8>)> = pieces.iter().collect();
    sorted.sort_by_key(|(offset, _)| *offset);
    let mut stream: Vec<u8> = Vec::new();
    for (offset, piece) in sorted {
        let known = stream.len().checked_sub(*offset)?;
        stream.extend_from_slice(piece.get(known..).unwrap_or_default());
    }
    let mut reader = Bytes::new(&stream);
    if reader.u8()? != 1 {
        return None;
    }
    let length = reader.be24()? as usize;
    reader.take(length).map(<[u8]>::to_vec)
}

/// A number of one, two, four or eight bytes (RFC 9000, 16).
fn varint(reader: &mut Bytes<'_>) -> Option<usize> {
    let first = reader.u8()?;
    let mut number = u64::from(first & 0x3f);
    for _ in 1..1u8 << (first >> 6) {
        number = number << 8 | u64::from(reader.u8()?);
    }
    // Nothing longer than a datagram is of use.
    usize::try_from(number)
        .ok()
        .filter(|number| *number <= 0xffff)
}

/// How many bytes are asked of the key derivation.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of TLS 1.3 with an empty context.
fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = [u8::try_from(label.len()).ok()?];
    let info = [&length, &label_length[..], label, &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_an_initial_packet_are_those_of_the_specification() {
        // RFC 9001, appendix A.1.
        let destination = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let secret = Salt::new(HKDF_SHA256, &VERSION_1.salt).extract(&destination);
        let client: [u8; 32] = expand(&secret, b"tls13 client in").unwrap();
        assert_eq!(client[..4], [0xc0, 0x0c, 0xf1, 0x51]);
        let key: [u8; 16] = expand(&Prk::new_less_safe(HKDF_SHA256, &client), LABELS[0]).unwrap();
        assert_eq!(key[..4], [0x1f, 0x36, 0x96, 0x13]);
    }
}
