//! The TLS Client Hello, as TLS and QUIC carry it: names, protocols, versions, and the JA4 fingerprint.
//!
//! Layout from RFC 8446, 4.1.2; JA4 (TLS client) from the specification of the JA4 project.

use std::borrow::Cow;

use ring::digest::{SHA256, digest};

use super::Facts;
use crate::flow::bytes::Bytes;

/// Numbers of extensions.
const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
const ENCRYPTED_SERVER_NAME: u16 = 0xffce;
/// A fingerprint counts no further.
const MOST_COUNTED: usize = 99;

/// What carries the hello: the fingerprint's first letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    Tls,
    Quic,
    Dtls,
}

/// A Client Hello, read.
#[derive(Debug, Default)]
pub(super) struct ClientHello {
    /// The highest version offered.
    version: u16,
    server_name: Option<String>,
    has_server_name: bool,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    signatures: Vec<u16>,
    /// The protocol offered first.
    protocol: Vec<u8>,
    is_encrypted: bool,
}

impl ClientHello {
    /// Reads the body of the handshake message.
    pub(super) fn read(body: &[u8], carrier: Carrier) -> Option<Self> {
        let mut reader = Bytes::new(body);
        let mut hello = ClientHello {
            version: reader.be16()?,
            ..ClientHello::default()
        };
        reader.skip(32)?;
        reader.counted8()?;
        if carrier == Carrier::Dtls {
            reader.counted8()?;
        }
        hello.ciphers = numbers(reader.counted16()?);
        reader.counted8()?;
        if reader.is_empty() {
            return Some(hello);
        }
        let mut extensions = reader.counted16()?;
        while let Some(kind) = extensions.be16() {
            let Some(value) = extensions.counted16() else {
                break;
            };
            if !is_grease(kind) {
                hello.extensions.push(kind);
            }
            hello.extension(kind, value);
        }
        Some(hello)
    }

    fn extension(&mut self, kind: u16, mut value: Bytes<'_>) {
        match kind {
            SERVER_NAME => {
                self.has_server_name = true;
                self.server_name = first_name(value);
            }
            SIGNATURE_ALGORITHMS => {
                self.signatures = value.counted16().map(numbers).unwrap_or_default()
            }
            ALPN => {
                let first = value.counted16().and_then(|mut list| list.counted8());
                self.protocol = first.map(|name| name.rest().to_vec()).unwrap_or_default();
            }
            SUPPORTED_VERSIONS => {
                let offered = value.counted8().map(numbers).unwrap_or_default();
                if let Some(highest) = offered.into_iter().max_by_key(|version| rank(*version)) {
                    self.version = highest;
                }
            }
            ENCRYPTED_CLIENT_HELLO | ENCRYPTED_SERVER_NAME => self.is_encrypted = true,
            _ => {}
        }
    }

    /// Takes over what the hello says.
    pub(super) fn tell(&self, carrier: Carrier, facts: &mut Facts) {
        // A greeting in clear may have named the server before.
        if let Some(name) = &self.server_name {
            facts.server_name = name.as_str().into();
        }
        let hello = facts.hello();
        hello.alpn = alpn(&self.protocol);
        hello.version = self.version;
        hello.ech = Some(self.is_encrypted);
        hello.print = [0; 36];
        for (to, letter) in hello.print.iter_mut().zip(self.ja4(carrier).bytes()) {
            *to = letter;
        }
    }

