//! The facts of some addresses and a window, and the one question they answer: who was it?

mod sensitivity;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::record::{AccountToken, Basis, Timestamp, Verdict, from_store_ip, to_store_ip};

use super::claims::{Claim, claims};
use super::leases::{Holding, holdings};
use super::registers::{Registers, Where, place_at, validity};
use super::sessions::sessions;
use super::{
    Answer, AttributeSettings, DarkRow, FactRows, NetworkRow, Reason, Rival, RowRef, Span,
};

pub use sensitivity::Sensitivity;

/// What is known of some addresses: claims, leases, registers, and where the answer changes.
#[derive(Clone, Debug)]
pub struct Facts {
    settings: AttributeSettings,
    registers: Registers,
    addresses: BTreeMap<IpAddr, Known>,
    /// Of an address that nothing is known of.
    nothing: Known,
    /// Addresses that stand for others: nobody's, whatever was signed in by them.
    translators: BTreeSet<IpAddr>,
}

/// What is known of one address.
#[derive(Clone, Debug, Default)]
struct Known {
    /// By their start.
    claims: Vec<Claim>,
    /// For each claim the latest end of it and those before: where to stop looking back.
    latest_end: Vec<Timestamp>,
    holdings: Vec<Holding>,
    /// What the answer is from each of these moments on, in order; neighbours differ.
    turns: Vec<(Timestamp, Outcome)>,
}

/// What counts of an answer when we ask whether it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What can be said.
    pub verdict: Verdict,
    /// Who.
    pub account: Option<AccountToken>,
    /// Where.
    pub establishment: Option<String>,
}

impl Outcome {
    /// What counts of this answer.
    pub fn of(answer: &Answer) -> Outcome {
        Outcome {
            verdict: answer.verdict,
            account: answer.account,
            establishment: answer.establishment.clone(),
        }
    }
}

const ALWAYS: Timestamp = Timestamp::from_micros(i64::MIN);

impl Facts {
    /// Works out the claims of all addresses that the rows speak of. The order of the rows does not matter.
    pub fn new(rows: FactRows, settings: AttributeSettings) -> Facts {
        let mut servers = rows.interim_servers;
        servers.extend(
            rows.sign_ins
                .iter()
                .filter(|row| row.event == crate::record::SignInEvent::Interim)
                .map(|row| row.nas.clone()),
        );
        // Servers without a name can not be told apart: they say nothing about each other.
        servers.remove("");
        let long = |dark: &DarkRow| dark.to.micros_since(dark.from) >= settings.dark_us;
        let dark: Vec<DarkRow> = rows.dark.into_iter().filter(long).collect();
        let registers = Registers::new(rows.networks, rows.devices, rows.accounts);
        let mut held = holdings(rows.leases, &rows.lease_pauses, &dark, &settings);
        let sessions = sessions(&rows.sign_ins, &servers, &settings);
        let mut claimed = claims(&sessions, &mut held, &registers);
        let ips: BTreeSet<IpAddr> = claimed.keys().chain(held.keys()).copied().collect();
        let mut facts = Facts {
            settings,
            registers,
            addresses: BTreeMap::new(),
            nothing: Known::default(),
            translators: rows.translators,
        };
        for ip in ips {
            if facts.translators.contains(&ip) {
                continue;
            }
            let mut known = Known {
                claims: claimed.remove(&ip).unwrap_or_default(),
                holdings: held.remove(&ip).unwrap_or_default(),
                ..Known::default()
            };
            let mut latest = ALWAYS;
            for claim in &known.claims {
                latest = latest.max(claim.span.to);
                known.latest_end.push(latest);
            }
            known.turns = facts.turns(&known, ip);
            facts.addresses.insert(ip, known);
        }
        facts
    }

    /// The limits by which it judges.
    pub fn settings(&self) -> &AttributeSettings {
        &self.settings
    }

