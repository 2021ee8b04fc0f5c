//! The index: from a host, URL or address to the lists and categories that it meets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hashbrown::HashMap;

use super::entries::{self, Entry};
use super::list::{ListMeta, ListPart};
use super::names::Names;
use crate::record::to_store_ip;

/// All lists, compiled.
#[derive(Debug, Default)]
pub struct ListIndex {
    lists: Vec<ListMeta>,
    labels: Vec<String>,
    categories: Vec<String>,
    /// Each combination of tags that some entry has, once.
    sets: Vec<Vec<Tag>>,
    domains: Names,
    /// Of how many labels the names are, a bit for each number: what no name has is not looked for.
    depths: u64,
    /// Hosts that a URL entry names.
    url_hosts: Names,
    /// `host/path`.
    urls: Names,
    /// By how many bits count, the longest first: the numbers of networks, and their sets.
    networks: Vec<(u8, HashMap<u128, u32>)>,
}

/// Makes an index of lists, one after the other.
#[derive(Debug, Default)]
pub struct ListBuilder {
    index: ListIndex,
    set_numbers: BTreeMap<Vec<Tag>, u32>,
    /// What a set becomes with one more tag.
    grown: HashMap<(u32, Tag), u32>,
    networks: BTreeMap<u8, HashMap<u128, u32>>,
}

/// What was taken from a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListCounts {
    /// Entries.
    pub entries: u64,
    /// Lines that are no entry that we read.
    pub skipped: u64,
}

/// A list and a category that something met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The list.
    pub list: &'a ListMeta,
    /// `name@version`.
    pub label: &'a str,
    /// The category.
    pub category: &'a str,
}

/// All that something met. Lists that allow win: then there are no hits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches<'a> {
    /// Lists and categories, in the order of the lists.
    pub hits: Vec<Match<'a>>,
    /// The list that allows it, as `name@version`.
    pub allowed_by: Option<&'a str>,
}

/// A list and one of its categories, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Tag {
    list: u32,
    category: u32,
}

impl ListBuilder {
    /// Nothing yet.
    pub fn new() -> Self {
        ListBuilder::default()
    }

    /// Adds a list with its parts.
    pub fn add(&mut self, meta: ListMeta, parts: &[ListPart<'_>]) -> ListCounts {
        let list = number_of(self.index.lists.len());
        self.index.labels.push(meta.label());
        self.index.lists.push(meta);
        let mut counts = ListCounts::default();
        for part in parts {
            let tag = Tag {
                list,
                category: self.category(part.category),
            };
            let mut without_room = 0;
            counts.skipped +=
                entries::read(part.kind, part.bytes, |entry| match self.put(&entry, tag) {
                    Some(()) => counts.entries += 1,
                    None => without_room += 1,
                });
            counts.skipped += without_room;
        }
        counts
    }

    /// The index of all that was added.
    pub fn build(mut self) -> ListIndex {
        self.index.networks = self.networks.into_iter().rev().collect();
        self.index.domains.shrink();
        self.index.urls.shrink();
        self.index.url_hosts.shrink();
        for (_, of_size) in &mut self.index.networks {
            of_size.shrink_to_fit();
        }
        self.index
    }

    fn category(&mut self, name: &str) -> u32 {
        let known = self.index.categories.iter().position(|other| other == name);
        number_of(known.unwrap_or_else(|| {
            self.index.categories.push(name.to_owned());
            self.index.categories.len() - 1
        }))
    }

    fn put(&mut self, entry: &Entry<'_>, tag: Tag) -> Option<()> {
        let alone = self.with_tag(NO_SET, tag);
        let before = match entry {
            Entry::Domain(name) => {
                self.index.depths |= bit_of(labels_of(name));
                *self.index.domains.entry(name.as_bytes(), alone)?
            }
            Entry::Url(host, path) => {
                self.index.url_hosts.entry(host.as_bytes(), 0)?;
                *self
                    .index
                    .urls
                    .entry(url_key(host, path).as_bytes(), alone)?
            }
            Entry::Network(network) => {
                let first = u128::from(to_store_ip(network.first()));
                let of_size = self.networks.entry(network.bits()).or_default();
                *of_size.entry(first).or_insert(alone)
            }
        };
        let after = self.with_tag(before, tag);
        if after == before {
            return Some(());
        }
        match entry {
            Entry::Domain(name) => *self.index.domains.entry(name.as_bytes(), after)? = after,
            Entry::Url(host, path) => {
                *self
                    .index
                    .urls
                    .entry(url_key(host, path).as_bytes(), after)? = after;
            }
            Entry::Network(network) => {
                let first = u128::from(to_store_ip(network.first()));
                self.networks
                    .entry(network.bits())
                    .or_default()
                    .insert(first, after);
            }
        }
        Some(())
    }

    /// The number of the set that has these tags and one more.
    fn with_tag(&mut self, set: u32, tag: Tag) -> u32 {
        if let Some(known) = self.grown.get(&(set, tag)) {
            return *known;
        }
        let mut tags = self.index.tags(set).to_vec();
        if let Err(at) = tags.binary_search(&tag) {
            tags.insert(at, tag);
        }
        let number = match self.set_numbers.get(&tags) {
            Some(number) => *number,
            None => {
                let number = number_of(self.index.sets.len());
                self.index.sets.push(tags.clone());
                self.set_numbers.insert(tags, number);
                number
            }
        };
        self.grown.insert((set, tag), number);
        number
    }
}

impl ListIndex {
    /// What a name meets: its own entry and those of the names above it, label by label. An address in place of a name is looked up as one.
    pub fn domain(&self, host: &str) -> Matches<'_> {
        let mut tags = Vec::new();
        self.host_tags(host, &mut tags);
        self.matches(tags)
    }

