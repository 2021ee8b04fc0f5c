//! Who an event belongs to, as far as a rule may say: one sighting for one event, at the event's own time.

use std::net::IpAddr;

use crate::attribute::{Facts, RowRef};
use crate::record::{AccountToken, Basis, Timestamp, Verdict};

/// What is said of the subject of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// Whose events may be counted together.
    pub(super) subject: Subject,
    /// On what the subject rests.
    pub(super) basis: Option<Basis>,
    /// The rows of attribution.
    pub(super) rests_on: Vec<RowRef>,
}

/// Whose events may be counted together. Where nobody can be named, an address stands for itself alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) establishment: String,
    pub(super) verdict: Verdict,
    pub(super) account: Option<AccountToken>,
    /// Set only where there is no account; it goes into no finding.
    pub(super) address: Option<IpAddr>,
}

impl Subject {
    /// The establishment as a summary says it.
    pub(super) fn place(&self) -> &str {
        match self.establishment.as_str() {
            "" => "an unknown establishment",
            name => name,
        }
    }
}

/// Attributes an event of one moment.
pub(super) fn at(
    facts: &Facts,
    ip: IpAddr,
    time: Timestamp,
    named: Option<AccountToken>,
) -> Sighting {
    over(facts, ip, time, time, named)
}

/// Attributes an event that lasts. If somebody else comes to the address while it lasts, it is disputed.
pub(super) fn over(
    facts: &Facts,
    ip: IpAddr,
    from: Timestamp,
    to: Timestamp,
    named: Option<AccountToken>,
) -> Sighting {
    let answer = facts.who(ip, from, named.as_ref());
    let mut verdict = answer.verdict;
    let mut account = answer.account;
    if account.is_some() && named.is_none() {
        let others = facts
            .changes(ip, from, to)
            .into_iter()
            .filter_map(|moment| {
                facts
                    .who(ip, moment, None)
                    .rivals
                    .into_iter()
                    .find(|rival| rival.at_the_moment && rival.account != account)
            })
            .next();
        if others.is_some() {
            verdict = Verdict::Disputed;
            account = None;
        }
    }
    Sighting {
        subject: Subject {
            establishment: answer.establishment.unwrap_or_default(),
            verdict,
            account,
            address: account.is_none().then_some(ip),
        },
        basis: answer.basis,
        rests_on: answer.rests_on,
    }
}
