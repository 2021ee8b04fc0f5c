//! The stories of an establishment: planted in stays in which it can be known who it was.

use std::collections::BTreeSet;

use super::super::clocks::MINUTE;
use super::super::stays::{Proxy, Stay};
use super::super::stories::{Place, SCRIPTS, Script, Story};
use super::super::truth::{self, Core};
use super::{Establishment, Kind};

impl Establishment {
    /// Plants each story and its twin in stays in which it can be known who it was, each of another person; which come first turns
    /// with the establishments, so that where there are few people all are told somewhere.
    pub(super) fn plant(&self) -> Vec<Story> {
        let mut wanted: Vec<(&'static Script, bool)> = SCRIPTS
            .iter()
            .filter(|script| self.has_place(script.place))
            .flat_map(|script| [(*script, false), (*script, true)])
            .collect();
        let pairs = wanted.len() / 2;
        let turned = usize::try_from(self.index).unwrap_or(0) * 7 % pairs.max(1);
        wanted.rotate_left(turned * 2);
        let mut told: BTreeSet<&str> = BTreeSet::new();
        let mut stories: Vec<Story> = Vec::new();
        for (number, stay) in self.stays.iter().enumerate() {
            let person = stay.person.and_then(|person| self.people.get(person));
            let Some(person) = person.filter(|person| !told.contains(person.account.as_str()))
            else {
                continue;
            };
            let margin = ((stay.to - stay.from) / 6).min(8 * MINUTE);
            let (from, until) = (stay.from + margin, stay.to - margin);
            let least = |(script, twin): &(&Script, bool)| {
                let [story, of_twin] = script.least;
                if *twin { of_twin } else { story }
            };
            // What has room in few places first, then the longest that fits, and of equals the first.
            let fits = wanted.iter().enumerate().rev();
            let fits = fits.filter(|(_, one)| from + least(one) <= until);
            let Some((place, _)) =
                fits.max_by_key(|(_, one)| (one.0.place != Place::Anywhere, least(one)))
            else {
                continue;
            };
            if !self.is_known(stay) {
                continue;
            }
            let (script, twin) = wanted.remove(place);
            let lasts = least(&(script, twin));
            let is_short = script.is_short || twin && script.least != [0, 0];
            told.insert(&person.account);
            stories.push(Story {
                id: format!("{}-{}", self.name, stories.len()),
                script,
                twin,
                stay: number,
                from,
                to: if is_short { from + lasts } else { until },
                account: person.account.clone(),
            });
            if wanted.is_empty() {
                break;
            }
        }
        stories
    }

    fn has_place(&self, place: Place) -> bool {
        match place {
            Place::Anywhere => true,
            Place::Residential => self.kind == Kind::Residential,
            Place::Secondary => self.kind == Kind::Secondary,
        }
    }

    /// Whether it can be known all along who it was.
    fn is_known(&self, stay: &Stay) -> bool {
        let moments = (1..24).map(|part| stay.from + (stay.to - stay.from) * part / 24);
        let known = |moment| {
            let (core, clocks) = truth::at(self.turns.get(&stay.ip), moment);
            !clocks && matches!(core, Core::Attributed(who, _) if Some(who) == stay.person)
        };
        stay.to - stay.from > 25 * MINUTE && stay.proxy == Proxy::Transparent && { moments }
            .all(known)
    }
}
