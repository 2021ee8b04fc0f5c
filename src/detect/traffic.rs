//! Rules on what the wire or a log shows a device to do in one kind of use: who did it on a day, how it was told, how much it was.
//!
//! A rule of this kind is a [`Traffic`] and its SQL, whose rows say what looks like that use. Everything else is the same for
//! all of them: which end is inside, whose it is, what is put aside, how it is weighed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::civil::Date;
use serde::Deserialize;

use crate::attribute::{Facts, RowRef};
use crate::record::calendar::print_day;
use crate::record::{AccountToken, Finding, Network, Severity, Timestamp};
use crate::store::{Params, Sql};

use super::inside::{is_of_the_internet, with_inside};
use super::make::{Draft, Evidence, Score, counted, join_nameless};
use super::rows::{account, address, row_ref};
use super::sight::{self, Subject};
use super::{Case, DetectError, DetectSettings, Rule};

/// A rule of this kind.
pub(super) struct Traffic {
    /// The rows that look like this use.
    pub(super) sql: Sql,
    /// What one flow of it is called.
    pub(super) flow: &'static str,
    /// What it is called where no application was told.
    pub(super) unnamed: &'static str,
    /// Far ends that are known and in order.
    pub(super) known: fn(&DetectSettings) -> &[Network],
    /// What such a far end is called.
    pub(super) known_as: &'static str,
    /// Whether it can be judged only where such far ends are known.
    pub(super) needs_known: bool,
    /// Whether the far end must be an address of the internet, and the device inside the one that began.
    pub(super) outward: bool,
    /// Fewer flows and requests of a subject on a day are no finding.
    pub(super) least_flows: usize,
    /// Fewer bytes of a subject on a day are no finding.
    pub(super) least_bytes: u64,
    /// From which score on a finding is made.
    pub(super) enough: u32,
    /// What else could explain it, and what can be said to that.
    pub(super) innocent: fn(&Weighed) -> Vec<String>,
}

/// A flow in one direction alone counts from so many packets: a mirror may show one side only.
const ENOUGH_PACKETS: u64 = 20;

impl Rule for Traffic {
    fn sql(&self) -> Sql {
        self.sql
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let known = (self.known)(case.settings);
        if self.needs_known && known.is_empty() {
            return Ok(Vec::new());
        }
        let case = case.whole_days();
        let asked = Params::new()
            .time("since", case.since)
            .time("until", case.until)
            .texts("categories", &case.settings.vpn_categories)
            .ips("known_first", known.iter().map(Network::first))
            .ips("known_last", known.iter().map(Network::last));
        let asked = with_inside(asked);
        let stored = case.store.rows::<StoredUse>(self.sql, &asked)?;
        let uses = stored
            .into_iter()
            .filter_map(|row| row.one_use().transpose());
        let uses = uses.collect::<Result<Vec<Use>, DetectError>>()?;
        let addresses: BTreeSet<IpAddr> = uses.iter().flat_map(|u| [u.src, u.dst]).collect();
        let facts = case.facts(&addresses)?;
        let heading = self.heading();
        let drafts = self.judge(&uses, &facts, case.settings, heading.severity);
        Ok(drafts
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// One flow or request that looks like a tunnel's.
#[derive(Clone, Debug)]
struct Use {
    row: RowRef,
    start: Timestamp,
    end: Timestamp,
    src: IpAddr,
    dst: IpAddr,
    account: Option<AccountToken>,
    application: String,
    by: By,
    src_packets: u64,
    dst_packets: u64,
    bytes: u64,
}

/// How it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Content,
    Name,
    AddressList,
    /// A request in a log, to an address or name of a provider.
    Request,
}

type Group<'a> = Vec<(&'a Use, sight::Sighting)>;

impl Traffic {
    /// Groups by subject and day, and weighs each group. Pure.
    fn judge(
        &self,
        uses: &[Use],
        facts: &Facts,
        settings: &DetectSettings,
        severity: Severity,
    ) -> Vec<Draft> {
        let mut groups: BTreeMap<(Subject, Date), Group<'_>> = BTreeMap::new();
        for one in uses {
            let Some(here) = self.counts(one, facts, settings) else {
                continue;
            };
            let sighting = sight::over(facts, here, one.start, one.end, one.account);
            let key = (sighting.subject.clone(), settings.zone.day(one.start));
            groups.entry(key).or_default().push((one, sighting));
        }
        let drafts = groups
            .into_iter()
            .filter_map(|((subject, day), group)| {
                self.draft(subject, day, &group, settings, severity)
            })
            .collect();
        join_nameless(drafts)
    }

    /// The address inside of a use that counts; none of one that is put aside.
    fn counts(&self, one: &Use, facts: &Facts, settings: &DetectSettings) -> Option<IpAddr> {
        let (here, far) = ends(one, facts);
        let known = (self.known)(settings)
            .iter()
            .any(|network| network.contains(far));
        let within = facts.establishment(far, one.start).is_some();
        let real = one.by == By::Request
            || (one.src_packets > 0 && one.dst_packets > 0)
            || one.src_packets.saturating_add(one.dst_packets) >= ENOUGH_PACKETS;
        let goes_out = !self.outward || (here == one.src && is_of_the_internet(far));
        (!known && !within && real && goes_out).then_some(here)
    }

