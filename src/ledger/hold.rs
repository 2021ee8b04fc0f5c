//! Legal holds: what must stay although its time has come. A hold is the fold of its entries.
//!
//! It ends by itself at its day, so that nothing is held for ever because somebody forgot it.

use super::act::{Act, HoldPlaced};
use super::file::Entry;
use crate::record::Timestamp;

/// What a hold is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldFor {
    /// Everything in its window.
    Everything,
    /// An establishment.
    Establishment,
    /// A network.
    Network,
    /// An account.
    Account,
    /// A source.
    Source,
}

impl HoldFor {
    /// All of them.
    pub const ALL: [HoldFor; 5] = [
        HoldFor::Everything,
        HoldFor::Establishment,
        HoldFor::Network,
        HoldFor::Account,
        HoldFor::Source,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            HoldFor::Everything => "everything",
            HoldFor::Establishment => "establishment",
            HoldFor::Network => "network",
            HoldFor::Account => "account",
            HoldFor::Source => "source",
        }
    }
}

/// Whether a hold holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// It holds.
    Active,
    /// Its day has come.
    Lapsed,
    /// It was ended by this entry.
    Ended(u64),
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The entry that placed it; its index is the hold's number.
    pub entry: Entry,
    /// What it says.
    pub placed: HoldPlaced,
    /// Whether it holds at the moment asked about.
    pub state: HoldState,
}

impl Hold {
    /// What it is for; `None` for a word of a later release, which must be taken as everything.
    pub fn on(&self) -> Option<HoldFor> {
        HoldFor::ALL
            .into_iter()
            .find(|on| on.as_str() == self.placed.on)
    }

    /// Whether it holds.
    pub fn is_active(&self) -> bool {
        self.state == HoldState::Active
    }
}

/// All holds, in the order in which they were placed, as they stand at a moment.
pub fn holds(entries: impl Iterator<Item = Entry>, now: Timestamp) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    for entry in entries {
        match &entry.act {
            Act::HoldPlaced(placed) => {
                let state = match placed.until > now {
                    true => HoldState::Active,
                    false => HoldState::Lapsed,
                };
                holds.push(Hold {
                    placed: placed.clone(),
                    state,
                    entry,
                });
            }
            Act::HoldEnded(ended) => {
                let of = |hold: &&mut Hold| hold.entry.index == ended.hold && hold.is_active();
                if let Some(hold) = holds.iter_mut().find(of) {
                    hold.state = HoldState::Ended(entry.index);
                }
            }
            _ => {}
        }
    }
    holds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::HoldEnded;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn entry(index: u64, act: Act) -> Entry {
        Entry {
            index,
            time: at(0),
            act,
            private: None,
        }
    }

    fn placed(until: i64) -> Act {
        Act::HoldPlaced(HoldPlaced {
            on: "account".to_owned(),
            whom: Some("07".repeat(16)),
            from: at(0),
            to: at(10),
            until: at(until),
        })
    }

    #[test]
    fn a_hold_ends_at_its_day_or_when_it_is_ended() {
        let entries = [
            entry(0, placed(100)),
            entry(1, placed(50)),
            entry(2, placed(100)),
            entry(3, Act::HoldEnded(HoldEnded { hold: 2 })),
        ];
        let states = |now: i64| -> Vec<HoldState> {
            let all = holds(entries.iter().cloned(), at(now));
            all.iter().map(|hold| hold.state).collect()
        };
        assert_eq!(
            states(50),
            [HoldState::Active, HoldState::Lapsed, HoldState::Ended(3)]
        );
        assert_eq!(states(100)[0], HoldState::Lapsed);
        assert_eq!(
            holds(entries.into_iter(), at(0))[0].on(),
            Some(HoldFor::Account)
        );
    }
}
