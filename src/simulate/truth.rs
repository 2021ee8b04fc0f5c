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
    /// Whoever the register of devices says that the card belongs to.
    Owner,
}

/// What the register of devices says of a card at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// It belongs to the bearer of the account of this number.
    One(usize),
    /// Several people use it.
    Shared,
}

/// The registers, as the rule asks them.
pub(super) struct Registers<'a> {
    /// Whether one person bears an account.
    pub(super) is_personal: &'a dyn Fn(usize) -> bool,
    /// Whose a card is.
    pub(super) owner: &'a dyn Fn(Card, i64) -> Option<Owner>,
    /// The moments at which that changes.
    pub(super) changes: &'a dyn Fn(Card) -> Vec<i64>,
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

impl Core {
    /// What is said, on whatever basis: a change of the basis alone is no other answer.
    fn says(self) -> (u8, Option<usize>) {
        match self {
            Core::Attributed(who, _) => (0, Some(who)),
            Core::SharedAccount(who, _) => (1, Some(who)),
            Core::SharedDevice => (2, None),
            Core::Disputed(_) => (3, None),
            Core::Nothing => (4, None),
        }
    }
}

/// The answers of one address: what could be said from each moment on, in order.
pub(super) type Turns = Vec<(i64, Core)>;

/// Cuts what silence ended at the next word of another, and works out what could be said of each address. Sessions by card have no
/// address of their own: they are where the card's leases are.
pub(super) fn turns(
    evidence: Vec<Evidence>,
    by_card: Vec<Evidence>,
    dark: Option<(i64, i64)>,
    registers: &Registers<'_>,
) -> BTreeMap<Ipv4Addr, Turns> {
    let mut by_ip: BTreeMap<Ipv4Addr, Vec<Evidence>> = BTreeMap::new();
    for piece in evidence {
        by_ip.entry(piece.ip).or_default().push(piece);
    }
    let mut sessions: BTreeMap<Card, Vec<Evidence>> = BTreeMap::new();
    for session in by_card {
        if let Some(card) = session.card {
            sessions.entry(card).or_default().push(session);
        }
    }
    sessions.values_mut().for_each(|all| cut(all));
    by_ip
        .into_iter()
        .map(|(ip, mut all)| {
            if let Some(dark) = dark {
                end_in(&mut all, dark);
            }
            cut(&mut all);
            let led = on_leases(&all, &sessions);
            if !led.is_empty() {
                all.extend(led);
                cut(&mut all);
            }
            all.retain(|piece| piece.first < piece.to);
            (ip, turns_of(&all, registers))
        })
        .collect()
}

/// A lease that goes into a stretch in which the server's lines can not be read is known there only if the same card is heard of on the
/// address afterwards, before any other and while the lease could last.
fn end_in(all: &mut [Evidence], (from, to): (i64, i64)) {
    all.sort_by_key(|piece| piece.first);
    let words: Vec<(i64, Option<Card>)> = all
        .iter()
        .filter(|piece| piece.basis == Basis::Lease)
        .map(|piece| (piece.first, piece.card))
        .collect();
    for piece in all.iter_mut().filter(|piece| piece.basis == Basis::Lease) {
        let goes_in = piece.last <= from && from < piece.to;
        let given_back = piece.ended && piece.to >= to;
        let next = words.iter().find(|(first, _)| *first > piece.first);
        let goes_on = next.is_some_and(|(first, card)| *card == piece.card && *first < piece.to);
        if goes_in && !given_back && !goes_on {
            (piece.to, piece.ended) = (from, true);
        }
    }
}

/// Sessions by card, where the card had the address.
fn on_leases(all: &[Evidence], sessions: &BTreeMap<Card, Vec<Evidence>>) -> Vec<Evidence> {
    let mut led = Vec::new();
    for lease in all.iter().filter(|piece| piece.basis == Basis::Lease) {
        let own = lease.card.and_then(|card| sessions.get(&card));
        for session in own.into_iter().flatten() {
            let (first, to) = (session.first.max(lease.first), session.to.min(lease.to));
            let ended = if to == session.to {
                session.ended
            } else {
                lease.ended
            };
            if first < to {
                led.push(Evidence {
                    ip: lease.ip,
                    first,
                    to,
                    ended,
                    ..session.clone()
                });
            }
        }
    }
    led
}

