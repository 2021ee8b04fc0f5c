//! Claims: who says that an address was theirs, and for how long, once sessions, leases and registers are set against each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::record::{AccountToken, Basis, Mac, Timestamp};

use super::leases::Holding;
use super::registers::{Registers, validity};
use super::sessions::Session;
use super::{End, RowRef, Span};

/// A claim on an address.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    /// Who; none for a device that several people use.
    pub(super) account: Option<AccountToken>,
    /// How strong.
    pub(super) basis: Basis,
    /// For how long.
    pub(super) span: Span,
    /// The card behind it, if it is known.
    pub(super) mac: Option<Mac>,
    /// The rows it rests on.
    pub(super) rests_on: Vec<RowRef>,
    /// Whether it is of a service that signed in to a directory: it neither is nor ends anybody's presence.
    pub(super) service: bool,
}

/// A part of a session's life on one address or one card.
#[derive(Clone, Debug)]
struct Stay<'a> {
    session: &'a Session,
    span: Span,
    last_word: Timestamp,
}

/// The claims of all addresses, by their start. The holdings are cut where a session shows that they had ended.
pub(super) fn claims(
    sessions: &[Session],
    holdings: &mut BTreeMap<IpAddr, Vec<Holding>>,
    registers: &Registers,
) -> BTreeMap<IpAddr, Vec<Claim>> {
    let mut on_address: BTreeMap<IpAddr, Vec<Stay<'_>>> = BTreeMap::new();
    let mut on_card: BTreeMap<Mac, Vec<Stay<'_>>> = BTreeMap::new();
    let is_service = |session: &&Session| {
        let account = session
            .account
            .filter(|_| session.basis == Basis::Directory);
        account.is_some_and(|account| registers.is_service(account, session.span.from))
    };
    let (services, sessions): (Vec<&Session>, Vec<&Session>) =
        sessions.iter().partition(is_service);
    for session in sessions {
        // A machine's own session still ends those of persons before it; a claim it has none.
        for address in &session.addresses {
            on_address.entry(address.ip).or_default().push(Stay {
                session,
                span: address.span,
                last_word: address.last_word,
            });
        }
        if let Some(mac) = session.mac {
            on_card.entry(mac).or_default().push(Stay {
                session,
                span: session.span,
                last_word: session.last_word,
            });
        }
    }
    on_card.values_mut().for_each(|stays| {
        stays.sort_by_key(|stay| stay.span.from);
        end_at_own_stop(stays);
        end_at_next_start(stays.iter_mut().collect());
    });
    for (ip, stays) in &mut on_address {
        end_at_next_start(stays.iter_mut().collect());
        if let Some(held) = holdings.get_mut(ip) {
            end_holdings(held, stays);
            stays.iter_mut().for_each(|stay| end_at_lease(stay, held));
        }
    }
    let ips: BTreeSet<IpAddr> = on_address.keys().chain(holdings.keys()).copied().collect();
    let mut all: BTreeMap<IpAddr, Vec<Claim>> = BTreeMap::new();
    for ip in ips {
        let mut stays = on_address.remove(&ip).unwrap_or_default();
        let held = holdings.get(&ip).map_or(&[][..], Vec::as_slice);
        let mut by_lease = on_leases(held, &on_card);
        // Who signed in with the address, and who with the card that had it, follow each other too.
        end_at_next_start(
            stays
                .iter_mut()
                .chain(by_lease.iter_mut().map(|(stay, _)| stay))
                .collect(),
        );
        stays.retain(|stay| !stay.span.is_empty());
        let claims = all.entry(ip).or_default();
        claims.extend(stays.iter().filter_map(by_address));
        claims.extend(
            by_lease
                .iter()
                .filter_map(|(stay, holding)| by_card(stay, holding)),
        );
        claims.extend(
            held.iter()
                .flat_map(|holding| by_device(holding, registers)),
        );
    }
    for session in services {
        for address in &session.addresses {
            let stay = Stay {
                session,
                span: address.span,
                last_word: address.last_word,
            };
            let claim = by_address(&stay).map(|claim| Claim {
                service: true,
                ..claim
            });
            all.entry(address.ip).or_default().extend(claim);
        }
    }
    for claims in all.values_mut() {
        claims.sort_by(|a, b| {
            (a.span, a.basis, a.account, &a.rests_on).cmp(&(
                b.span,
                b.basis,
                b.account,
                &b.rests_on,
            ))
        });
    }
    all
}

/// Stays on cards while they held an address. Each begins with its lease; its end is still its own.
fn on_leases<'a, 'h>(
    held: &'h [Holding],
    on_card: &BTreeMap<Mac, Vec<Stay<'a>>>,
) -> Vec<(Stay<'a>, &'h Holding)> {
    let mut all = Vec::new();
    for holding in held {
        for stay in on_card.get(&holding.mac).into_iter().flatten() {
            if let Some(both) = stay.span.and(&holding.span) {
                let mut stay = stay.clone();
                stay.span.from = both.from;
                all.push((stay, holding));
            }
        }
    }
    all
}

