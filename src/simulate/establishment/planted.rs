//! The stories of an establishment: planted in stays in which it can be known who it was.

use std::collections::BTreeSet;

use super::super::Region;
use super::super::clocks::{HOUR, MINUTE, at};
use super::super::stays::{Proxy, Stay};
use super::super::stories::{Place, SCRIPTS, Script, Story};
use super::super::truth::{self, Basis, Core};
use super::{Establishment, Kind};

impl Establishment {
    /// Plants each story and its twin in stays in which it can be known who it was, each of another person; which come first turns
    /// with the establishments, so that where there are few people all are told somewhere.
    pub(super) fn plant(&self, region: &Region) -> Vec<Story> {
        let turned = usize::try_from(self.index).unwrap_or(0) * 7 % SCRIPTS.len();
        let scripts = SCRIPTS.iter().cycle().skip(turned).take(SCRIPTS.len());
        let mut wanted: Vec<(&'static Script, bool)> = scripts
            .flat_map(|script| [(*script, false), (*script, true)])
            .filter(|(script, twin)| self.has_place(script.place, *twin))
            .collect();
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
            let fits = fits.filter(|(_, one)| {
                let to = from + least(one);
                to <= until && self.is_time(region, one.0.place, stay, from, to)
            });
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
            let to = if is_short { from + lasts } else { until };
            let (from, to) = match script.is_always {
                true => (region.span().0, region.span().0 + region.span().1),
                false => (from, to),
            };
            told.insert(&person.account);
            stories.push(Story {
                id: format!("{}-{}", self.name, stories.len()),
                script,
                twin,
                stay: number,
                from,
                to,
                account: person.account.clone(),
            });
            if wanted.is_empty() {
                break;
            }
        }
        stories
    }

    fn has_place(&self, place: Place, twin: bool) -> bool {
        let is_told_here = twin == (self.index % 2 == 1);
        match place {
            Place::Anywhere => true,
            Place::Residential => self.kind == Kind::Residential,
            Place::ResidentialByDay => self.kind == Kind::Residential && is_told_here,
            Place::Secondary | Place::SignIn => self.kind == Kind::Secondary,
            Place::Apart => is_told_here,
        }
    }

    /// Whether a story of this kind can take place then.
    fn is_time(&self, region: &Region, place: Place, stay: &Stay, from: i64, to: i64) -> bool {
        match place {
            Place::ResidentialByDay => region.days.iter().any(|day| {
                let hour = |hours| at(&region.zone, *day, hours * HOUR);
                hour(8) <= from && to <= hour(16)
            }),
            Place::SignIn => {
                let (core, _) = truth::at(self.turns.get(&stay.ip), from);
                matches!(core, Core::Attributed(_, Basis::Radius | Basis::Directory))
            }
            _ => true,
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
