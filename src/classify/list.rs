//! What a list is: its name, kind and version, and the parts that it is made of.

use std::fmt;

use ring::digest::{Context, SHA256};

use crate::record::{Severity, Timestamp};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListKind {
    /// A domain a line.
    Plain,
    /// A hosts file: `0.0.0.0 name`.
    Hosts,
    /// A SquidGuard folder: a folder a category, each with `domains` and `urls`.
    Squidguard,
    /// A network or an address a line.
    Cidr,
    /// Settings of dnsmasq: `address=/name/0.0.0.0`.
    Dnsmasq,
    /// Filters as AdBlock and AdGuard write them: `||name^`.
    Adblock,
}

impl ListKind {
    /// Every kind.
    pub const ALL: &'static [ListKind] = &[
        ListKind::Plain,
        ListKind::Hosts,
        ListKind::Squidguard,
        ListKind::Cidr,
        ListKind::Dnsmasq,
        ListKind::Adblock,
    ];

    /// The one spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            ListKind::Plain => "plain",
            ListKind::Hosts => "hosts",
            ListKind::Squidguard => "squidguard",
            ListKind::Cidr => "cidr",
            ListKind::Dnsmasq => "dnsmasq",
            ListKind::Adblock => "adblock",
        }
    }

    /// The kind with this spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ListKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known of a list besides its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListMeta {
    /// Its name.
    pub name: String,
    /// How it is written.
    pub kind: ListKind,
    /// The category of its entries; a SquidGuard folder brings its own.
    pub category: String,
    /// What tells this state of it from others: see [`version_of`].
    pub version: String,
    /// When it was added or last renewed.
    pub loaded: Timestamp,
    /// Whether its entries are never flagged, whatever other lists say.
    pub allow: bool,
    /// How much a hit matters, where the operator says so.
    pub severity: Option<Severity>,
}

impl ListMeta {
    /// `name@version`, as hits carry it.
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// How the entries of a part are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartKind {
    /// A domain a line.
    Domains,
    /// A hosts file.
    Hosts,
    /// A host and path a line, without scheme.
    Urls,
    /// A network or an address a line.
    Networks,
    /// A setting of dnsmasq a line.
    Dnsmasq,
    /// A filter of AdBlock's a line.
    Adblock,
}

impl PartKind {
    /// Every kind, in the order in which the parts of a category are read.
    pub const ALL: &'static [PartKind] = &[
        PartKind::Domains,
        PartKind::Hosts,
        PartKind::Urls,
        PartKind::Networks,
        PartKind::Dnsmasq,
        PartKind::Adblock,
    ];

    /// The one spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            PartKind::Domains => "domains",
            PartKind::Hosts => "hosts",
            PartKind::Urls => "urls",
            PartKind::Networks => "networks",
            PartKind::Dnsmasq => "dnsmasq",
            PartKind::Adblock => "adblock",
        }
    }
}

/// A file of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListPart<'a> {
    /// The category of its entries.
    pub category: &'a str,
    /// How they are written.
    pub kind: PartKind,
    /// The bytes of the file.
    pub bytes: &'a [u8],
}

/// The SHA-256 of a list's bytes; of several parts, of their categories, kinds, lengths and bytes in order.
pub fn digest_of(parts: &[ListPart<'_>]) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    for part in parts {
        if parts.len() > 1 {
            let length = part.bytes.len();
            let heading = format!("{}\0{}\0{length}\0", part.category, part.kind.as_str());
            digest.update(heading.as_bytes());
        }
        digest.update(part.bytes);
    }
    let mut bytes = [0; 32];
    for (byte, digested) in bytes.iter_mut().zip(digest.finish().as_ref()) {
        *byte = *digested;
    }
    bytes
}

/// The version of a list: the first twelve hexadecimal digits of its digest.
pub fn version_of(parts: &[ListPart<'_>]) -> String {
    let digest = digest_of(parts);
    let digits = digest.iter().take(VERSION_DIGITS / 2);
    digits.map(|byte| format!("{byte:02x}")).collect()
}

const VERSION_DIGITS: usize = 12;
