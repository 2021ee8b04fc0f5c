//! What the holds of the ledger cover, as the store can tell it of a row.

use std::net::IpAddr;

use super::{Keeper, RetentionError};
use crate::ledger::{Hold, HoldFor, PrivateRecord, holds};
use crate::record::{AccountToken, Network, SourceId};
use crate::store::{Cover, Covered};

impl Keeper<'_> {
    /// The covers of all holds that hold now.
    pub(super) fn covers(&self) -> Result<Vec<Cover>, RetentionError> {
        let mut covers = Vec::new();
        for hold in self.active_holds()? {
            let of_hold = self.covers_of(&hold)?;
            covers.extend(bounded(&hold, of_hold));
        }
        Ok(covers)
    }

    /// The accounts that are held: their names stay.
    pub(super) fn accounts_held(&self) -> Result<Vec<AccountToken>, RetentionError> {
        let holds = self.active_holds()?;
        let accounts = holds
            .iter()
            .filter(|hold| hold.on() == Some(HoldFor::Account));
        Ok(accounts
            .filter_map(|hold| AccountToken::parse(hold.placed.whom.as_deref()?))
            .collect())
    }

    pub(super) fn active_holds(&self) -> Result<Vec<Hold>, RetentionError> {
        let all = holds(self.ledger.entries()?, (self.now)());
        Ok(all.into_iter().filter(Hold::is_active).collect())
    }

    fn covers_of(&self, hold: &Hold) -> Result<Vec<Cover>, RetentionError> {
        let unknown = || RetentionError::UnknownHold(hold.entry.index);
        let on = hold.on().ok_or_else(unknown)?;
        let whom = hold.placed.whom.as_deref().unwrap_or_default();
        let (from, to) = (hold.placed.from, hold.placed.to);
        let whole = |what: Covered| cover(hold, what);
        Ok(match on {
            HoldFor::Everything => vec![whole(Covered::All)],
            HoldFor::Source => {
                let source = SourceId::parse(whom).ok_or_else(unknown)?;
                vec![whole(Covered::Source(source))]
            }
            HoldFor::Establishment => {
                let networks = self.store.networks_of(whom)?;
                let ranges = networks
                    .into_iter()
                    .map(|(first, last)| whole(Covered::Addresses(first, last)));
                let named = whole(Covered::Establishment(whom.to_owned()));
                std::iter::once(named).chain(ranges).collect()
            }
            HoldFor::Network => {
                let network = self.network_of(hold)?;
                vec![whole(Covered::Addresses(network.first(), network.last()))]
            }
            HoldFor::Account => {
                let account = AccountToken::parse(whom).ok_or_else(unknown)?;
                let mut covers = vec![whole(Covered::Account(account))];
                for days in self.store.addresses_of(account, from, to)? {
                    covers.push(Cover {
                        from: days.from.max(from),
                        to: days.to.min(to),
                        ..whole(Covered::Addresses(days.address, days.address))
                    });
                }
                covers
            }
        })
    }

    /// The network of a hold: an address has no place in an entry.
    fn network_of(&self, hold: &Hold) -> Result<Network, RetentionError> {
        let gone = || RetentionError::HoldWithoutRecord(hold.entry.index);
        match self.ledger.private(&hold.entry)? {
            Some(PrivateRecord::Kept(private)) => private
                .get("network")
                .and_then(|network| Network::parse(network.as_str()?))
                .ok_or_else(gone),
            _ => Err(gone()),
        }
    }
}

fn cover(hold: &Hold, what: Covered) -> Cover {
    Cover {
        hold: hold.entry.index,
        from: hold.placed.from,
        to: hold.placed.to,
        what,
    }
}

/// A statement has room for so many covers; a hold that needs more keeps more than it must, and never less: all
/// that its addresses did in its window, and if those are too many, its window.
fn bounded(hold: &Hold, covers: Vec<Cover>) -> Vec<Cover> {
    if covers.len() <= MOST_COVERS {
        return covers;
    }
    let mut wide: Vec<Cover> = Vec::new();
    let mut last: Option<IpAddr> = None;
    for one in covers {
        match one.what {
            Covered::Addresses(address, _) if last == Some(address) => {}
            Covered::Addresses(first, _) => {
                last = Some(first);
                wide.push(cover(hold, one.what));
            }
            _ => wide.push(one),
        }
    }
    match wide.len() <= MOST_COVERS {
        true => wide,
        false => vec![cover(hold, Covered::All)],
    }
}

const MOST_COVERS: usize = 100;
