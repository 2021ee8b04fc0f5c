//! One establishment: what kind it is, who belongs to it, and all that happens there on the days that are told of.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use jiff::civil::Weekday;

use super::clocks::{Clock, HOUR, MINUTE, at, comes_twice};
use super::directory::{Controller, Sitting};
use super::leases::{DeviceLine, DhcpServer};
use super::people::{Card, Person, Role, people};
use super::radius::{Accounting, Session};
use super::random::Random;
use super::stays::{Pool, Proxy, Stay, Visit};
use super::stories::{Rule, Story};
use super::traces::{Source, Traces};
use super::truth::{Core, Owner, Registers, Turns, turns};
use super::{Piece, Region, truth, wire};

/// What kind of establishment it is; they take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Workstations with sign-in, own devices by 802.1X, laptops of staff, guests.
    Secondary,
    /// Class tablets and class log-ins, laptops of staff, guests.
    Primary,
    /// People live there: own devices at all hours, known by the register alone.
    Residential,
}

/// An establishment with all that happens there, but for its traffic, which is made by the day.
#[derive(Clone, Debug)]
pub struct Establishment {
    pub(super) index: u32,
    pub(super) name: String,
    kind: Kind,
    pub(super) people: Vec<Person>,
    register: Vec<DeviceLine>,
    pub(super) stays: Vec<Stay>,
    traces: Traces,
    sources: Vec<Source>,
    pub(super) turns: BTreeMap<Ipv4Addr, Turns>,
    pub(super) proxy: Clock,
    pub(super) stories: Vec<Story>,
}

/// What is at hand while the establishment is made.
struct Making<'a> {
    region: &'a Region,
    index: u32,
    random: Random,
    people: Vec<Person>,
    register: Vec<DeviceLine>,
    stays: Vec<Stay>,
    traces: Traces,
    dhcp: DhcpServer,
}

/// A place at a workstation, and a time there.
#[derive(Clone, Copy)]
struct Seat<'a> {
    controller: &'a Controller,
    ip: Ipv4Addr,
    from: i64,
    to: i64,
}

impl Establishment {
    pub(super) fn new(region: &Region, index: u32) -> Establishment {
        let kind = match index % 3 {
            0 => Kind::Secondary,
            1 => Kind::Primary,
            _ => Kind::Residential,
        };
        let name = format!("e{index:03}");
        let mut random = region.random(&[u64::from(index), 1]);
        let (since, lasts) = span(region);
        let mut clock = |off| Clock::of(&mut random, since, lasts, off);
        let proxy = clock(index % 4 == 3);
        let dhcp = Source {
            file: format!("logs/dhcpd-{name}.log"),
            clock: clock(index % 2 == 1),
        };
        let radius = Source {
            file: format!("logs/radius-{name}.detail"),
            clock: clock(index % 5 == 3),
        };
        let late = Source {
            file: format!("late/radius-late-{name}.detail"),
            clock: radius.clock.clone(),
        };
        let controller = Source {
            file: format!("logs/security-{name}.xml"),
            clock: clock(false),
        };
        let sources = vec![
            Source {
                file: format!("logs/squid-{name}-*.log"),
                clock: proxy.clone(),
            },
            dhcp.clone(),
            radius.clone(),
            late.clone(),
            controller.clone(),
        ];
        let mut making = Making {
            region,
            index,
            people: Vec::new(),
            register: Vec::new(),
            stays: Vec::new(),
            traces: Traces::default(),
            dhcp: DhcpServer {
                source: dhcp,
                old_stamps: random.chance(500),
                says_how_long: random.chance(500),
                lease_ms: HOUR,
                lost: 4,
            },
            random: region.random(&[u64::from(index), 2]),
        };
        making.people(kind);
        let accounting = accounting(&mut making, &name, radius, late);
        match kind {
            Kind::Secondary => {
                making.workstations(&Controller {
                    source: controller,
                    establishment: name.clone(),
                });
                making.own_devices(&accounting);
                making.laptops();
                making.guests();
            }
            Kind::Primary => {
                making.tablets();
                making.laptops();
                making.guests();
            }
            Kind::Residential => making.residents(),
        }
        making.finish(name, kind, sources, proxy)
    }

