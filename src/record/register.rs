//! Lines of the registers: which establishments there are, their networks and links, their accounts and devices.

use std::net::IpAddr;

use super::columns::record;
use super::words::words;
use super::{AccountText, Encoder, Mac, Record, Table, Timestamp};

words! {
    /// The registers.
    RegisterKind {
        /// Schools, units, offices.
        Establishments = "establishments",
        /// Which network belongs to which establishment.
        Networks = "networks",
        /// The lines that join establishments to the core, and what they can carry.
        Links = "links",
        /// Accounts and the roles of the people behind them.
        Accounts = "accounts",
        /// Devices and their owners.
        Devices = "devices",
    }
}

record! {
    /// One establishment.
    EstablishmentLine, "establishments", "establishment" {
        /// A short name without blanks: how other registers and commands name it.
        establishment: String, Entity, Captured;
        /// Its name.
        name: String, Entity, Captured;
        /// What it is: `primary`, `secondary`, `referral_unit`, `residential`, `office` and so on.
        kind: String, Entity, Captured;
        /// Unique reference number of the Department for Education, where there is one.
        urn: String, Entity, Captured;
        /// From when this line holds.
        valid_from: Option<Timestamp>, Entity, Captured;
        /// Until when.
        valid_to: Option<Timestamp>, Entity, Captured;
    }
}

record! {
    /// A network belonged to an establishment for a while.
    NetworkLine, "networks", "network" {
        /// First address.
        first_ip: IpAddr, Entity, Captured;
        /// Last address.
        last_ip: IpAddr, Entity, Captured;
        /// Leading bits that count, of 128.
        bits: u8, Entity, Captured;
        /// Whose it is.
        establishment: String, Entity, Captured;
        /// What it is for: `curriculum`, `admin`, `guest` and so on.
        segment: String, Entity, Captured;
        /// From when.
        valid_from: Option<Timestamp>, Entity, Captured;
        /// Until when.
        valid_to: Option<Timestamp>, Entity, Captured;
    }
}

record! {
    /// A line that joins an establishment to the core.
    LinkLine, "links", "link" {
        /// Its name.
        link: String, Entity, Captured;
        /// Whose it is.
        establishment: String, Entity, Captured;
        /// What it can carry towards the establishment, in bits a second.
        down_bits_per_second: u64, Entity, Captured;
        /// What it can carry from the establishment, in bits a second.
        up_bits_per_second: u64, Entity, Captured;
        /// From when.
        valid_from: Option<Timestamp>, Entity, Captured;
        /// Until when.
        valid_to: Option<Timestamp>, Entity, Captured;
    }
}

record! {
    /// An account and what is known of it.
    AccountLine, "accounts", "account" {
        /// The account.
        account_token as "account_text": Option<AccountText>, Entity, Captured;
        /// Where the person belongs.
        establishment: String, Entity, Captured;
        /// `pupil`, `staff`, `governor`, `guest`, `service` or `shared`.
        role: String, Entity, Captured;
        /// Year group of a pupil.
        year_group: String, Entity, Captured;
        /// From when.
        valid_from: Option<Timestamp>, Entity, Captured;
        /// Until when; the day a leaver left.
        valid_to: Option<Timestamp>, Entity, Captured;
    }
}

record! {
    /// A device and, where it has one, its owner.
    DeviceLine, "devices", "device" {
        /// Its network card.
        mac: Option<Mac>, Entity, Captured;
        /// The owner; none for a device that several people use.
        owner_token as "owner_text": Option<AccountText>, Entity, Captured;
        /// Whether several people use it.
        shared: bool, Entity, Captured;
        /// Whose it is.
        establishment: String, Entity, Captured;
        /// What it is.
        description: String, Entity, Captured;
        /// From when.
        valid_from: Option<Timestamp>, Entity, Captured;
        /// Until when.
        valid_to: Option<Timestamp>, Entity, Captured;
    }
}

/// A line of any register.
#[derive(Clone, Debug, PartialEq)]
pub enum RegisterLine {
    /// Of the register of establishments.
    Establishment(EstablishmentLine),
    /// Of the register of networks.
    Network(NetworkLine),
    /// Of the register of links.
    Link(LinkLine),
    /// Of the register of accounts.
    Account(AccountLine),
    /// Of the register of devices.
    Device(DeviceLine),
}

impl Record for RegisterLine {
    fn table(&self) -> &'static Table {
        match self {
            RegisterLine::Establishment(line) => line.table(),
            RegisterLine::Network(line) => line.table(),
            RegisterLine::Link(line) => line.table(),
            RegisterLine::Account(line) => line.table(),
            RegisterLine::Device(line) => line.table(),
        }
    }

    fn write<E: Encoder>(&self, encoder: &mut E) {
        match self {
            RegisterLine::Establishment(line) => line.write(encoder),
            RegisterLine::Network(line) => line.write(encoder),
            RegisterLine::Link(line) => line.write(encoder),
            RegisterLine::Account(line) => line.write(encoder),
            RegisterLine::Device(line) => line.write(encoder),
        }
    }
}
