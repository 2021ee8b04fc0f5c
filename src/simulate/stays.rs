//! The world itself: which person used which device at which address, from when until when.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::people::Card;

/// Somebody used one address with one device, without a break.
#[derive(Clone, Debug)]
pub(super) struct Stay {
    pub(super) ip: Ipv4Addr,
    /// Whose account it was that was used, by its number; none where no account is behind it (a device that several people use, a stranger's).
    pub(super) person: Option<usize>,
    /// In world time.
    pub(super) from: i64,
    pub(super) to: i64,
    /// How the proxy sees it.
    pub(super) proxy: Proxy,
    pub(super) troubles: BTreeSet<&'static str>,
}

/// Whether the proxy asks who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    /// It does not.
    Transparent,
    /// It does, and the account of this number answers.
    Named(usize),
}

/// Somebody with a device comes, stays for a while, and goes.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) person: Option<usize>,
    pub(super) card: Card,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The addresses of a segment, as a DHCP server gives them out.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    given: Vec<Given>,
    first: u32,
    size: u32,
}

#[derive(Clone, Debug)]
struct Given {
    ip: Ipv4Addr,
    card: Card,
    /// From when on the server may give it to another.
    free: i64,
    /// When its last holder stopped using it.
    left: i64,
}

impl Pool {
    pub(super) fn new(first: Ipv4Addr, size: u32) -> Pool {
        Pool {
            given: Vec::new(),
            first: first.into(),
            size,
        }
    }

    /// An address for a card, and whether another had it within the half hour before. A card that comes back gets its own again; else the
    /// address that came free last is given first, as servers do whose pool is small. None if the pool is empty.
    pub(super) fn give(
        &mut self,
        card: Card,
        at: i64,
        free: i64,
        left: i64,
    ) -> Option<(Ipv4Addr, bool)> {
        let own = self
            .given
            .iter()
            .position(|given| given.card == card && given.left <= at);
        let freed = || {
            let free = self
                .given
                .iter()
                .enumerate()
                .filter(|(_, given)| given.free <= at);
            free.max_by_key(|(place, given)| (given.free, *place))
                .map(|(place, _)| place)
        };
        if let Some(given) = own
            .or_else(freed)
            .and_then(|place| self.given.get_mut(place))
        {
            let reused = given.card != card && at - given.left < 1_800_000;
            (given.card, given.free, given.left) = (card, free, left);
            return Some((given.ip, reused));
        }
        let next = u32::try_from(self.given.len())
            .ok()
            .filter(|next| *next < self.size)?;
        let ip = Ipv4Addr::from(self.first + next);
        self.given.push(Given {
            ip,
            card,
            free,
            left,
        });
        Some((ip, false))
    }
}