/// Evidence that no line ended does not outlive the first later word of the same kind, nor one that shows the address with another card or,
/// for sign-ins, with another person.
fn cut(all: &mut [Evidence]) {
    all.sort_by_key(|piece| (piece.first, piece.basis, piece.whom, piece.card));
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
                    && (other_card || *basis == piece.basis || sign_in && *whom != piece.whom)
            });
        if let Some((first, ..)) = next {
            piece.to = *first;
        }
    }
}

fn turns_of(all: &[Evidence], registers: &Registers<'_>) -> Turns {
    let mut moments: BTreeSet<i64> = all
        .iter()
        .flat_map(|piece| [piece.first, piece.to])
        .collect();
    moments.insert(i64::MIN);
    let cards: BTreeSet<Card> = all.iter().filter_map(|piece| piece.card).collect();
    moments.extend(cards.into_iter().flat_map(registers.changes));
    let mut turns: Turns = Vec::new();
    // Pieces are in order of their first word; those that have ended are left behind.
    let mut open: Vec<&Evidence> = Vec::new();
    let mut coming = all.iter().peekable();
    for moment in moments {
        while let Some(piece) = coming.next_if(|piece| piece.first <= moment) {
            open.push(piece);
        }
        open.retain(|piece| moment < piece.to);
        let core = core(&open, moment, registers);
        if turns.last().is_none_or(|(_, last)| *last != core) {
            turns.push((moment, core));
        }
    }
    turns
}

fn core(open: &[&Evidence], moment: i64, registers: &Registers<'_>) -> Core {
    // The latest word on whose card has the address.
    let lease = open
        .iter()
        .filter(|piece| piece.basis == Basis::Lease)
        .max_by_key(|piece| piece.first);
    let leased = lease.and_then(|lease| lease.card);
    let owner = leased.and_then(|card| (registers.owner)(card, moment));
    let signed_in = || open.iter().filter(|piece| piece.basis != Basis::Lease);
    let Some(basis) = signed_in().map(|piece| piece.basis).min() else {
        return match owner {
            Some(Owner::One(account)) if (registers.is_personal)(account) => {
                Core::Attributed(account, Basis::Lease)
            }
            Some(Owner::One(account)) => Core::SharedAccount(account, Basis::Lease),
            Some(Owner::Shared) => Core::SharedDevice,
            None => Core::Nothing,
        };
    };
    let strongest = || signed_in().filter(move |piece| piece.basis == basis);
    let whom: BTreeSet<Whom> = strongest().map(|piece| piece.whom).collect();
    let mut whom = whom.into_iter();
    let (Some(Whom::Account(account)), None) = (whom.next(), whom.next()) else {
        return Core::Disputed(basis);
    };
    let elsewhere = leased.is_some_and(|leased| {
        strongest().all(|piece| piece.card.is_some_and(|card| card != leased))
            && owner != Some(Owner::One(account))
    });
    match elsewhere {
        true => Core::Disputed(basis),
        false if !(registers.is_personal)(account) => Core::SharedAccount(account, basis),
        false => Core::Attributed(account, basis),
    }
}

/// What could be said of an address at a moment, and whether the clocks decided it.
pub(super) fn at(turns: Option<&Turns>, moment: i64) -> (Core, bool) {
    let Some(turns) = turns else {
        return (Core::Nothing, false);
    };
    let next = turns.partition_point(|(from, _)| *from <= moment);
    let Some((_, core)) = turns.get(next.saturating_sub(1)).copied() else {
        return (Core::Nothing, false);
    };
    let earliest = moment - UNCERTAINTY_MS;
    let latest = moment + UNCERTAINTY_MS;
    let first = turns
        .partition_point(|(from, _)| *from <= earliest)
        .saturating_sub(1);
    let near = || {
        let near = turns.iter().skip(first);
        near.take_while(|(from, _)| *from < latest)
            .map(|(_, core)| *core)
    };
    if near().all(|other| other.says() == core.says()) {
        return (core, false);
    }
    let somebody = near().find_map(|core| match core {
        Core::Attributed(_, basis) | Core::SharedAccount(_, basis) | Core::Disputed(basis) => {
            Some(basis)
        }
        Core::SharedDevice => Some(Basis::Lease),
        Core::Nothing => None,
    });
    match somebody {
        Some(basis) => (Core::Disputed(basis), true),
        None => (core, true),
    }
}
