//! Who belongs to an establishment, which devices its register knows, and who is there on which day.

use jiff::civil::{Date, Weekday};

use super::super::clocks::at;
use super::super::leases::DeviceLine;
use super::super::people::{Card, Person, Role, people};
use super::{Kind, Making};

impl Making<'_> {
    pub(super) fn people(&mut self, kind: Kind) {
        let (pupils, staff) = match kind {
            Kind::Secondary => (self.scaled(60), self.scaled(12)),
            Kind::Primary => (0, self.scaled(10)),
            Kind::Residential => (self.scaled(16), self.scaled(3)),
        };
        let days = &self.region.days;
        let mut all = people(&mut self.random, self.index, 0..pupils, Role::Pupil, days);
        all.extend(people(
            &mut self.random,
            self.index,
            pupils..pupils + staff,
            Role::Staff,
            days,
        ));
        let visitors = self.scaled(6);
        all.extend(people(
            &mut self.random,
            self.index,
            5000..5000 + visitors,
            Role::Guest,
            days,
        ));
        for person in &mut all {
            if kind == Kind::Residential {
                (person.registered, person.random_card) = (true, false);
            }
            if person.role == Role::Guest {
                person.registered = false;
            }
        }
        let odd = |account: String, role| Person {
            account,
            role,
            year: None,
            starts: None,
            leaves: None,
            card: Card(0),
            random_card: false,
            registered: false,
        };
        let index = self.index;
        all.extend((0..3).map(|class| odd(format!("class{class}.e{index}"), Role::Shared)));
        all.push(odd(format!("svc-inventory.e{index}"), Role::Service));
        self.people = all;
        self.devices();
    }

    /// The register of devices: own devices that are known; one laptop changes its owner on the way.
    fn devices(&mut self) {
        let zone = &self.region.zone;
        let midnight = |day: jiff::civil::Date| at(zone, day, 0);
        for (number, person) in self
            .people
            .iter()
            .enumerate()
            .filter(|(_, person)| person.registered && !person.random_card)
        {
            self.register.push(DeviceLine {
                card: person.card,
                owner: Some(number),
                name: format!("own-{}-{number}", self.index),
                from: i64::MIN,
                to: person.leaves.map_or(i64::MAX, midnight),
            });
        }
        let staff: Vec<usize> = self
            .numbers(Role::Staff)
            .filter(|number| {
                self.people
                    .get(*number)
                    .is_some_and(|p| p.leaves.is_none() && p.starts.is_none())
            })
            .take(2)
            .collect();
        let handed = self
            .region
            .days
            .get(self.region.days.len() / 2)
            .filter(|_| self.region.days.len() > 1);
        if let (&[before, after], Some(day)) = (staff.as_slice(), handed) {
            let at = midnight(*day);
            let Some(card) = self.people.get(before).map(|person| person.card) else {
                return;
            };
            self.register.retain(|line| line.card != card);
            for (owner, from, to) in [(before, i64::MIN, at), (after, at, i64::MAX)] {
                self.register.push(DeviceLine {
                    card,
                    owner: Some(owner),
                    name: format!("laptop-{}-handed", self.index),
                    from,
                    to,
                });
            }
        }
    }

    pub(super) fn numbers(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        self.people
            .iter()
            .enumerate()
            .filter(move |(_, person)| person.role == role)
            .map(|(number, _)| number)
    }

    /// School days: not at the weekend, and in every second establishment not on the last day if it is a Monday (the holidays begin).
    pub(super) fn school_days(&self) -> Vec<usize> {
        let days = &self.region.days;
        let open = |(number, day): (usize, &Date)| {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            let holiday = day.weekday() == Weekday::Monday
                && number + 1 == days.len()
                && self.index % 2 == 1
                && number > 0;
            (!weekend && !holiday).then_some(number)
        };
        days.iter().enumerate().filter_map(open).collect()
    }

    pub(super) fn here(&self, person: usize, day: usize) -> bool {
        match (self.people.get(person), self.region.days.get(day)) {
            (Some(person), Some(day)) => person.is_here(*day),
            _ => false,
        }
    }
}