    /// Who used this address at this moment. `named` is the account that the event itself names.
    pub fn who(&self, ip: IpAddr, time: Timestamp, named: Option<&AccountToken>) -> Answer {
        let ip = from_store_ip(to_store_ip(ip));
        let networks = self.registers.networks_of(ip);
        let known = self.addresses.get(&ip).unwrap_or(&self.nothing);
        let mut answer = match named {
            Some(account) => self.named(known, &networks, time, *account),
            None => {
                let mut answer = self.judge(known, &networks, time);
                self.weigh_margin(&mut answer, known, ip, time);
                answer
            }
        };
        answer.rivals = self.rivals(known, &answer, time);
        if named.is_none() && self.translators.contains(&ip) {
            answer
                .reasons
                .retain(|reason| *reason != Reason::NoClaimant);
            answer.reasons.push(Reason::PortNotSaid);
        }
        answer.reasons.sort_unstable();
        answer.reasons.dedup();
        answer.rests_on.sort_unstable();
        answer.rests_on.dedup();
        answer
    }

    /// Whose network an address lay in at this moment, by the register alone.
    pub fn establishment(&self, ip: IpAddr, time: Timestamp) -> Option<&str> {
        let ip = from_store_ip(to_store_ip(ip));
        match place_at(&self.registers.networks_of(ip), time) {
            Where::Known(line) => Some(&line.establishment),
            Where::Nobody | Where::Disagree => None,
        }
    }

    /// The moments after `from` and before `to` at which the answer for an address changes.
    pub fn changes(&self, ip: IpAddr, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let ip = from_store_ip(to_store_ip(ip));
        let Some(known) = self.addresses.get(&ip) else {
            let turns = self.turns(&self.nothing, ip);
            return between(&turns, from, to);
        };
        between(&known.turns, from, to)
    }

    /// The event names its account: nothing is stronger.
    fn named(
        &self,
        known: &Known,
        networks: &[&NetworkRow],
        time: Timestamp,
        account: AccountToken,
    ) -> Answer {
        let mut answer = nobody(Reason::NamedInTheEvent);
        answer.verdict = Verdict::Attributed;
        answer.account = Some(account);
        answer.basis = Some(Basis::Event);
        if account.is_no_person() {
            answer.verdict = Verdict::Shared;
            answer.reasons.push(Reason::NoPerson);
        } else if let Some(row) = self.registers.impersonal(account, time) {
            answer.verdict = Verdict::Shared;
            answer.rests_on.push(row);
            answer.reasons.push(Reason::SharedAccount);
        }
        if known
            .at(time)
            .any(|claim| claim.account.is_some_and(|other| other != account))
        {
            answer.reasons.push(Reason::WeakerContradicts);
        }
        locate(&mut answer, networks, time);
        answer
    }

    /// The answer of a moment, its margin not yet looked at.
    fn judge(&self, known: &Known, networks: &[&NetworkRow], time: Timestamp) -> Answer {
        let mut answer = nobody(Reason::NoClaimant);
        // A service that signs in to the directory is not who sits there, if anybody else is known to.
        let others = known.at(time).any(|claim| !claim.service);
        let counts = |claim: &&Claim| !(claim.service && others);
        let strongest = known.at(time).filter(counts).map(|claim| claim.basis).min();
        if let Some(basis) = strongest {
            let winners: Vec<&Claim> = known
                .at(time)
                .filter(counts)
                .filter(|claim| claim.basis == basis)
                .collect();
            answer = self.weigh(known, &winners, time);
            answer.basis = Some(basis);
            let contradicts = |claim: &Claim| {
                counts(&claim)
                    && claim.basis > basis
                    && claim.account.is_some()
                    && claim.account != answer.account
            };
            if answer.verdict == Verdict::Attributed && known.at(time).any(contradicts) {
                answer.reasons.push(Reason::WeakerContradicts);
            }
        } else if let Some(holding) = known.holding_at(time) {
            answer.reasons = vec![match self.registers.devices_of(holding.mac) {
                [] => Reason::UnknownDevice,
                _ => Reason::NoOwner,
            }];
            answer.rests_on.clone_from(&holding.rests_on);
        }
        locate(&mut answer, networks, time);
        answer
    }

