//! What is known of each exporter: how far its sequence numbers came, how it samples, when it started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use super::exporter_number;
use crate::record::from_store_ip;

/// How many exporters and domains are followed; those beyond share one place, without sequence numbers.
const MOST_DOMAINS: usize = 4_096;
/// How many samplers of a domain are remembered.
const MOST_SAMPLERS: usize = 256;
/// A leap of the sequence by more than this is a restart of the exporter, not a loss.
const LEAP: u32 = 1 << 20;

/// An exporter, what it speaks, and which of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DomainKey {
    exporter: u128,
    version: u16,
    domain: u32,
}

/// What is known of one domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Domain {
    next: Option<u32>,
    is_followed: bool,
    datagrams: u64,
    missing: u64,
    reordered: u64,
    restarts: u64,
    /// The greatest sampling interval that it has named.
    pub(super) interval: u32,
    samplers: BTreeMap<u64, u32>,
    /// When the exporter started, in microseconds since 1970.
    pub(super) started: Option<i64>,
}

/// What an exporter sent, and what did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExporterCounts {
    /// The exporter's address.
    pub exporter: IpAddr,
    /// NetFlow's version, 10 for IPFIX, `sflow` for sFlow.
    pub kind: &'static str,
    /// Observation domain, source id, engine or sub-agent.
    pub domain: u32,
    /// Datagrams that arrived.
    pub datagrams: u64,
    /// What the sequence numbers say is missing: flows for NetFlow 5 and 7, datagrams for NetFlow 9 and sFlow, records for IPFIX.
    pub missing: u64,
    /// Datagrams that arrived after a later one.
    pub reordered: u64,
    /// How often the numbers began anew.
    pub restarts: u64,
    /// One packet of so many was looked at; 1 where nothing was said.
    pub sampling_interval: u32,
}

/// All exporters.
#[derive(Debug, Default)]
pub(super) struct Domains {
    known: BTreeMap<DomainKey, Domain>,
    others: Domain,
}

impl Domains {
    /// The domain of an exporter.
    pub(super) fn of(&mut self, exporter: IpAddr, version: u16, domain: u32) -> &mut Domain {
        let key = DomainKey {
            exporter: exporter_number(exporter),
            version,
            domain,
        };
        if self.known.len() >= MOST_DOMAINS && !self.known.contains_key(&key) {
            return &mut self.others;
        }
        let domain = self.known.entry(key).or_default();
        domain.is_followed = true;
        domain
    }

    pub(super) fn counts(&self) -> Vec<ExporterCounts> {
        self.known
            .iter()
            .map(|(key, domain)| ExporterCounts {
                exporter: from_store_ip(Ipv6Addr::from(key.exporter)),
                kind: match key.version {
                    1 => "netflow1",
                    5 => "netflow5",
                    7 => "netflow7",
                    9 => "netflow9",
                    10 => "ipfix",
                    _ => "sflow",
                },
                domain: key.domain,
                datagrams: domain.datagrams,
                missing: domain.missing,
                reordered: domain.reordered,
                restarts: domain.restarts,
                sampling_interval: domain.interval.max(1),
            })
            .collect()
    }
}

impl Domain {
    /// A datagram with this number arrived; the next should have `after`, where that can be said.
    pub(super) fn arrived(&mut self, number: u32, after: Option<u32>) {
        self.datagrams += 1;
        if !self.is_followed {
            return;
        }
        if let Some(expected) = self.next {
            let ahead = number.wrapping_sub(expected);
            let behind = expected.wrapping_sub(number);
            if ahead != 0 && ahead <= LEAP {
                self.missing += u64::from(ahead);
            } else if ahead != 0 && behind <= 1_000 {
                // What was counted as missing has come late; the numbers go on from where they were.
                self.reordered += 1;
                let came = after.map_or(0, |after| after.wrapping_sub(number));
                self.missing = self.missing.saturating_sub(u64::from(came));
                return;
            } else if ahead != 0 {
                self.restarts += 1;
            }
        }
        self.next = after;
    }

    /// A datagram arrived that has no number: NetFlow 1.
    pub(super) fn arrived_unnumbered(&mut self) {
        self.datagrams += 1;
    }

    /// A sampler of this domain looks at one packet of so many.
    pub(super) fn sampler(&mut self, id: u64, interval: u32) {
        if interval == 0 || self.samplers.len() >= MOST_SAMPLERS && !self.samplers.contains_key(&id)
        {
            return;
        }
        self.samplers.insert(id, interval);
        self.interval = self.interval.max(interval);
    }

    /// The interval of a sampler; without a number, that of the only one.
    pub(super) fn interval_of(&self, id: Option<u64>) -> u32 {
        let known = match id {
            Some(id) => self.samplers.get(&id),
            None if self.samplers.len() == 1 => self.samplers.values().next(),
            None => None,
        };
        known.copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(numbers: &[(u32, u32)]) -> (u64, u64, u64) {
        let mut domains = Domains::default();
        let exporter = IpAddr::from([192, 0, 2, 1]);
        for (number, records) in numbers {
            domains
                .of(exporter, 5, 0)
                .arrived(*number, Some(number.wrapping_add(*records)));
        }
        let counts = domains.counts();
        let only = counts.first().unwrap();
        (only.missing, only.reordered, only.restarts)
    }

    #[test]
    fn gaps_late_arrivals_and_restarts_are_told_apart() {
        assert_eq!(after(&[(10, 5), (15, 5), (20, 1)]), (0, 0, 0));
        assert_eq!(after(&[(10, 5), (18, 5)]), (3, 0, 0));
        assert_eq!(after(&[(10, 5), (20, 5), (15, 5), (25, 1)]), (0, 1, 0));
        assert_eq!(after(&[(5_000_000, 5), (1, 5), (6, 1)]), (0, 0, 1));
        assert_eq!(after(&[(u32::MAX, 3), (2, 1)]), (0, 0, 0));
    }

    #[test]
    fn more_exporters_than_there_is_room_for_take_no_more_room() {
        let mut domains = Domains::default();
        for domain in 0..5_000 {
            domains
                .of(IpAddr::from([192, 0, 2, 1]), 9, domain)
                .arrived(1, Some(2));
        }
        assert_eq!(domains.counts().len(), MOST_DOMAINS);
    }
}