    /// What is written but for the traffic: registers, the identity logs, the configuration's lines, the stories.
    pub fn beginning(&self, region: &Region) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = self
            .traces
            .files()
            .into_iter()
            .map(|(file, text)| Piece {
                file,
                bytes: text.into_bytes(),
            })
            .collect();
        let mut add = |file: &str, text: String| {
            pieces.push(Piece {
                file: file.to_owned(),
                bytes: text.into_bytes(),
            })
        };
        add("invigil.toml", self.sources.iter().filter(|source| source.clock.ahead_ms != 0).map(|source| {
            let file = source.file.rsplit('/').next().unwrap_or(&source.file);
            let ahead = source.clock.ahead_ms;
            let sign = if ahead < 0 { "-" } else { "" };
            format!("\n[[logs.source]]\nfiles = \"{file}\"\nclock_ahead_seconds = {sign}{}.{:03}\n", ahead.abs() / 1000, ahead.abs() % 1000)
        }).collect());
        let name = &self.name;
        let since = region.days.first().map_or_else(String::new, |day| {
            crate::record::calendar::add_days(*day, -60).to_string()
        });
        let kind = match self.kind {
            Kind::Secondary => "secondary",
            Kind::Primary => "primary",
            Kind::Residential => "residential",
        };
        add(
            "registers/establishments.csv",
            format!(
                "{name},Invented {name},{kind},{},{since},\n",
                900_000 + self.index
            ),
        );
        let index = self.index;
        add(
            "registers/networks.csv",
            format!(
                "10.{index}.0.0/22,{name},curriculum,{since},\n10.{index}.4.0/24,{name},admin,{since},\n10.{index}.8.0/21,{name},own_devices,{since},\n10.{index}.16.0/24,{name},guests,{since},\n"
            ),
        );
        add(
            "registers/links.csv",
            match self.kind {
                Kind::Residential => format!("{name}-1,{name},20000000,5000000,{since},\n"),
                _ => format!("{name}-1,{name},200000000,100000000,{since},\n"),
            },
        );
        let day =
            |day: Option<jiff::civil::Date>| day.map_or_else(String::new, |day| day.to_string());
        add(
            "registers/accounts.csv",
            self.people
                .iter()
                .map(|person| {
                    let year = person
                        .year
                        .map_or_else(String::new, |year| year.to_string());
                    let from = person
                        .starts
                        .map_or_else(|| since.clone(), |starts| day(Some(starts)));
                    format!(
                        "{},{name},{},{year},{from},{}\n",
                        person.account,
                        person.role.as_str(),
                        day(person.leaves)
                    )
                })
                .collect(),
        );
        let moment = |ms: i64| match ms {
            i64::MIN | i64::MAX => String::new(),
            ms => super::clocks::moment(ms).to_string(),
        };
        add(
            "registers/devices.csv",
            self.register
                .iter()
                .map(|line| {
                    let owner = line
                        .owner
                        .and_then(|owner| self.people.get(owner))
                        .map_or("", |person| &person.account);
                    let shared = line.owner.is_none();
                    format!(
                        "{},{owner},{shared},{name},{},{},{}\n",
                        line.card,
                        line.name,
                        moment(line.from),
                        moment(line.to)
                    )
                })
                .collect(),
        );
        add("truth/stories.jsonl", self.stories.iter().map(|story| {
            format!(
                "{{\"id\":\"{}\",\"rule\":\"{}\",\"twin\":{},\"establishment\":\"{name}\",\"from\":\"{}\",\"to\":\"{}\",\"account\":\"{}\"}}\n",
                story.id, story.rule.as_str(), story.twin, super::clocks::moment(story.from), super::clocks::moment(story.to), story.account
            )
        }).collect());
        let told: Vec<(&Story, Ipv4Addr)> = self
            .stories
            .iter()
            .filter_map(|story| Some((story, self.stays.get(story.stay)?.ip)))
            .collect();
        let mut random = region.random(&[u64::from(self.index), 4]);
        let bytes = wire::capture(&mut random, &told);
        if !bytes.is_empty() {
            pieces.push(Piece {
                file: format!("captures/{name}.pcap"),
                bytes,
            });
        }
        pieces
    }
}