    /// What an address meets: of each list, the smallest network that has it.
    pub fn address(&self, ip: IpAddr) -> Matches<'_> {
        let mut tags = Vec::new();
        self.address_tags(ip, &mut tags);
        self.matches(tags)
    }

    /// What a request meets: its host, and its URL as host and beginning of the path.
    pub fn url(&self, host: &str, path: &str) -> Matches<'_> {
        let mut tags = Vec::new();
        self.host_tags(host, &mut tags);
        self.url_tags(host, path, &mut tags);
        self.matches(tags)
    }

    /// What a request meets, with the server's address where it is known. A list that allows the name allows the address too.
    pub fn request(&self, host: &str, path: &str, server: Option<IpAddr>) -> Matches<'_> {
        let mut tags = Vec::new();
        if let Some(ip) = server {
            self.address_tags(ip, &mut tags);
        }
        self.host_tags(host, &mut tags);
        self.url_tags(host, path, &mut tags);
        self.matches(tags)
    }

    /// The lists, in the order in which they were added.
    pub fn lists(&self) -> &[ListMeta] {
        &self.lists
    }

    /// How many different names, URLs and networks there are.
    pub fn len(&self) -> usize {
        let networks: usize = self.networks.iter().map(|(_, of_size)| of_size.len()).sum();
        self.domains.len() + self.urls.len() + networks
    }

    /// Whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that names, URLs and networks take.
    pub fn memory(&self) -> usize {
        let networks = self.networks.iter();
        let networks: usize = networks.map(|(_, of_size)| of_size.allocation_size()).sum();
        self.domains.memory() + self.urls.memory() + self.url_hosts.memory() + networks
    }

    fn host_tags(&self, host: &str, tags: &mut Vec<Tag>) {
        if may_be_address(host)
            && let Ok(ip) = host.parse()
        {
            return self.address_tags(ip, tags);
        }
        if self.domains.is_empty() {
            return;
        }
        let lower = lower_case(host);
        let mut labels = labels_of(lower.strip_suffix('.').unwrap_or(&lower)).min(MOST_LABELS);
        for suffix in suffixes(&lower) {
            let looked_for = self.depths & bit_of(labels) != 0;
            labels = labels.saturating_sub(1);
            if looked_for && let Some(set) = self.domains.find(suffix.as_bytes()) {
                tags.extend_from_slice(self.tags(set));
            }
        }
    }

    fn url_tags(&self, host: &str, path: &str, tags: &mut Vec<Tag>) {
        if self.url_hosts.is_empty() || path.is_empty() {
            return;
        }
        let lower = lower_case(host);
        for suffix in suffixes(&lower) {
            if self.url_hosts.find(suffix.as_bytes()).is_none() {
                continue;
            }
            for beginning in beginnings(path) {
                if let Some(set) = self.urls.find(url_key(suffix, beginning).as_bytes()) {
                    tags.extend_from_slice(self.tags(set));
                }
            }
        }
    }

    fn address_tags(&self, ip: IpAddr, tags: &mut Vec<Tag>) {
        let address = u128::from(to_store_ip(ip));
        let begin = tags.len();
        for (bits, of_size) in &self.networks {
            let mask = u128::MAX.checked_shl(128 - u32::from(*bits)).unwrap_or(0);
            let Some(set) = of_size.get(&(address & mask)) else {
                continue;
            };
            let smaller = tags.len();
            for tag in self.tags(*set) {
                let mut met = tags.iter().take(smaller).skip(begin);
                if !met.any(|other| other.list == tag.list) {
                    tags.push(*tag);
                }
            }
        }
    }

    fn matches(&self, mut tags: Vec<Tag>) -> Matches<'_> {
        tags.sort_unstable();
        tags.dedup();
        let hits = tags.iter().filter_map(|tag| {
            let list = tag.list as usize;
            Some(Match {
                list: self.lists.get(list)?,
                label: self.labels.get(list)?,
                category: self.categories.get(tag.category as usize)?,
            })
        });
        match hits.clone().find(|hit| hit.list.allow) {
            Some(allowed) => Matches {
                hits: Vec::new(),
                allowed_by: Some(allowed.label),
            },
            None => Matches {
                hits: hits.collect(),
                allowed_by: None,
            },
        }
    }

    fn tags(&self, set: u32) -> &[Tag] {
        self.sets.get(set as usize).map_or(&[], Vec::as_slice)
    }
}

