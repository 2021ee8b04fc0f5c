//! `category_hit`: hits of the lists' categories, weighed for whether somebody meant them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::civil::Date;
use serde::Deserialize;

use crate::attribute::{Facts, RowRef};
use crate::record::calendar::print_day;
use crate::record::{AccountToken, Basis, Finding, Severity, Timestamp};
use crate::store::{Params, Sql};

use super::super::make::{Draft, Evidence, Score, counted, join_nameless};
use super::super::rows::{account, address, row_ref};
use super::super::sight::{self, Subject};
use super::super::{Case, DetectError, DetectSettings, Rule};

/// The rule.
pub(super) struct CategoryHit;

const HITS: Sql = Sql::embedded(
    "detect/category_hit",
    include_str!("../../../queries/detect/category_hit.sql"),
);
const SEARCHES: Sql = Sql::embedded(
    "detect/category_searches",
    include_str!("../../../queries/detect/category_searches.sql"),
);

/// A search, a refusal and what follows it belong together within this time.
const TOGETHER_US: i64 = 15 * 60 * 1_000_000;

impl Rule for CategoryHit {
    fn sql(&self) -> Sql {
        HITS
    }

    fn more_sql(&self) -> &'static [Sql] {
        &[SEARCHES]
    }

    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError> {
        let case = case.whole_days();
        let window = Params::new()
            .time("since", case.since)
            .time("until", case.until);
        let stored = case.store.rows::<StoredHit>(HITS, &window)?;
        let hits = stored.into_iter().filter_map(|row| row.hit().transpose());
        let hits = hits.collect::<Result<Vec<Hit>, DetectError>>()?;
        let addresses: BTreeSet<IpAddr> = hits.iter().map(|hit| hit.ip).collect();
        let words: BTreeSet<String> = hits
            .iter()
            .flat_map(|hit| &hit.categories)
            .flat_map(|name| words(name))
            .collect();
        let many = addresses.len() > 500;
        let asked = Params::new()
            .time("since", case.since.plus_micros(-TOGETHER_US))
            .time("until", case.until)
            .texts("words", words)
            .number("all", u8::from(many))
            .ips("ips", addresses.iter().copied().filter(|_| !many));
        let searches = case.store.rows::<StoredSearch>(SEARCHES, &asked)?;
        let searches: Vec<Search> = searches
            .into_iter()
            .filter_map(StoredSearch::search)
            .collect();
        let facts = case.facts(&addresses)?;
        let heading = self.heading();
        let drafts = judge(&hits, &searches, &facts, case.settings, heading.severity);
        Ok(drafts
            .into_iter()
            .map(|draft| draft.finding(&heading, case.now))
            .collect())
    }
}

/// The words by which a search would name a category: those of four letters and more.
fn words(category: &str) -> Vec<String> {
    let lower = category.to_lowercase();
    let named = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() >= 4);
    named.map(str::to_owned).collect()
}

/// One request that met a list.
#[derive(Clone, Debug)]
struct Hit {
    row: RowRef,
    time: Timestamp,
    ip: IpAddr,
    account: Option<AccountToken>,
    name: String,
    kind: Kind,
    refused: bool,
    categories: Vec<String>,
    lists: Vec<String>,
}

/// What a request says about what was on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A page.
    Page,
    /// A connection or an asked name: what it was for is hidden.
    Connection,
    /// A picture, a script: part of some page.
    Part,
}

/// A search whose words name a category.
#[derive(Clone, Debug)]
struct Search {
    row: RowRef,
    time: Timestamp,
    ip: IpAddr,
    account: Option<AccountToken>,
    words: Vec<String>,
}

type Group<'a> = Vec<(&'a Hit, sight::Sighting)>;

