//! What follows from a visit: an address, the lines of leases, the accounting.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::super::clocks::{MINUTE, comes_twice};
use super::super::radius::{Accounting, Session};
use super::super::stays::{Pool, Proxy, Stay, Visit};
use super::super::truth;
use super::Making;

impl Making<'_> {
    /// Gives each visit an address, in the order in which they begin, and writes what DHCP logs. Visits of one card never overlap.
    pub(super) fn settle(
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
}