    /// Weighs claims of the same strength.
    fn weigh(&self, known: &Known, winners: &[&Claim], time: Timestamp) -> Answer {
        let who: BTreeSet<Option<AccountToken>> =
            winners.iter().map(|claim| claim.account).collect();
        let rests_on = winners
            .iter()
            .flat_map(|claim| claim.rests_on.iter().copied())
            .collect();
        let mut answer = Answer {
            rests_on,
            ..nobody(Reason::EqualClaimants)
        };
        answer.verdict = Verdict::Disputed;
        let mut who = who.into_iter();
        let (Some(only), None) = (who.next(), who.next()) else {
            return answer;
        };
        answer.span = widest(winners);
        let Some(account) = only else {
            answer.verdict = Verdict::Shared;
            answer.reasons = vec![Reason::SharedDevice];
            return answer;
        };
        if self.is_on_another_card(known, winners, account, time) {
            answer.reasons = vec![Reason::OtherCard];
            return answer;
        }
        answer.account = Some(account);
        if let Some(row) = self.registers.impersonal(account, time) {
            answer.verdict = Verdict::Shared;
            answer.rests_on.push(row);
            answer.reasons = vec![Reason::SharedAccount];
        } else {
            answer.verdict = Verdict::Attributed;
            answer.reasons = vec![Reason::OneClaimant];
        }
        answer
    }

    /// Whether the lease of this moment is to a card that none of the claims knows, nor belongs to the same person.
    fn is_on_another_card(
        &self,
        known: &Known,
        winners: &[&Claim],
        account: AccountToken,
        time: Timestamp,
    ) -> bool {
        let Some(holding) = known.holding_at(time) else {
            return false;
        };
        let all_known_and_other = winners
            .iter()
            .all(|claim| claim.mac.is_some_and(|mac| mac != holding.mac));
        let own = self.registers.devices_of(holding.mac).iter().any(|device| {
            device.owner == Some(account)
                && validity(device.valid_from, device.valid_to).contains(time)
        });
        all_known_and_other && !own
    }

    /// Finds the nearest moment at which the answer changes, and doubts the answer if it is too near.
    fn weigh_margin(&self, answer: &mut Answer, known: &Known, ip: IpAddr, time: Timestamp) {
        let own;
        let turns = if self.addresses.contains_key(&ip) {
            known.turns.as_slice()
        } else {
            own = self.turns(known, ip);
            own.as_slice()
        };
        let next = turns.partition_point(|(from, _)| *from <= time);
        let before = turns.get(next.saturating_sub(1)).map(|(from, _)| *from);
        let left = before
            .filter(|from| *from != ALWAYS)
            .map(|from| time.micros_since(from));
        let right = turns.get(next).map(|(from, _)| from.micros_since(time));
        answer.margin_us = left.into_iter().chain(right).min();
        let uncertainty = self.settings.clock_uncertainty_us;
        if answer.margin_us.is_none_or(|margin| margin >= uncertainty) {
            return;
        }
        let earliest = time.plus_micros(uncertainty.saturating_neg());
        let first = turns
            .partition_point(|(from, _)| *from <= earliest)
            .saturating_sub(1);
        let latest = time.plus_micros(uncertainty);
        let near = turns
            .iter()
            .skip(first)
            .take_while(|(from, _)| *from < latest);
        let (mut somebody, mut elsewhere) = (false, false);
        for (_, outcome) in near {
            somebody |= outcome.verdict != Verdict::NotAttributable;
            elsewhere |= outcome.establishment != answer.establishment;
        }
        answer.reasons.push(Reason::MarginTooSmall);
        if somebody {
            // Whoever was alone in claiming the moment is not alone in claiming its neighbourhood.
            answer
                .reasons
                .retain(|reason| *reason != Reason::OneClaimant);
            answer.verdict = Verdict::Disputed;
            answer.account = None;
        }
        if elsewhere {
            answer.establishment = None;
            answer.reasons.push(Reason::NetworksDisagree);
        }
    }