impl<'a> Matches<'a> {
    /// Whether no list was met, or one that allows.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// The categories, each once, in order of the alphabet.
    pub fn categories(&self) -> Vec<&'a str> {
        let mut categories: Vec<_> = self.hits.iter().map(|hit| hit.category).collect();
        categories.sort_unstable();
        categories.dedup();
        categories
    }

    /// The lists as `name@version`, each once, in order of the alphabet.
    pub fn labels(&self) -> Vec<&'a str> {
        let mut labels: Vec<_> = self.hits.iter().map(|hit| hit.label).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }
}

/// A name and all names above it: `a.b.example`, `b.example`, `example`. At most [`MOST_LABELS`] of them, the shorter ones.
fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    std::iter::successors(Some(host), |name| {
        name.split_once('.').map(|(_, above)| above)
    })
    .skip(labels_of(host).saturating_sub(MOST_LABELS))
}

/// How many labels a name without a dot at its end has.
fn labels_of(name: &str) -> usize {
    memchr::memchr_iter(b'.', name.as_bytes()).count() + 1
}

/// Names of 63 labels and more share a bit.
fn bit_of(labels: usize) -> u64 {
    1 << labels.min(63)
}

/// The beginnings of a path, cut before each slash: `/a`, `/a/b`, and the whole.
fn beginnings(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_end_matches('/');
    memchr::memchr_iter(b'/', path.as_bytes())
        .skip(1)
        .chain(std::iter::once(path.len()))
        .take(MOST_LABELS)
        .filter_map(move |end| path.get(..end))
}

/// Whether it is worth a try to read a host as an address: no name ends in a digit (RFC 3696, 2) or has a colon.
fn may_be_address(host: &str) -> bool {
    let last = host.as_bytes().last();
    last.is_some_and(u8::is_ascii_digit) || memchr::memchr(b':', host.as_bytes()).is_some()
}

fn lower_case(host: &str) -> std::borrow::Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return host.to_ascii_lowercase().into();
    }
    host.into()
}

fn url_key(host: &str, path: &str) -> String {
    [host, path].concat()
}

/// A number for a place in a list that no operator fills: four thousand million lists, categories or sets.
fn number_of(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NO_SET)
}

/// No set at all.
const NO_SET: u32 = u32::MAX;

/// More labels or path parts than this are not looked at; a name has at most 127.
const MOST_LABELS: usize = 32;