/// When the days begin, and how long they last.
fn span(region: &Region) -> (i64, i64) {
    let first = region
        .days
        .first()
        .map_or(0, |day| at(&region.zone, *day, 0));
    let last = region
        .days
        .last()
        .map_or(first, |day| region.zone.end_of_day(*day).micros() / 1000);
    (first, last - first)
}

fn accounting(making: &mut Making<'_>, name: &str, source: Source, late: Source) -> Accounting {
    let (since, lasts) = span(making.region);
    let random = &mut making.random;
    let begins = since + random.below(lasts.max(1));
    Accounting {
        source,
        late,
        establishment: name.to_owned(),
        access_points: 5,
        says_address: random.chance(700),
        says_time: random.chance(600),
        lost: (10, 20, 40),
        outage: random.chance(400).then_some((begins, begins + 40 * MINUTE)),
    }
}

impl Making<'_> {
    fn scaled(&self, usual: u32) -> u32 {
        (usual * self.region.plan.scale / 100).clamp(1, 1500)
    }

    fn net(&self, third: u8, fourth: u8) -> Ipv4Addr {
        let index = u8::try_from(self.index).unwrap_or(255);
        Ipv4Addr::new(10, index, third, fourth)
    }

    fn people(&mut self, kind: Kind) {
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

    fn numbers(&self, role: Role) -> impl Iterator<Item = usize> + '_ {
        self.people
            .iter()
            .enumerate()
            .filter(move |(_, person)| person.role == role)
            .map(|(number, _)| number)
    }

    /// School days: not at the weekend, and in every second establishment not on the last day if it is a Monday (the holidays begin).
    fn school_days(&self) -> Vec<usize> {
        let days = &self.region.days;
        let open = |(number, day): (usize, &jiff::civil::Date)| {
            let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
            let holiday = day.weekday() == Weekday::Monday
                && number + 1 == days.len()
                && self.index % 2 == 1
                && number > 0;
            (!weekend && !holiday).then_some(number)
        };
        days.iter().enumerate().filter_map(open).collect()
    }

    fn on(&self, day: usize, of_day: i64) -> i64 {
        self.region
            .days
            .get(day)
            .map_or(0, |day| at(&self.region.zone, *day, of_day))
    }

    fn here(&self, person: usize, day: usize) -> bool {
        match (self.people.get(person), self.region.days.get(day)) {
            (Some(person), Some(day)) => person.is_here(*day),
            _ => false,
        }
    }

    /// Gives each visit an address, in the order in which they begin, and writes what DHCP logs. Visits of one card never overlap.
    fn settle(
        &mut self,
        pool: &mut Pool,
        mut visits: Vec<Visit>,
        releases: i64,
        accounting: Option<&Accounting>,
    ) {
        visits.sort_by_key(|visit| (visit.from, visit.card));
        for visit in visits {
            let released = self.random.chance(releases);
            let runs_out = self.dhcp.runs_out(visit.from, visit.to) + MINUTE;
            let free = if released {
                visit.to + 20_000
            } else {
                runs_out
            };
            let Some((ip, reused)) = pool.give(visit.card, visit.from, free, visit.to) else {
                continue;
            };
            let mut troubles = BTreeSet::new();
            if reused {
                troubles.insert("reuse");
            }
            if !released {
                troubles.insert("not_released");
            }
            if comes_twice(&self.region.zone, visit.from)
                || comes_twice(&self.region.zone, visit.to)
            {
                troubles.insert("october_hour");
            }
            let leases = self.dhcp.hold(
                &self.region.zone,
                &mut self.random,
                &mut self.traces,
                (ip, visit.card),
                (visit.from, visit.to),
                released,
            );
            if let (Some(accounting), Some(person)) = (accounting, visit.person) {
                self.account(accounting, &visit, person, ip, &leases, &mut troubles);
            }
            self.stays.push(Stay {
                ip,
                person: visit.person,
                from: visit.from,
                to: visit.to,
                proxy: Proxy::Transparent,
                troubles,
            });
        }
    }

    /// The accounting of a visit: one session, or several if the device goes from one access point to the next.
    fn account(
        &mut self,
        accounting: &Accounting,
        visit: &Visit,
        number: usize,
        ip: Ipv4Addr,
        leases: &[truth::Evidence],
        troubles: &mut BTreeSet<&'static str>,
    ) {
        let Some(person) = self.people.get(number) else {
            return;
        };
        let mut from = visit.from;
        while from < visit.to {
            let roams = self.random.chance(300);
            let to = match roams {
                true => (from + self.random.between(3 * MINUTE, 40 * MINUTE)).min(visit.to),
                false => visit.to,
            };
            if to < visit.to {
                troubles.insert("roaming");
            }
            let access_point = u64::try_from(self.random.below(5)).unwrap_or(0);
            let session = Session {
                account: &person.account,
                person: number,
                card: visit.card,
                ip,
                from,
                to,
                access_point,
            };
            let fate = accounting.session(
                &self.region.zone,
                &mut self.random,
                &mut self.traces,
                &session,
                leases,
            );
            if fate.lost_stop {
                troubles.insert("lost_stop");
            }
            if fate.lost_start {
                troubles.insert("lost_start");
            }
            if access_point + 1 == accounting.access_points {
                troubles.insert("late_file");
            }
            from = to;
        }
        if !accounting.says_address {
            troubles.insert("by_card");
        }
        if person.random_card {
            troubles.insert("random_card");
        }
    }

    /// Own devices on the radio by 802.1X, and one with an address that it gave itself.
    fn own_devices(&mut self, accounting: &Accounting) {
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
    fn laptops(&mut self) {
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
    fn guests(&mut self) {
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

    /// Workstations that many people use, each under an account of theirs.
    fn workstations(&mut self, controller: &Controller) {
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

    /// Tablets that a class shares; half of the classes sign in at the proxy with one account for all.
    fn tablets(&mut self) {
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
    fn residents(&mut self) {
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

    fn finish(self, name: String, kind: Kind, sources: Vec<Source>, proxy: Clock) -> Establishment {
        let Making {
            index,
            people,
            register,
            stays,
            mut traces,
            ..
        } = self;
        let evidence = std::mem::take(&mut traces.evidence);
        let by_card = std::mem::take(&mut traces.by_card);
        let mut lines: BTreeMap<Card, Vec<&DeviceLine>> = BTreeMap::new();
        for line in &register {
            lines.entry(line.card).or_default().push(line);
        }
        let of = |card: Card| lines.get(&card).into_iter().flatten();
        let registers = Registers {
            is_personal: &|number| {
                people
                    .get(number)
                    .is_some_and(|person| person.role.is_personal())
            },
            owner: &|card, at| {
                let line = of(card).find(|line| line.from <= at && at < line.to)?;
                Some(line.owner.map_or(Owner::Shared, Owner::One))
            },
            changes: &|card| {
                of(card)
                    .flat_map(|line| [line.from, line.to])
                    .filter(|at| *at != i64::MAX)
                    .collect()
            },
        };
        let turns = turns(evidence, by_card, traces.dark(), &registers);
        let mut establishment = Establishment {
            index,
            name,
            kind,
            people,
            register,
            stays,
            traces,
            sources,
            turns,
            proxy,
            stories: Vec::new(),
        };
        establishment.stories = establishment.plant();
        establishment
    }
}

impl Establishment {
    /// Plants a story and its twin in stays in which it can be known who it was.
    fn plant(&self) -> Vec<Story> {
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

/// When lessons begin.
const LESSONS: &[i64] = &[
    9 * HOUR,
    10 * HOUR,
    11 * HOUR + 20 * MINUTE,
    13 * HOUR,
    14 * HOUR + 10 * MINUTE,
];