/// Groups by subject, day and category, and weighs each group. Pure.
fn judge(
    hits: &[Hit],
    searches: &[Search],
    facts: &Facts,
    settings: &DetectSettings,
    severity: Severity,
) -> Vec<Draft> {
    let mut groups: BTreeMap<(Subject, Date, &str), Group<'_>> = BTreeMap::new();
    for hit in hits {
        let sighting = sight::at(facts, hit.ip, hit.time, hit.account);
        for category in &hit.categories {
            let key = (
                sighting.subject.clone(),
                settings.zone.day(hit.time),
                category.as_str(),
            );
            groups.entry(key).or_default().push((hit, sighting.clone()));
        }
    }
    let searched: Vec<(&Search, Subject)> = searches
        .iter()
        .map(|s| (s, sight::at(facts, s.ip, s.time, s.account).subject))
        .collect();
    let mut drafts = Vec::new();
    for ((subject, day, category), group) in groups {
        let named = words(category);
        let own: Vec<&Search> = searched
            .iter()
            .filter(|(search, who)| {
                *who == subject && search.words.iter().any(|word| named.contains(word))
            })
            .map(|(search, _)| *search)
            .collect();
        let weighed = Weighed::of(&group, &own);
        let score = weighed.score(category);
        if score.total() < settings.category_score {
            continue;
        }
        let mut evidence = Evidence::default();
        group
            .iter()
            .for_each(|(hit, sighting)| evidence.add(hit.row, sighting));
        evidence.add_context(weighed.search);
        drafts.push(Draft {
            basis: strongest_common(&group),
            topic: category.to_owned(),
            from: settings.zone.start_of_day(day),
            to: settings.zone.end_of_day(day),
            severity: if score.total() >= 70 {
                Severity::High
            } else {
                severity
            },
            count: u64::try_from(group.len()).unwrap_or(u64::MAX),
            summary: weighed.summary(category, &subject, day),
            innocent_checks: weighed.innocent_checks(&subject),
            score,
            evidence,
            subject,
        });
    }
    join_nameless(drafts)
}

/// The weakest of the bases: what is said of all the hits together.
fn strongest_common(group: &Group<'_>) -> Option<Basis> {
    group
        .iter()
        .filter_map(|(_, sighting)| sighting.basis)
        .max()
}

/// What is counted of one group.
#[derive(Debug, Default)]
struct Weighed {
    pages: u64,
    connections: u64,
    refused: u64,
    parts: u64,
    names: BTreeSet<String>,
    lists: BTreeSet<String>,
    minutes: i64,
    after_refusal: bool,
    search: Option<RowRef>,
    regular: bool,
}

impl Weighed {
    fn of(group: &Group<'_>, searches: &[&Search]) -> Weighed {
        let mut weighed = Weighed::default();
        let mut last_refusal: Option<Timestamp> = None;
        let mut wanted: Vec<Timestamp> = Vec::new();
        for (hit, _) in group {
            weighed.lists.extend(hit.lists.iter().cloned());
            if hit.refused {
                weighed.refused += 1;
                last_refusal = Some(hit.time);
            } else if hit.kind == Kind::Part {
                weighed.parts += 1;
                continue;
            } else if hit.kind == Kind::Page {
                weighed.pages += 1;
                let soon = |refusal| hit.time.micros_since(refusal) <= TOGETHER_US;
                weighed.after_refusal |= last_refusal.is_some_and(soon);
            } else {
                weighed.connections += 1;
            }
            weighed.names.insert(hit.name.clone());
            wanted.push(hit.time);
        }
        if let (Some(first), Some(last)) = (wanted.first(), wanted.last()) {
            weighed.minutes = last.micros_since(*first) / 60_000_000;
        }
        weighed.search = searches
            .iter()
            .find(|search| {
                wanted
                    .iter()
                    .any(|time| (0..=TOGETHER_US).contains(&time.micros_since(search.time)))
            })
            .map(|search| search.row);
        weighed.regular = weighed.names.len() == 1 && is_regular(&wanted);
        weighed
    }