    fn draft(
        &self,
        subject: Subject,
        day: Date,
        group: &Group<'_>,
        settings: &DetectSettings,
        severity: Severity,
    ) -> Option<Draft> {
        let weighed = Weighed::of(group);
        let score = weighed.score();
        if score.total() < self.enough
            || group.len() < self.least_flows
            || weighed.bytes < self.least_bytes
        {
            return None;
        }
        let mut evidence = Evidence::default();
        group
            .iter()
            .for_each(|(one, sighting)| evidence.add(one.row, sighting));
        let mut innocent_checks = vec![format!(
            "{}: no, of {} registered far ends",
            self.known_as,
            (self.known)(settings).len()
        )];
        innocent_checks.extend((self.innocent)(&weighed));
        Some(Draft {
            basis: group
                .iter()
                .filter_map(|(_, sighting)| sighting.basis)
                .max(),
            topic: String::new(),
            from: settings.zone.start_of_day(day),
            to: settings.zone.end_of_day(day),
            severity,
            count: u64::try_from(group.len()).unwrap_or(u64::MAX),
            summary: self.summary(&weighed, &subject, day),
            innocent_checks,
            score,
            evidence,
            subject,
        })
    }

    fn summary(&self, weighed: &Weighed, subject: &Subject, day: Date) -> String {
        let place = subject.place();
        let names = weighed
            .applications
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let names = if names.is_empty() {
            self.unnamed.to_owned()
        } else {
            names
        };
        let flows = weighed.by_content + weighed.by_name + weighed.by_list;
        format!(
            "{names}: {} at {place} on {}",
            counted(flows, self.flow),
            print_day(day)
        )
    }
}

/// The end inside the provider's networks, and the far one. The initiator is inside unless only the other end is.
fn ends(one: &Use, facts: &Facts) -> (IpAddr, IpAddr) {
    let inside = |ip| facts.establishment(ip, one.start).is_some();
    if !inside(one.src) && inside(one.dst) {
        (one.dst, one.src)
    } else {
        (one.src, one.dst)
    }
}

/// What is counted of one group.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    by_content: u64,
    by_name: u64,
    by_list: u64,
    requests: u64,
    both_ways: bool,
    longest_minutes: i64,
    bytes: u64,
    applications: BTreeSet<String>,
}

impl Weighed {
    fn of(group: &Group<'_>) -> Weighed {
        let mut weighed = Weighed::default();
        for (one, _) in group {
            match one.by {
                By::Content => weighed.by_content += 1,
                By::Name => weighed.by_name += 1,
                By::AddressList => weighed.by_list += 1,
                By::Request => weighed.requests += 1,
            }
            weighed.both_ways |= one.src_packets > 0 && one.dst_packets > 0;
            let minutes = one.end.micros_since(one.start) / 60_000_000;
            weighed.longest_minutes = weighed.longest_minutes.max(minutes);
            weighed.bytes = weighed.bytes.saturating_add(one.bytes);
            if !one.application.is_empty() && one.by != By::Request {
                weighed.applications.insert(one.application.clone());
            }
        }
        weighed
    }

    fn score(&self) -> Score {
        let mut score = Score::default();
        if self.by_content > 0 {
            score.add(
                50,
                format!(
                    "{} told by the bytes of the protocol",
                    counted(self.by_content, "flow")
                ),
            );
        }
        if self.by_name > 0 {
            score.add(
                30,
                format!("{} told by a server's name", counted(self.by_name, "flow")),
            );
        }
        if self.by_list > 0 {
            score.add(
                30,
                format!("{} to networks of providers", counted(self.by_list, "flow")),
            );
        }
        if self.requests > 0 {
            let each = i64::try_from(self.requests).unwrap_or(i64::MAX);
            let points = each.saturating_mul(5).min(15);
            score.add(
                points,
                format!("{} to providers", counted(self.requests, "logged request")),
            );
        }
        if self.both_ways {
            score.add(10, "packets in both directions");
        }
        if self.longest_minutes >= 5 {
            score.add(
                10,
                format!("the longest lasted {} minutes", self.longest_minutes),
            );
        }
        if self.bytes >= 1_000_000 {
            score.add(10, format!("{} million bytes", self.bytes / 1_000_000));
        }
        score
    }

    /// Both ends within the provider's networks.
    pub(super) fn both_within(&self) -> String {
        "both ends within the provider's networks: no".to_owned()
    }

    /// That a port alone says nothing.
    pub(super) fn port_alone(&self, like: &str) -> String {
        format!(
            "only the port looks like {like}: no, {} by content, {} by name, {} by list",
            self.by_content, self.by_name, self.by_list
        )
    }

    /// That nobody may have answered.
    pub(super) fn nobody_answered(&self) -> String {
        format!(
            "a lone packet that nobody answered: {}",
            if self.both_ways {
                "no"
            } else {
                "one direction only was seen"
            }
        )
    }
}

#[derive(Deserialize)]
struct StoredUse {
    tab: String,
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    ended: i64,
    src: String,
    dst: String,
    account: String,
    app: String,
    app_basis: String,
    src_packets: u64,
    dst_packets: u64,
    bytes: u64,
}

impl StoredUse {
    /// None for a row whose client is not known.
    fn one_use(self) -> Result<Option<Use>, DetectError> {
        let row = row_ref(&self.tab, &self.source, self.frame, self.ordinal)?;
        let by = match (self.tab.as_str(), self.app_basis.as_str()) {
            ("web_hits", _) => By::Request,
            (_, "content") => By::Content,
            (_, "name") => By::Name,
            _ => By::AddressList,
        };
        let Some(src) = address(&self.src) else {
            return Ok(None);
        };
        Ok(Some(Use {
            row,
            start: Timestamp::from_micros(self.moment),
            end: Timestamp::from_micros(self.ended),
            src,
            // A log may not know the server's address.
            dst: address(&self.dst).unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)),
            account: account(&self.account),
            application: self.app,
            by,
            src_packets: self.src_packets,
            dst_packets: self.dst_packets,
            bytes: self.bytes,
        }))
    }
}
