//! What attribution reads: rows of sign-ins, leases and registers, with the places they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use crate::record::{
    AccountToken, Basis, LeaseEvent, Mac, Place, SignInEvent, SourceId, Timestamp,
};

/// A row of the store, by name: what an answer rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowRef {
    /// The table.
    pub table: &'static str,
    /// The place.
    pub place: Place,
}

impl fmt::Display for RowRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            source,
            frame,
            ordinal,
        } = self.place;
        write!(f, "{}:{source}:{frame}:{ordinal}", self.table)
    }
}

/// A row of `sign_ins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRow {
    /// Where it came from.
    pub place: Place,
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub event: SignInEvent,
    /// Whose; none where the source names nobody.
    pub account: Option<AccountToken>,
    /// The address of the device.
    pub ip: Option<IpAddr>,
    /// The network card of the device.
    pub mac: Option<Mac>,
    /// The source's number for the session.
    pub session: String,
    /// The access server.
    pub nas: String,
    /// What kind of evidence it is.
    pub basis: Basis,
}

/// A row of `leases`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Where it came from.
    pub place: Place,
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub event: LeaseEvent,
    /// The address.
    pub ip: IpAddr,
    /// The network card.
    pub mac: Option<Mac>,
    /// When it would run out, if the source said so.
    pub expires: Option<Timestamp>,
}

/// A row of `translations`: what an outside address stood for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranslationRow {
    /// Where it came from.
    pub place: Place,
    /// From when.
    pub from: Timestamp,
    /// Until when; none where it was only given.
    pub to: Option<Timestamp>,
    /// IANA's number; 0 for all.
    pub protocol: u8,
    /// The inside address.
    pub inside: IpAddr,
    /// The inside port, where it is told.
    pub inside_port: Option<u16>,
    /// The first outside port; none for all.
    pub first_port: Option<u16>,
    /// The last outside port.
    pub last_port: Option<u16>,
}

/// A line of the register of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRow {
    /// Where it came from.
    pub place: Place,
    /// The network card.
    pub mac: Mac,
    /// The one owner, if there is one.
    pub owner: Option<AccountToken>,
    /// Whether several people use it.
    pub shared: bool,
    /// From when it holds.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// A line of the register of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkRow {
    /// Where it came from.
    pub place: Place,
    /// First address.
    pub first: IpAddr,
    /// Last address.
    pub last: IpAddr,
    /// Leading bits that count, of 128: the most specific line wins.
    pub bits: u8,
    /// Whose it is.
    pub establishment: String,
    /// From when it holds.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// A line of the register of accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Where it came from.
    pub place: Place,
    /// The account.
    pub account: AccountToken,
    /// `pupil`, `staff`, `shared`, `service` and so on.
    pub role: String,
    /// From when it holds.
    pub valid_from: Option<Timestamp>,
    /// Until when.
    pub valid_to: Option<Timestamp>,
}

/// A stretch of time of which a source of leases tells nothing, because its lines could not be read: the hour that comes twice in October, for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DarkRow {
    /// The source.
    pub source: SourceId,
    /// Its last word before.
    pub from: Timestamp,
    /// Its first word after.
    pub to: Timestamp,
}

/// All rows that the answers of some addresses and some window can rest on, in any order.
#[derive(Clone, Debug, Default)]
pub struct FactRows {
    /// Sign-ins on these addresses, or on the cards that had them.
    pub sign_ins: Vec<SignInRow>,
    /// Leases of these addresses.
    pub leases: Vec<LeaseRow>,
    /// What lies between most words of one card, by source and the addresses beside one, where the end of leases is not said.
    pub lease_pauses: BTreeMap<(SourceId, IpAddr), i64>,
    /// When the sources of leases were not to be read.
    pub dark: Vec<DarkRow>,
    /// Devices with these cards.
    pub devices: Vec<DeviceRow>,
    /// All networks.
    pub networks: Vec<NetworkRow>,
    /// What is registered of the accounts named in the others.
    pub accounts: Vec<AccountRow>,
    /// The access servers that are known to send interim records: from them, silence speaks sooner.
    pub interim_servers: BTreeSet<String>,
    /// Which of the addresses a translator had outside, near the window: whoever signs in by one of them is one of many behind it.
    pub translators: BTreeSet<IpAddr>,
}

/// How long silence may last and how far clocks may be off. Each is printed with the answers that it decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeSettings {
    /// An answer that would change within this time is disputed.
    pub clock_uncertainty_us: i64,
    /// After the last record of a session whose server sends interim records, this long at most.
    pub silence_with_interim_us: i64,
    /// After the last record of an accounting session whose server sends none, this long at most.
    pub silence_without_interim_us: i64,
    /// After a logon in a directory, this long at most.
    pub silence_after_logon_us: i64,
    /// After the last word of a lease whose end the source did not say, this long at most.
    pub lease_without_expiry_us: i64,
    /// After a translator gave ports of which it never says that it took them back, this long at most.
    pub translation_without_end_us: i64,
    /// A source of leases whose lines can not be read for so long may have said anything in that time.
    pub dark_us: i64,
    /// Claims that come this near to the moment are printed as rivals.
    pub rival_horizon_us: i64,
}

const MINUTE_US: i64 = 60_000_000;

impl Default for AttributeSettings {
    fn default() -> Self {
        AttributeSettings {
            clock_uncertainty_us: 1_000_000,
            silence_with_interim_us: 30 * MINUTE_US,
            silence_without_interim_us: 8 * 60 * MINUTE_US,
            silence_after_logon_us: 8 * 60 * MINUTE_US,
            lease_without_expiry_us: 12 * 60 * MINUTE_US,
            translation_without_end_us: 24 * 60 * MINUTE_US,
            dark_us: 10 * MINUTE_US,
            rival_horizon_us: 15 * MINUTE_US,
        }
    }
}

impl AttributeSettings {
    /// How far back rows must be looked for, so that each fact that can still hold is found.
    pub fn look_back_us(&self) -> i64 {
        // Sessions with interim records can be older: their last interim is what counts.
        self.silence_without_interim_us
            .max(self.silence_after_logon_us)
            .max(self.lease_without_expiry_us)
            .max(24 * 60 * MINUTE_US)
    }
}

/// The place of a row as the store tells it.
pub(super) fn place(source: &str, frame: u64, ordinal: u32) -> Option<Place> {
    Some(Place {
        source: SourceId::parse(source)?,
        frame,
        ordinal,
    })
}