    /// Every moment at which the answer of an address changes.
    fn turns(&self, known: &Known, ip: IpAddr) -> Vec<(Timestamp, Outcome)> {
        let networks = self.registers.networks_of(ip);
        let mut moments = BTreeSet::from([ALWAYS]);
        let mut add = |span: Span| moments.extend([span.from, span.to]);
        known.holdings.iter().for_each(|holding| add(holding.span));
        networks
            .iter()
            .for_each(|line| add(validity(line.valid_from, line.valid_to)));
        for claim in &known.claims {
            add(claim.span);
            let lines = claim
                .account
                .map(|account| self.registers.impersonal_lines(account));
            for line in lines.into_iter().flatten() {
                add(validity(line.valid_from, line.valid_to));
            }
        }
        moments.remove(&Timestamp::from_micros(i64::MAX));
        let mut turns: Vec<(Timestamp, Outcome)> = Vec::new();
        for moment in moments {
            let outcome = Outcome::of(&self.judge(known, &networks, moment));
            if turns.last().is_none_or(|(_, last)| *last != outcome) {
                turns.push((moment, outcome));
            }
        }
        turns
    }

    /// Claims of others, at the moment and near it.
    fn rivals(&self, known: &Known, answer: &Answer, time: Timestamp) -> Vec<Rival> {
        let horizon = self.settings.rival_horizon_us;
        let mut rivals: Vec<Rival> = known
            .near(time, horizon)
            .filter(|claim| answer.account.is_none() || claim.account != answer.account)
            // The shared device that decided, or that somebody signed in on, is nobody's rival.
            .filter(|claim| claim.account.is_some())
            .map(|claim| Rival {
                at_the_moment: claim.span.contains(time),
                basis: claim.basis,
                account: claim.account,
                span: claim.span,
                rests_on: claim.rests_on.clone(),
            })
            .collect();
        rivals.sort_by(|a, b| b.at_the_moment.cmp(&a.at_the_moment).then(a.cmp(b)));
        rivals.dedup();
        rivals
    }
}

impl Known {
    /// The claims that hold at a moment.
    fn at(&self, time: Timestamp) -> impl Iterator<Item = &Claim> {
        self.near(time, 0)
            .filter(move |claim| claim.span.contains(time))
    }

    /// The claims that come within so many microseconds of a moment, latest start first.
    fn near(&self, time: Timestamp, micros: i64) -> impl Iterator<Item = &Claim> {
        let earliest = time.plus_micros(micros.saturating_neg());
        let latest = time.plus_micros(micros);
        let end = self
            .claims
            .partition_point(|claim| claim.span.from <= latest);
        self.claims
            .iter()
            .zip(&self.latest_end)
            .take(end)
            .rev()
            .take_while(move |(_, latest_end)| **latest_end > earliest)
            .map(|(claim, _)| claim)
            .filter(move |claim| claim.span.is_near(time, micros.max(1)))
    }

    fn holding_at(&self, time: Timestamp) -> Option<&Holding> {
        let end = self
            .holdings
            .partition_point(|holding| holding.span.from <= time);
        let last = self.holdings.get(end.checked_sub(1)?)?;
        last.span.contains(time).then_some(last)
    }
}

fn between(turns: &[(Timestamp, Outcome)], from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    turns
        .iter()
        .map(|(turn, _)| *turn)
        .filter(|turn| from < *turn && *turn < to)
        .collect()
}

fn nobody(reason: Reason) -> Answer {
    Answer {
        verdict: Verdict::NotAttributable,
        establishment: None,
        account: None,
        basis: None,
        span: None,
        rests_on: Vec::new(),
        rivals: Vec::new(),
        margin_us: None,
        reasons: vec![reason],
    }
}

fn locate(answer: &mut Answer, networks: &[&NetworkRow], time: Timestamp) {
    match place_at(networks, time) {
        Where::Known(line) => {
            answer.establishment = Some(line.establishment.clone());
            answer.rests_on.push(RowRef {
                table: "networks",
                place: line.place,
            });
        }
        Where::Nobody => answer.reasons.push(Reason::NoNetwork),
        Where::Disagree => answer.reasons.push(Reason::NetworksDisagree),
    }
}

/// From the first start to the last end of claims that agree and all hold at one moment.
fn widest(claims: &[&Claim]) -> Option<Span> {
    let from = claims.iter().map(|claim| claim.span.from).min()?;
    let last = claims.iter().max_by_key(|claim| claim.span.to)?;
    Some(Span { from, ..last.span })
}
