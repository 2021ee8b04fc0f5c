//! What the registers say at a moment: whose network, whose device, what kind of account.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::record::{AccountToken, Mac, Timestamp, to_store_ip};

use super::{AccountRow, DeviceRow, End, NetworkRow, RowRef, Span};

/// The registers, ready to be asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Registers {
    /// Most specific first.
    networks: Vec<NetworkRow>,
    devices: BTreeMap<Mac, Vec<DeviceRow>>,
    /// Only lines of accounts that stand for several people or none.
    impersonal: BTreeMap<AccountToken, Vec<AccountRow>>,
}

/// Whose network it was.
pub(super) enum Where<'a> {
    /// One establishment, and the line that says so.
    Known(&'a NetworkRow),
    /// No line covers the address.
    Nobody,
    /// Lines of the same reach name different establishments.
    Disagree,
}

impl Registers {
    pub(super) fn new(
        mut networks: Vec<NetworkRow>,
        devices: Vec<DeviceRow>,
        accounts: Vec<AccountRow>,
    ) -> Self {
        networks.sort_by(|a, b| b.bits.cmp(&a.bits).then(a.place.cmp(&b.place)));
        let mut by_card: BTreeMap<Mac, Vec<DeviceRow>> = BTreeMap::new();
        for device in devices {
            by_card.entry(device.mac).or_default().push(device);
        }
        for lines in by_card.values_mut() {
            lines.sort_by_key(|line| line.place);
        }
        let mut impersonal: BTreeMap<AccountToken, Vec<AccountRow>> = BTreeMap::new();
        for account in accounts {
            if matches!(account.role.as_str(), "shared" | "service") {
                impersonal.entry(account.account).or_default().push(account);
            }
        }
        Registers {
            networks,
            devices: by_card,
            impersonal,
        }
    }

    /// The networks that an address lies in, most specific first.
    pub(super) fn networks_of(&self, ip: IpAddr) -> Vec<&NetworkRow> {
        let ip = number(ip);
        self.networks
            .iter()
            .filter(|line| number(line.first) <= ip && ip <= number(line.last))
            .collect()
    }

    /// Devices with this card.
    pub(super) fn devices_of(&self, mac: Mac) -> &[DeviceRow] {
        self.devices.get(&mac).map_or(&[], Vec::as_slice)
    }

    /// The line that says an account stands for several people or for none at this moment.
    pub(super) fn impersonal(&self, account: AccountToken, time: Timestamp) -> Option<RowRef> {
        self.impersonal_lines(account)
            .iter()
            .find(|line| validity(line.valid_from, line.valid_to).contains(time))
            .map(|line| RowRef {
                table: "accounts",
                place: line.place,
            })
    }

    /// Whether the account is a service's at this moment.
    pub(super) fn is_service(&self, account: AccountToken, time: Timestamp) -> bool {
        self.impersonal_lines(account).iter().any(|line| {
            line.role == "service" && validity(line.valid_from, line.valid_to).contains(time)
        })
    }

    /// All lines that ever say so of this account.
    pub(super) fn impersonal_lines(&self, account: AccountToken) -> &[AccountRow] {
        self.impersonal.get(&account).map_or(&[], Vec::as_slice)
    }
}

/// Which of the networks of an address held at this moment: the most specific, if its like agree.
pub(super) fn place_at<'a>(networks: &[&'a NetworkRow], time: Timestamp) -> Where<'a> {
    let mut held = networks
        .iter()
        .filter(|line| validity(line.valid_from, line.valid_to).contains(time));
    let Some(first) = held.next() else {
        return Where::Nobody;
    };
    if held
        .take_while(|line| line.bits == first.bits)
        .any(|line| line.establishment != first.establishment)
    {
        return Where::Disagree;
    }
    Where::Known(first)
}

/// The interval of a line; without a date it holds always.
pub(super) fn validity(from: Option<Timestamp>, to: Option<Timestamp>) -> Span {
    Span {
        from: from.unwrap_or(Timestamp::from_micros(i64::MIN)),
        to: to.unwrap_or(Timestamp::from_micros(i64::MAX)),
        end: End::Register,
    }
}

fn number(ip: IpAddr) -> Ipv6Addr {
    to_store_ip(ip)
}
