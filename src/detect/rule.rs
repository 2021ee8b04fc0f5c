//! What a rule is, and what it is given to judge by.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::attribute::{AttributeError, AttributeSettings, Facts};
use crate::record::calendar::Zone;
use crate::record::{Finding, Network, Timestamp};
use crate::store::{Sql, Store, StoreError};

use super::Heading;

/// A rule.
pub trait Rule: Sync {
    /// The question it asks the store first, with its heading.
    fn sql(&self) -> Sql;

    /// Other questions that it asks; none for most rules.
    fn more_sql(&self) -> &'static [Sql] {
        &[]
    }

    /// Finds what there is in the case's window, in a fixed order.
    fn find(&self, case: &Case<'_>) -> Result<Vec<Finding>, DetectError>;

    /// What it says of itself.
    fn heading(&self) -> Heading {
        Heading::of(self.sql())
    }
}

/// What a rule judges: a store, a window, and limits.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// Where the rows are.
    pub store: &'a Store,
    /// The first moment; rules that judge whole days or weeks look at the whole of the first.
    pub since: Timestamp,
    /// The first moment that is not looked at.
    pub until: Timestamp,
    /// The present moment, for `first_seen`.
    pub now: Timestamp,
    /// The limits.
    pub settings: &'a DetectSettings,
}

/// The limits of the rules. Each default is stated with the finding that it led to.
#[derive(Clone, Debug)]
pub struct DetectSettings {
    /// Whose days and weeks count.
    pub zone: Zone,
    /// The limits of attribution.
    pub attribute: AttributeSettings,
    /// Far ends of the establishments' own site-to-site tunnels.
    pub known_vpn_peers: Vec<Network>,
    /// Categories of lists that hold providers of virtual private networks.
    pub vpn_categories: Vec<String>,
    /// Far ends of registered backups.
    pub known_backup_peers: Vec<Network>,
    /// Resolvers that establishments are to ask, and those that the provider's own resolvers are.
    pub known_resolvers: Vec<Network>,
    /// Proxies of the provider, such as the filter's.
    pub known_proxies: Vec<Network>,
    /// Far ends of remote support and of servers that staff look after.
    pub known_support_peers: Vec<Network>,
    /// From which part of a link on a use is high, in percent.
    pub volume_percent: u64,
    /// For how long it must be high, in minutes.
    pub volume_minutes: i64,
    /// What counts as high where no link is registered, in bits a second.
    pub volume_bits_per_second: u64,
    /// From which score on hits of a category are a finding.
    pub category_score: u32,
}

impl DetectSettings {
    /// The usual limits, for a zone.
    pub fn new(zone: Zone, attribute: AttributeSettings) -> DetectSettings {
        DetectSettings {
            zone,
            attribute,
            known_vpn_peers: Vec::new(),
            vpn_categories: vec!["vpn".to_owned()],
            known_backup_peers: Vec::new(),
            known_resolvers: Vec::new(),
            known_proxies: Vec::new(),
            known_support_peers: Vec::new(),
            volume_percent: 30,
            volume_minutes: 15,
            volume_bits_per_second: 50_000_000,
            category_score: 30,
        }
    }
}

impl Case<'_> {
    /// The facts that bear on these addresses in the case's window.
    pub fn facts(&self, addresses: &BTreeSet<IpAddr>) -> Result<Facts, DetectError> {
        let attribute = self.settings.attribute;
        Ok(Facts::load(
            self.store, addresses, self.since, self.until, attribute,
        )?)
    }

    /// The same case over whole local days.
    pub(super) fn whole_days(&self) -> Self {
        let zone = &self.settings.zone;
        let last = self.until.plus_micros(-1);
        Case {
            since: zone.start_of_day(zone.day(self.since)),
            until: zone.end_of_day(zone.day(last)),
            ..*self
        }
    }
}

/// The rules can not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The store failed.
    #[error("cannot read what the rules judge")]
    Store(#[from] StoreError),
    /// The facts of attribution failed.
    #[error("cannot attribute what the rules found")]
    Attribute(#[from] AttributeError),
    /// A row of the store is not what this program writes.
    #[error("the table {0} holds a row that this program did not write")]
    Row(&'static str),
    /// There is no such rule.
    #[error("there is no rule {0:?}")]
    NoRule(String),
}
