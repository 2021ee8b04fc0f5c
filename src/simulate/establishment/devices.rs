//! Devices that are one person's, and those of guests: telephones and laptops on the radio and on the wire.

use std::collections::BTreeSet;

use super::super::clocks::{HOUR, MINUTE, at};
use super::super::leases::DeviceLine;
use super::super::people::{Card, Role};
use super::super::radius::Accounting;
use super::super::stays::{Pool, Proxy, Stay, Visit};
use super::Making;

impl Making<'_> {
    /// Own devices on the radio by 802.1X, and one with an address that it gave itself.
    pub(super) fn own_devices(&mut self, accounting: &Accounting) {
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
            for day in self.school_days() {
                if !self.here(number, day) || self.random.chance(250) {
                    continue;
                }
                let mut from = self.on(day, 8 * HOUR) + self.random.below(3 * HOUR);
                for _ in 0..self.random.between(1, 4) {
                    let to = from + self.random.between(6 * MINUTE, 130 * MINUTE);
                    if to > self.on(day, 17 * HOUR) {
                        break;
                    }
                    // The handed laptop is on the wire.
                    let card = match person.role {
                        Role::Staff => Card(person.card_on(day).0 ^ 1),
                        _ => person.card_on(day),
                    };
                    visits.push(Visit {
                        person: Some(number),
                        card,
                        from,
                        to,
                    });
                    from = to + self.random.between(2 * MINUTE, 90 * MINUTE);
                }
            }
        }
        let mut pool = Pool::new(self.net(8, 10), self.scaled(60).max(20) * 3 / 4);
        self.settle(&mut pool, visits, 500, Some(accounting));
        for day in self.school_days() {
            let from = self.on(day, 10 * HOUR) + self.random.below(HOUR);
            self.stays.push(Stay {
                ip: self.net(15, 200),
                person: None,
                from,
                to: from + 40 * MINUTE,
                proxy: Proxy::Transparent,
                troubles: BTreeSet::from(["own_choice_of_address"]),
            });
        }
    }

    /// Laptops of staff, each with one registered owner, on the wire.
    pub(super) fn laptops(&mut self) {
        let staff: Vec<usize> = self.numbers(Role::Staff).collect();
        let mut visits = Vec::new();
        for number in staff {
            let Some(card) = self.people.get(number).map(|person| person.card) else {
                continue;
            };
            for day in self.school_days() {
                let from = self.on(day, 8 * HOUR) + self.random.below(HOUR);
                let to = self.on(day, 15 * HOUR) + self.random.below(2 * HOUR);
                // Who the laptop belongs to on that day uses it.
                let owner = self
                    .register
                    .iter()
                    .find(|line| line.card == card && line.from <= from && from < line.to);
                let Some(owner) = owner.and_then(|line| line.owner) else {
                    continue;
                };
                if self.here(owner, day) && !self.random.chance(100) {
                    let away = from + self.random.between(HOUR, 3 * HOUR);
                    visits.push(Visit {
                        person: Some(owner),
                        card,
                        from,
                        to: away,
                    });
                    visits.push(Visit {
                        person: Some(owner),
                        card,
                        from: away + self.random.between(MINUTE, HOUR),
                        to: to.max(away + 2 * HOUR),
                    });
                }
            }
        }
        let mut pool = Pool::new(self.net(4, 20), 200);
        self.settle(&mut pool, visits, 200, None);
    }

    /// Guests without sign-in: cards that no register knows, in turn with registered telephones of staff, on few addresses.
    pub(super) fn guests(&mut self) {
        let mut visits = Vec::new();
        for day in self.school_days() {
            for _ in 0..self.scaled(30) {
                let from = self.on(day, 9 * HOUR) + self.random.below(6 * HOUR);
                let to = from + self.random.between(4 * MINUTE, 50 * MINUTE);
                visits.push(Visit {
                    person: None,
                    card: Card::new(&mut self.random),
                    from,
                    to,
                });
            }
            for number in self.numbers(Role::Staff).collect::<Vec<_>>() {
                if !self.here(number, day) || self.random.chance(500) {
                    continue;
                }
                let Some(card) = self
                    .people
                    .get(number)
                    .map(|person| Card(person.card.0 ^ 2))
                else {
                    continue;
                };
                if !self.register.iter().any(|line| line.card == card) {
                    let to = self
                        .people
                        .get(number)
                        .and_then(|person| person.leaves)
                        .map_or(i64::MAX, |day| at(&self.region.zone, day, 0));
                    self.register.push(DeviceLine {
                        card,
                        owner: Some(number),
                        name: format!("phone-{}-{number}", self.index),
                        from: i64::MIN,
                        to,
                    });
                }
                let from = self.on(day, 9 * HOUR) + self.random.below(5 * HOUR);
                visits.push(Visit {
                    person: Some(number),
                    card,
                    from,
                    to: from + self.random.between(10 * MINUTE, 90 * MINUTE),
                });
            }
        }
        let mut pool = Pool::new(self.net(16, 10), self.scaled(24).clamp(12, 180));
        let usual = std::mem::replace(&mut self.dhcp.lease_ms, 10 * MINUTE);
        self.settle(&mut pool, visits, 600, None);
        self.dhcp.lease_ms = usual;
        // A strange server gave these their addresses: no log tells of it.
        for day in self.school_days() {
            let from = self.on(day, 11 * HOUR) + self.random.below(HOUR);
            self.stays.push(Stay {
                ip: self.net(16, 230),
                person: None,
                from,
                to: from + 20 * MINUTE,
                proxy: Proxy::Transparent,
                troubles: BTreeSet::from(["rogue_dhcp"]),
            });
        }
    }
}
