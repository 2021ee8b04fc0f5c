//! How much an answer hangs on its moment: what it would be just before and after it holds, and by clocks that are an hour off.

use std::net::IpAddr;

use super::{Answer, Facts, Outcome, Timestamp, from_store_ip, to_store_ip};

/// What would have been answered near a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sensitivity {
    /// The last other answer of the hour before, and the moment from which it no longer held.
    pub before: Option<(Timestamp, Outcome)>,
    /// The next other answer of the hour after, and the moment from which it holds.
    pub after: Option<(Timestamp, Outcome)>,
    /// The answer an hour earlier, as a source would have it whose clock is an hour ahead.
    pub an_hour_earlier: Answer,
    /// The answer an hour later.
    pub an_hour_later: Answer,
}

impl Sensitivity {
    /// How far it looks each way: one hour, the slip of a clock that was not put forward or back, or of a zone taken wrongly.
    pub const REACH_US: i64 = 3_600_000_000;

    /// Whether somebody else, or nobody, would be named if a clock were an hour off.
    pub fn an_hour_matters(&self, answer: &Answer) -> bool {
        let said = Outcome::of(answer);
        [&self.an_hour_earlier, &self.an_hour_later]
            .into_iter()
            .any(|other| Outcome::of(other) != said)
    }
}

impl Facts {
    /// What would be answered near a moment. The facts must have been loaded from an hour before it to an hour after.
    pub fn sensitivity(&self, ip: IpAddr, time: Timestamp) -> Sensitivity {
        let earlier = time.plus_micros(-Sensitivity::REACH_US);
        let later = time.plus_micros(Sensitivity::REACH_US);
        let ip = from_store_ip(to_store_ip(ip));
        let own;
        let turns = match self.addresses.get(&ip) {
            Some(known) => known.turns.as_slice(),
            None => {
                own = self.turns(&self.nothing, ip);
                own.as_slice()
            }
        };
        let next = turns.partition_point(|(from, _)| *from <= time);
        let (past, future) = turns.split_at_checked(next).unwrap_or((turns, &[]));
        let before = match past {
            [.., (_, other), (from, _)] if *from > earlier => Some((*from, other.clone())),
            _ => None,
        };
        let after = future
            .first()
            .filter(|(from, _)| *from <= later)
            .map(|(from, other)| (*from, other.clone()));
        Sensitivity {
            before,
            after,
            an_hour_earlier: self.who(ip, earlier, None),
            an_hour_later: self.who(ip, later, None),
        }
    }
}