/// A stay without a stop ends where another's begins, or the same person's next on the same kind of evidence,
/// unless it was heard of after that: then both stand.
fn end_at_next_start(mut stays: Vec<&mut Stay<'_>>) {
    stays.sort_by_key(|stay| stay.span.from);
    let starts: Vec<_> = stays
        .iter()
        .map(|stay| (stay.span.from, stay.session))
        .collect();
    for (index, stay) in stays.iter_mut().enumerate() {
        if stay.span.end != End::Silence {
            continue;
        }
        let own = stay.session;
        let next = starts.iter().skip(index + 1).find(|(from, session)| {
            let is_other = session.account != own.account || session.basis == own.basis;
            *from > stay.span.from
                && *from >= stay.last_word
                && is_other
                && !std::ptr::eq(*session, own)
        });
        if let Some((from, _)) = next {
            stay.span.cut(*from, End::NextStart);
        }
    }
}

/// Who is let in on a card (an acceptance, which has no stop of its own) is gone when the session ends that the acceptance began: the same
/// account's on the same card, begun after it. A session that began before is another's end, where a device went from one access point to the next.
fn end_at_own_stop(stays: &mut [Stay<'_>]) {
    let stops: Vec<_> = stays
        .iter()
        .filter(|stay| matches!(stay.span.end, End::Stop | End::Restart))
        .map(|stay| (stay.session.account, stay.span))
        .collect();
    for stay in stays {
        let own = stay.session.account;
        let stop = stops.iter().find(|(account, span)| {
            *account == own && span.from >= stay.span.from && span.to >= stay.last_word
        });
        if let Some((_, span)) = stop.filter(|_| stay.span.end == End::Silence) {
            stay.span.cut(span.to, End::Stop);
        }
    }
}

/// A holding ends where another card signs in on the address, unless the lease was spoken of after that.
fn end_holdings(held: &mut Vec<Holding>, stays: &[Stay<'_>]) {
    for holding in held.iter_mut() {
        let other = stays.iter().find(|stay| {
            stay.session.mac.is_some_and(|mac| mac != holding.mac)
                && stay.span.from > holding.span.from
                && stay.span.from >= holding.last_word
        });
        if let Some(stay) = other {
            holding.span.cut(stay.span.from, End::OtherCard);
        }
    }
    held.retain(|holding| !holding.span.is_empty());
}

/// A stay ends where its address goes to another card or is given back, unless it was heard of after that.
fn end_at_lease(stay: &mut Stay<'_>, held: &[Holding]) {
    let at_start = held
        .iter()
        .find(|holding| holding.span.contains(stay.span.from));
    let Some(mac) = stay.session.mac.or(at_start.map(|holding| holding.mac)) else {
        return;
    };
    for holding in held {
        let (at, end) = if holding.mac != mac {
            (holding.span.from, End::OtherCard)
        } else if holding.span.end == End::Released {
            (holding.span.to, End::Released)
        } else {
            continue;
        };
        if at > stay.span.from && at >= stay.last_word {
            stay.span.cut(at, end);
        }
    }
}

/// Who signed in, if it was a person.
fn person(session: &Session) -> Option<AccountToken> {
    session.account.filter(|account| !account.is_no_person())
}

fn by_address(stay: &Stay<'_>) -> Option<Claim> {
    Some(Claim {
        account: Some(person(stay.session)?),
        basis: stay.session.basis,
        span: stay.span,
        mac: stay.session.mac,
        rests_on: stay.session.rests_on.clone(),
        service: false,
    })
}

/// Signed in with a card, and the card had the address.
fn by_card(stay: &Stay<'_>, holding: &Holding) -> Option<Claim> {
    let span = stay.span.and(&holding.span)?;
    let rests_on = [stay.session.rests_on.as_slice(), &holding.rests_on].concat();
    Some(Claim {
        account: Some(person(stay.session)?),
        basis: stay.session.basis,
        span,
        mac: Some(holding.mac),
        rests_on,
        service: false,
    })
}

/// The card had the address, and the register says whose it is.
fn by_device(holding: &Holding, registers: &Registers) -> Vec<Claim> {
    let mut claims = Vec::new();
    for device in registers.devices_of(holding.mac) {
        let Some(span) = holding
            .span
            .and(&validity(device.valid_from, device.valid_to))
        else {
            continue;
        };
        let account = device.owner.filter(|_| !device.shared);
        if account.is_none() && !device.shared {
            continue;
        }
        let mut rests_on = holding.rests_on.clone();
        rests_on.push(RowRef {
            table: "devices",
            place: device.place,
        });
        claims.push(Claim {
            account,
            basis: Basis::Lease,
            span,
            mac: Some(holding.mac),
            rests_on,
            service: false,
        });
    }
    claims
}
