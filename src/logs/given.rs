//! Which card each address was last given to: tells a first assignment from a prolongation where the log does not.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::record::{LeaseEvent, Mac};

/// What a source said so far of who has which address.
#[derive(Debug, Default)]
pub(super) struct Given {
    cards: BTreeMap<IpAddr, Option<Mac>>,
}

impl Given {
    /// An address was given to a card: anew, or once more.
    pub(super) fn assigned(&mut self, ip: IpAddr, mac: Option<Mac>) -> LeaseEvent {
        if self.cards.get(&ip) == Some(&mac) {
            return LeaseEvent::Renew;
        }
        if self.cards.len() < MOST_REMEMBERED || self.cards.contains_key(&ip) {
            self.cards.insert(ip, mac);
        }
        LeaseEvent::Assign
    }

    /// Nobody has it any more. The answer, whether anybody had.
    pub(super) fn ended(&mut self, ip: IpAddr) -> bool {
        self.cards.remove(&ip).is_some()
    }

    /// Takes in an event whose source says `Assign` for both; gives what it was.
    pub(super) fn follow(&mut self, event: LeaseEvent, ip: IpAddr, mac: Option<Mac>) -> LeaseEvent {
        match event {
            LeaseEvent::Assign if mac.is_some() => self.assigned(ip, mac),
            LeaseEvent::Renew => {
                self.assigned(ip, mac);
                event
            }
            _ => {
                self.ended(ip);
                event
            }
        }
    }
}

/// Addresses remembered at most, so that a hostile log can not fill the memory.
const MOST_REMEMBERED: usize = 1 << 20;
