//! What could be known: the rule by which an event is determinable, from which lines reached the operator.
//!
//! The world says who it was. What the delivered lines affirm are pieces of evidence, each an interval on an address, made where the
//! lines are made (so that nothing has to be guessed back from them). The strongest evidence of a moment decides; an answer that would be another
//! within the clocks' uncertainty is `disputed`; and only where the decided name is that of the world is the event determinable.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::clocks::UNCERTAINTY_MS;
use super::people::Card;

/// Strength of evidence, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Basis {
    Event,
    Radius,
    Directory,
    Lease,
}

impl Basis {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Basis::Event => "event",
            Basis::Radius => "radius",
            Basis::Directory => "directory",
            Basis::Lease => "lease",
        }
    }
}

/// Whom a piece of evidence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom {
    /// The account of this number.
    Account(usize),
    /// A device that the register says several people use.
    SharedDevice,
    /// A card that no register gives an owner.
    Nobody,
}

/// What delivered lines affirm of one address.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) ip: Ipv4Addr,
    pub(super) basis: Basis,
    pub(super) whom: Whom,
    pub(super) card: Option<Card>,
    /// The first delivered word, by the source's corrected clock, in milliseconds.
    pub(super) first: i64,
    /// The last word that says that it goes on.
    pub(super) last: i64,
    /// Where a line ends it, that moment; else how long silence may last.
    pub(super) to: i64,
    /// Whether a line ends it.
    pub(super) ended: bool,
}

/// What could be said from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Core {
    Attributed(usize, Basis),
    SharedAccount(usize, Basis),
    SharedDevice,
    Disputed(Basis),
    Nothing,
}

/// The answers of one address: what could be said from each moment on, in order.
pub(super) type Turns = Vec<(i64, Core)>;

/// Cuts what silence ended at the next word of another, and works out what could be said of each address.
pub(super) fn turns(
    evidence: Vec<Evidence>,
    is_personal: &dyn Fn(usize) -> bool,
    owners: &dyn Fn(Card, i64) -> Option<usize>,
) -> BTreeMap<Ipv4Addr, Turns> {
    let mut by_ip: BTreeMap<Ipv4Addr, Vec<Evidence>> = BTreeMap::new();
    for piece in evidence {
        by_ip.entry(piece.ip).or_default().push(piece);
    }
    by_ip
        .into_iter()
        .map(|(ip, mut all)| {
            all.sort_by_key(|piece| piece.first);
            cut(&mut all);
            (ip, turns_of(&all, is_personal, owners))
        })
        .collect()
}

/// Evidence that no line ended does not outlive the first later word that shows the address with another card or, for sign-ins, with
/// another person or the next sign-in of the same kind.
fn cut(all: &mut [Evidence]) {
    let words: Vec<(i64, Basis, Whom, Option<Card>)> = all
        .iter()
        .map(|piece| (piece.first, piece.basis, piece.whom, piece.card))
        .collect();
    for (place, piece) in all.iter_mut().enumerate() {
        if piece.ended {
            continue;
        }
        let next = words
            .iter()
            .skip(place + 1)
            .find(|(first, basis, whom, card)| {
                let other_card =
                    matches!((card, piece.card), (Some(one), Some(other)) if *one != other);
                let sign_in = *basis != Basis::Lease && piece.basis != Basis::Lease;
                *first > piece.first
                    && *first >= piece.last
                    && *first < piece.to
                    && (other_card || sign_in && (*whom != piece.whom || *basis == piece.basis))
            });
        if let Some((first, ..)) = next {
            piece.to = *first;
        }
    }
}

fn turns_of(
    all: &[Evidence],
    is_personal: &dyn Fn(usize) -> bool,
    owners: &dyn Fn(Card, i64) -> Option<usize>,
) -> Turns {
    let mut moments: BTreeSet<i64> = all
        .iter()
        .flat_map(|piece| [piece.first, piece.to])
        .collect();
    moments.insert(i64::MIN);
    let mut turns: Turns = Vec::new();
    // Pieces are in order of their first word; those that have ended are left behind.
    let mut open: Vec<&Evidence> = Vec::new();
    let mut coming = all.iter().peekable();
    for moment in moments {
        while let Some(piece) = coming.next_if(|piece| piece.first <= moment) {
            open.push(piece);
        }
        open.retain(|piece| moment < piece.to);
        let core = core(&open, moment, is_personal, owners);
        if turns.last().is_none_or(|(_, last)| *last != core) {
            turns.push((moment, core));
        }
    }
    turns
}

fn core(
    open: &[&Evidence],
    moment: i64,
    is_personal: &dyn Fn(usize) -> bool,
    owners: &dyn Fn(Card, i64) -> Option<usize>,
) -> Core {
    let speaking = || open.iter().filter(|piece| piece.whom != Whom::Nobody);
    let Some(basis) = speaking().map(|piece| piece.basis).min() else {
        return Core::Nothing;
    };
    let strongest = || speaking().filter(move |piece| piece.basis == basis);
    let whom: BTreeSet<Whom> = strongest().map(|piece| piece.whom).collect();
    let mut whom = whom.into_iter();
    match (whom.next(), whom.next()) {
        (Some(Whom::Account(account)), None) if !is_personal(account) => {
            Core::SharedAccount(account, basis)
        }
        (Some(Whom::Account(account)), None) => {
            // The latest word on whose card has the address.
            let lease = open
                .iter()
                .filter(|piece| piece.basis == Basis::Lease)
                .max_by_key(|piece| piece.first);
            let elsewhere = lease.and_then(|lease| lease.card).is_some_and(|leased| {
                strongest().all(|piece| piece.card.is_some_and(|card| card != leased))
                    && owners(leased, moment) != Some(account)
            });
            match elsewhere {
                true => Core::Disputed(basis),
                false => Core::Attributed(account, basis),
            }
        }
        (Some(Whom::SharedDevice), None) => Core::SharedDevice,
        _ => Core::Disputed(basis),
    }
}

/// What could be said of an address at a moment, and whether the clocks decided it.
pub(super) fn at(turns: Option<&Turns>, moment: i64) -> (Core, bool) {
    let Some(turns) = turns else {
        return (Core::Nothing, false);
    };
    let next = turns.partition_point(|(from, _)| *from <= moment);
    let Some((from, core)) = turns.get(next.saturating_sub(1)).copied() else {
        return (Core::Nothing, false);
    };
    let earliest = moment - UNCERTAINTY_MS;
    let latest = moment + UNCERTAINTY_MS;
    let near_before = from > earliest;
    let near_after = turns.get(next).is_some_and(|(from, _)| *from < latest);
    if !near_before && !near_after {
        return (core, false);
    }
    let first = turns
        .partition_point(|(from, _)| *from <= earliest)
        .saturating_sub(1);
    let somebody = turns
        .iter()
        .skip(first)
        .take_while(|(from, _)| *from < latest)
        .find_map(|(_, core)| match core {
            Core::Attributed(_, basis) | Core::SharedAccount(_, basis) | Core::Disputed(basis) => {
                Some(*basis)
            }
            Core::SharedDevice => Some(Basis::Lease),
            Core::Nothing => None,
        });
    match somebody {
        Some(basis) => (Core::Disputed(basis), true),
        None => (core, true),
    }
}
