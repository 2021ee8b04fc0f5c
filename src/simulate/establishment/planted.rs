//! The stories of an establishment: planted in stays in which it can be known who it was.

use super::super::clocks::MINUTE;
use super::super::stays::Proxy;
use super::super::stories::{Rule, Story};
use super::super::truth::{self, Core};
use super::{Establishment, Kind};

impl Establishment {
    /// Plants a story and its twin in stays in which it can be known who it was.
    pub(super) fn plant(&self) -> Vec<Story> {
        let known = self.stays.iter().enumerate().filter(|(_, stay)| {
            let moments = [1, 2, 3, 4, 5].map(|part| stay.from + (stay.to - stay.from) * part / 6);
            stay.to - stay.from > 25 * MINUTE
                && stay.proxy == Proxy::Transparent
                && moments.iter().all(|moment| {
                    matches!(truth::at(self.turns.get(&stay.ip), *moment), (Core::Attributed(who, _), false) if Some(who) == stay.person)
                })
        });
        let mut wanted = vec![
            (Rule::CategoryHit, false),
            (Rule::CategoryHit, true),
            (Rule::VpnTunnel, false),
            (Rule::VpnTunnel, true),
        ];
        if self.kind == Kind::Residential {
            // Lines of schools are too wide for one user to fill with what a capture of this size holds.
            wanted.extend([
                (Rule::SustainedHighVolume, false),
                (Rule::SustainedHighVolume, true),
            ]);
        }
        wanted.reverse();
        let mut stories: Vec<Story> = Vec::new();
        for (number, stay) in known {
            let Some(&(rule, twin)) = wanted.last() else {
                break;
            };
            let Some(person) = stay.person.and_then(|person| self.people.get(person)) else {
                continue;
            };
            let sixth = (stay.to - stay.from) / 6;
            let (from, to) = match (rule, twin) {
                (Rule::SustainedHighVolume, false) => {
                    (stay.from + sixth, stay.from + sixth + 30 * MINUTE)
                }
                // A burst, such as an update.
                (Rule::SustainedHighVolume, true) => {
                    (stay.from + sixth, stay.from + sixth + 4 * MINUTE)
                }
                _ => (stay.from + sixth, stay.to - sixth),
            };
            if stories.iter().any(|story| story.account == person.account) || to > stay.to - sixth {
                continue;
            }
            wanted.pop();
            stories.push(Story {
                id: format!("{}-{}", self.name, stories.len()),
                rule,
                twin,
                stay: number,
                from,
                to,
                account: person.account.clone(),
            });
        }
        stories
    }
}