    fn score(&self, category: &str) -> Score {
        let up_to = |each: i64, count: u64, most: i64| {
            each.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX))
                .min(most)
        };
        let mut score = Score::default();
        score.add(
            up_to(12, self.pages, 48),
            counted(self.pages, "page") + " let through",
        );
        score.add(
            up_to(4, self.connections, 24),
            counted(self.connections, "connection or asked name") + " let through",
        );
        score.add(
            up_to(4, self.refused, 32),
            counted(self.refused, "request") + " refused",
        );
        score.add(
            up_to(1, self.parts, 4),
            counted(self.parts, "part") + " of pages",
        );
        let wanted = self.pages + self.connections;
        if wanted >= 3 && self.names.len() >= 2 {
            score.add(10, format!("repeated on {} names", self.names.len()));
        }
        if self.after_refusal {
            score.add(15, "a page within a quarter of an hour after a refusal");
        }
        if self.search.is_some() {
            score.add(
                15,
                format!("a search that names {category} within a quarter of an hour before"),
            );
        }
        if self.pages >= 3 && self.minutes >= 5 {
            score.add(10, format!("pages over {} minutes", self.minutes));
        }
        if self.regular {
            score.add(-25, "one name at even intervals, as programs ask");
        }
        score
    }

    fn summary(&self, category: &str, subject: &Subject, day: Date) -> String {
        let place = subject.place();
        let allowed = counted(self.pages + self.connections, "request");
        format!(
            "{category}: {allowed} let through and {} refused at {place} on {}",
            self.refused,
            print_day(day)
        )
    }

    fn innocent_checks(&self, subject: &Subject) -> Vec<String> {
        let yes = |found: bool| if found { "found" } else { "not found" };
        let embedded = self.parts > 0 && self.pages + self.connections + self.refused == 0;
        vec![
            format!(
                "embedded parts only: {}; {} of parts counted",
                yes(embedded),
                self.parts
            ),
            format!("a program at even intervals: {}", yes(self.regular)),
            format!(
                "a single request: {}",
                yes(self.pages + self.connections + self.refused == 1)
            ),
            format!("a login that several share: verdict {}", subject.verdict),
            "allow-listed help sites: never counted, allow lists win before storing".to_owned(),
            format!("lists that it met: {}", join(&self.lists)),
            "a planned lesson: not checked, there is no register of planned access yet".to_owned(),
            "a self-report: not checked, there is no register of self-reports yet".to_owned(),
        ]
    }
}

fn join(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Whether at least six moments lie at nearly the same distance from each other.
fn is_regular(moments: &[Timestamp]) -> bool {
    if moments.len() < 6 {
        return false;
    }
    let mut gaps: Vec<i64> = moments
        .iter()
        .zip(moments.iter().skip(1))
        .map(|(a, b)| b.micros_since(*a))
        .collect();
    gaps.sort_unstable();
    let Some(middle) = gaps.get(gaps.len() / 2).copied() else {
        return false;
    };
    let near = gaps
        .iter()
        .filter(|gap| gap.abs_diff(middle) <= middle.unsigned_abs() / 10)
        .count();
    middle >= 10_000_000 && near * 10 >= gaps.len() * 9
}

#[derive(Deserialize)]
struct StoredHit {
    tab: String,
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    address: String,
    account: String,
    verb: String,
    name: String,
    referrer_host: String,
    media: String,
    action: String,
    categories: Vec<String>,
    lists: Vec<String>,
}

impl StoredHit {
    /// None for a row without a client: nobody can be told anything about it.
    fn hit(self) -> Result<Option<Hit>, DetectError> {
        let row = row_ref(&self.tab, &self.source, self.frame, self.ordinal)?;
        let kind = self.kind();
        Ok(address(&self.address).map(|ip| Hit {
            row,
            time: Timestamp::from_micros(self.moment),
            ip,
            account: account(&self.account),
            kind,
            refused: self.action == "blocked",
            name: self.name,
            categories: self.categories,
            lists: self.lists,
        }))
    }

    fn kind(&self) -> Kind {
        if self.tab == "dns_queries" || self.verb == "CONNECT" {
            return Kind::Connection;
        }
        let media = self.media.to_lowercase();
        let is_page = media.is_empty() || media == "-" || media.contains("html");
        let elsewhere = !self.referrer_host.is_empty() && self.referrer_host != self.name;
        match (is_page, elsewhere, media.is_empty() || media == "-") {
            // A page's own referrer may be another host: that is how links work.
            (true, _, false) => Kind::Page,
            (true, false, true) => Kind::Page,
            // Nothing is known but that another page led here.
            (true, true, true) => Kind::Connection,
            (false, _, _) => Kind::Part,
        }
    }
}

#[derive(Deserialize)]
struct StoredSearch {
    tab: String,
    source: String,
    frame: u64,
    ordinal: u32,
    moment: i64,
    address: String,
    account: String,
    found: Vec<String>,
}

impl StoredSearch {
    fn search(self) -> Option<Search> {
        Some(Search {
            row: row_ref(&self.tab, &self.source, self.frame, self.ordinal).ok()?,
            time: Timestamp::from_micros(self.moment),
            ip: address(&self.address)?,
            account: account(&self.account),
            words: self.found,
        })
    }
}
