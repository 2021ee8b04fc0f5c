//! Where devices are everybody's: the tablets of a class, and the house in which people live with a console that all share.

use super::super::clocks::{HOUR, MINUTE, at};
use super::super::leases::DeviceLine;
use super::super::people::{Card, Role};
use super::super::stays::{Pool, Proxy, Visit};
use super::{LESSONS, Making};

impl Making<'_> {
    /// Tablets that a class shares; half of the classes sign in at the proxy with one account for all.
    pub(super) fn tablets(&mut self) {
        let classes: Vec<usize> = self.numbers(Role::Shared).collect();
        let tablets = self.scaled(24).min(250);
        let mut visits = Vec::new();
        for tablet in 0..tablets {
            let card = Card::new(&mut self.random);
            self.register.push(DeviceLine {
                card,
                owner: None,
                name: format!("tablet-{}-{tablet}", self.index),
                from: i64::MIN,
                to: i64::MAX,
            });
            for day in self.school_days() {
                for begins in LESSONS {
                    let from = self.on(day, *begins) + self.random.below(10 * MINUTE);
                    let to = from + self.random.between(10 * MINUTE, 45 * MINUTE);
                    if self.random.chance(500) {
                        visits.push(Visit {
                            person: None,
                            card,
                            from,
                            to,
                        });
                    }
                }
            }
        }
        let begun = self.stays.len();
        let mut pool = Pool::new(self.net(0, 20), tablets);
        self.settle(&mut pool, visits, 300, None);
        for (number, stay) in self.stays.iter_mut().enumerate().skip(begun) {
            stay.troubles.insert("shared_device");
            if let Some(&class) = classes.get(number % 6) {
                stay.proxy = Proxy::Named(class);
                stay.troubles.insert("class_log_in");
            }
        }
    }

    /// People who live there: at all hours, and a console that all share.
    pub(super) fn residents(&mut self) {
        let mut visits = Vec::new();
        for number in (0..self.people.len()).collect::<Vec<_>>() {
            let Some(person) = self
                .people
                .get(number)
                .filter(|person| person.role.is_personal())
                .cloned()
            else {
                continue;
            };
            for day in 0..self.region.days.len() {
                let mut from = self.on(day, 6 * HOUR) + self.random.below(8 * HOUR);
                // Until the next morning, through the hours in which clocks change.
                let end = self.on(day, 5 * HOUR) + 23 * HOUR;
                while from < end && self.here(number, day) {
                    let to = (from + self.random.between(5 * MINUTE, 5 * HOUR)).min(end);
                    // Who gave a device away does not use it any more.
                    let given_away = self.register.iter().any(|line| {
                        line.card == person.card && line.owner != Some(number) && line.from < to
                    });
                    if to - from > 2 * MINUTE
                        && !given_away
                        && person
                            .leaves
                            .is_none_or(|leaves| to < at(&self.region.zone, leaves, 0))
                    {
                        visits.push(Visit {
                            person: Some(number),
                            card: person.card,
                            from,
                            to,
                        });
                    }
                    from = to + self.random.between(MINUTE, 4 * HOUR);
                }
            }
        }
        let console = Card::new(&mut self.random);
        self.register.push(DeviceLine {
            card: console,
            owner: None,
            name: format!("console-{}", self.index),
            from: i64::MIN,
            to: i64::MAX,
        });
        for day in 0..self.region.days.len() {
            let from = self.on(day, 18 * HOUR) + self.random.below(HOUR);
            visits.push(Visit {
                person: None,
                card: console,
                from,
                to: from + 3 * HOUR,
            });
        }
        let mut pool = Pool::new(self.net(0, 20), self.scaled(20).max(12));
        self.settle(&mut pool, visits, 500, None);
    }
}
