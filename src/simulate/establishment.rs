//! One establishment: what kind it is, who belongs to it, and all that happens there on the days that are told of.
//!
//! This file says in which order it is made, for that order is part of "same seed, same bytes": one source of chance is
//! asked by all parts in turn. The parts stand in the files below, by subject.

mod devices;
mod members;
mod planted;
mod shared;
mod visits;
mod workstations;
mod written;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Region;
use super::clocks::{Clock, HOUR, MINUTE, at};
use super::directory::Controller;
use super::leases::{DeviceLine, DhcpServer};
use super::people::{Card, Person};
use super::radius::Accounting;
use super::random::Random;
use super::stays::Stay;
use super::stories::Story;
use super::traces::{Source, Traces};
use super::truth::{Owner, Registers, Turns, turns};

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

impl Establishment {
    pub(super) fn new(region: &Region, index: u32) -> Establishment {
        let kind = match index % 3 {
            0 => Kind::Secondary,
            1 => Kind::Primary,
            _ => Kind::Residential,
        };
        let name = format!("e{index:03}");
        let mut random = region.random(&[u64::from(index), 1]);
        let (since, lasts) = region.span();
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
}

fn accounting(making: &mut Making<'_>, name: &str, source: Source, late: Source) -> Accounting {
    let (since, lasts) = making.region.span();
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

    fn on(&self, day: usize, of_day: i64) -> i64 {
        self.region
            .days
            .get(day)
            .map_or(0, |day| at(&self.region.zone, *day, of_day))
    }

    fn finish(self, name: String, kind: Kind, sources: Vec<Source>, proxy: Clock) -> Establishment {
        let Making {
            region,
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
        establishment.stories = establishment.plant(region);
        establishment.fail_sign_ins();
        establishment
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
