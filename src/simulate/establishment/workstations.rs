//! Workstations with sign-in: lessons, a second person at the same seat, an inventory under an account of its own.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::clocks::{HOUR, MINUTE};
use super::super::directory::{Controller, Sitting};
use super::super::leases::DeviceLine;
use super::super::people::{Card, Role};
use super::super::stays::{Proxy, Stay};
use super::{Establishment, LESSONS, Making};

/// A place at a workstation, and a time there.
#[derive(Clone, Copy)]
struct Seat<'a> {
    controller: &'a Controller,
    ip: Ipv4Addr,
    from: i64,
    to: i64,
}

impl Establishment {
    /// Writes down what the directory refused in the stories that are told by it.
    pub(super) fn fail_sign_ins(&mut self) {
        let Some(controller) = self.controller() else {
            return;
        };
        for story in &self.stories {
            let Some(stay) = self.stays.get(story.stay) else {
                continue;
            };
            for (at, account) in (story.script.failures)(story) {
                controller.refusal(&mut self.traces, at, &account, stay.ip);
            }
        }
    }

    fn controller(&self) -> Option<Controller> {
        let file = format!("logs/security-{}.xml", self.name);
        let source = self.sources.iter().find(|source| source.file == file)?;
        Some(Controller {
            source: source.clone(),
            establishment: self.name.clone(),
        })
    }
}

impl Making<'_> {
    /// Workstations that many people use, each under an account of theirs.
    pub(super) fn workstations(&mut self, controller: &Controller) {
        let pupils: Vec<usize> = self.numbers(Role::Pupil).collect();
        let service = self.numbers(Role::Service).next();
        let (seats, named) = (self.scaled(20).min(200), self.random.chance(500));
        let usual = std::mem::replace(&mut self.dhcp.lease_ms, 8 * HOUR);
        for seat in 0..seats {
            let card = Card::new(&mut self.random);
            let ip = Ipv4Addr::from(u32::from(self.net(0, 20)) + seat);
            self.register.push(DeviceLine {
                card,
                owner: None,
                name: format!("pc-{}-{seat}", self.index),
                from: i64::MIN,
                to: i64::MAX,
            });
            for day in self.school_days() {
                let (on, off) = (self.on(day, 8 * HOUR), self.on(day, 16 * HOUR));
                self.dhcp.hold(
                    &self.region.zone,
                    &mut self.random,
                    &mut self.traces,
                    (ip, card),
                    (on + i64::from(seat) * 700, off),
                    false,
                );
                for (lesson, begins) in LESSONS.iter().enumerate() {
                    // Now and then somebody comes back to a seat at which another sat meanwhile.
                    let lesson = if self.random.chance(150) { 0 } else { lesson };
                    let turn = usize::try_from(seat).unwrap_or(0) + lesson * 7 + day * 13;
                    let from = self.on(day, *begins) + self.random.between(MINUTE, 4 * MINUTE);
                    let to =
                        self.on(day, *begins) + 50 * MINUTE - self.random.between(0, 3 * MINUTE);
                    let Some(&first) = pupils.get(turn % pupils.len().max(1)) else {
                        continue;
                    };
                    if self.random.chance(300) || !self.here(first, day) {
                        continue;
                    }
                    let second = pupils.get((turn + 5) % pupils.len().max(1)).copied();
                    let second = second.filter(|second| {
                        *second != first && self.here(*second, day) && self.random.chance(60)
                    });
                    let seat = Seat {
                        controller,
                        ip,
                        from,
                        to,
                    };
                    match second {
                        Some(second) => self.switch(&seat, first, second),
                        None => {
                            let proxy = if named {
                                Proxy::Named(first)
                            } else {
                                Proxy::Transparent
                            };
                            self.sit(&seat, first, proxy, "workstation", false);
                        }
                    }
                    if let Some(service) = service.filter(|_| self.random.chance(200)) {
                        self.inventory(&seat, service);
                    }
                }
            }
        }
        self.dhcp.lease_ms = usual;
    }

    fn sit(
        &mut self,
        seat: &Seat<'_>,
        number: usize,
        proxy: Proxy,
        trouble: &'static str,
        goes_on: bool,
    ) {
        let Some(person) = self.people.get(number) else {
            return;
        };
        let &Seat {
            controller,
            ip,
            from,
            to,
        } = seat;
        let sitting = Sitting {
            account: &person.account,
            person: number,
            ip,
            from,
            to,
            goes_on,
        };
        controller.sitting(&mut self.random, &mut self.traces, &sitting);
        self.stays.push(Stay {
            ip,
            person: Some(number),
            from: from + 3000,
            to,
            proxy,
            troubles: BTreeSet::from([trouble]),
        });
    }

    /// Fast user switching: a second signs in. The first's programs go on, and go on asking for tickets, or they sleep.
    fn switch(&mut self, seat: &Seat<'_>, first: usize, second: usize) {
        let begins = seat.from + (seat.to - seat.from) / 3;
        let goes_on = self.random.chance(500);
        let to = if goes_on { seat.to } else { begins };
        self.sit(
            &Seat { to, ..*seat },
            first,
            Proxy::Transparent,
            "user_switch",
            goes_on,
        );
        let seat = Seat {
            from: begins,
            to: seat.to - MINUTE,
            ..*seat
        };
        self.sit(&seat, second, Proxy::Transparent, "user_switch", false);
    }

    /// An inventory is taken under an account of its own, while somebody sits there.
    fn inventory(&mut self, seat: &Seat<'_>, service: usize) {
        let at = seat.from + self.random.between(5 * MINUTE, 30 * MINUTE);
        let Some(person) = self.people.get(service) else {
            return;
        };
        let (controller, account) = (seat.controller, &person.account);
        controller.network_logon(&mut self.random, &mut self.traces, at, account, seat.ip);
        if let Some(stay) = self.stays.last_mut() {
            stay.troubles.insert("service_account");
        }
    }
}