    /// The fingerprint.
    fn ja4(&self, carrier: Carrier) -> String {
        let mut text = String::with_capacity(36);
        text.push(match carrier {
            Carrier::Tls => 't',
            Carrier::Quic => 'q',
            Carrier::Dtls => 'd',
        });
        text.push_str(match self.version {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            0x0002 => "s2",
            0xfeff => "d1",
            0xfefd => "d2",
            0xfefc => "d3",
            _ => "00",
        });
        text.push(if self.has_server_name { 'd' } else { 'i' });
        let ciphers = self.ciphers.len().min(MOST_COUNTED);
        let extensions = self.extensions.len().min(MOST_COUNTED);
        text.push_str(&format!("{ciphers:02}{extensions:02}"));
        text.push_str(&protocol_mark(&self.protocol));
        text.push('_');
        text.push_str(&short_hash(&sorted(self.ciphers.clone())));
        text.push('_');
        let named = self.extensions.iter().copied();
        let mut last = sorted(
            named
                .filter(|kind| !matches!(*kind, SERVER_NAME | ALPN))
                .collect(),
        );
        if !self.signatures.is_empty() && !last.is_empty() {
            last.push('_');
            last.push_str(&joined(&self.signatures));
        }
        text.push_str(&short_hash(&last));
        text
    }
}

/// The protocol as text; the usual ones take no memory of their own.
fn alpn(protocol: &[u8]) -> Cow<'static, str> {
    let text = String::from_utf8_lossy(protocol);
    let usual = ["", "h2", "http/1.1", "h3"];
    match usual.into_iter().find(|usual| *usual == text) {
        Some(usual) => Cow::Borrowed(usual),
        None => Cow::Owned(text.into_owned()),
    }
}

/// The printed form of a version.
pub(super) fn version_name(version: u16) -> &'static str {
    match version {
        0x0304 | 0x7f00..=0x7fff | 0xfb17..=0xfb1a => "1.3",
        0x0303 | 0xfefd => "1.2",
        0x0302 => "1.1",
        0x0301 | 0xfeff => "1.0",
        0x0300 => "ssl3",
        _ => "",
    }
}

/// The version that a Server Hello chose.
pub(super) fn chosen_version(body: &[u8]) -> Option<u16> {
    let mut reader = Bytes::new(body);
    let legacy = reader.be16()?;
    reader.skip(32)?;
    reader.counted8()?;
    reader.skip(3)?;
    let Some(mut extensions) = reader.counted16() else {
        return Some(legacy);
    };
    while let Some(kind) = extensions.be16() {
        let mut value = extensions.counted16()?;
        if kind == SUPPORTED_VERSIONS {
            return value.be16();
        }
    }
    Some(legacy)
}

/// The first host name of the extension; what is no name is left out.
fn first_name(mut value: Bytes<'_>) -> Option<String> {
    let mut list = value.counted16()?;
    if list.u8()? != 0 {
        return None;
    }
    let name = std::str::from_utf8(list.counted16()?.rest()).ok()?;
    let is_sound = !name.chars().any(|c| c.is_control() || c.is_whitespace());
    is_sound.then(|| name.trim_end_matches('.').to_lowercase())
}

/// A list of numbers without those reserved to keep others flexible (RFC 8701).
fn numbers(mut list: Bytes<'_>) -> Vec<u16> {
    let mut numbers = Vec::with_capacity(list.rest().len() / 2);
    while let Some(number) = list.be16() {
        if !is_grease(number) {
            numbers.push(number);
        }
    }
    numbers
}

fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

/// Orders versions: DTLS counts downwards.
fn rank(version: u16) -> u16 {
    if version >> 8 == 0xfe {
        0xffff - version
    } else {
        version
    }
}

/// First and last character of the protocol, or of its hexadecimal form.
fn protocol_mark(protocol: &[u8]) -> String {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last].map(char::from).iter().collect();
    }
    let hex = [format!("{first:02x}"), format!("{last:02x}")];
    let [first, last] = &hex;
    first.chars().take(1).chain(last.chars().skip(1)).collect()
}

fn sorted(mut numbers: Vec<u16>) -> String {
    numbers.sort_unstable();
    joined(&numbers)
}

fn joined(numbers: &[u16]) -> String {
    let words: Vec<String> = numbers
        .iter()
        .map(|number| format!("{number:04x}"))
        .collect();
    words.join(",")
}

/// The first twelve hexadecimal digits of SHA-256; zeros for nothing.
fn short_hash(text: &str) -> String {
    if text.is_empty() {
        return "000000000000".to_owned();
    }
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
