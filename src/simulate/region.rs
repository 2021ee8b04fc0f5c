//! What is asked of the simulator, and what belongs to the region as a whole.

use jiff::civil::Date;

use crate::record::calendar::{Zone, add_days};

use super::Establishment;
use super::clocks::{UNCERTAINTY_MS, at};
use super::random::Random;
use super::stories::{KNOWN_PROXY, KNOWN_RESOLVER, KNOWN_SUPPORT, LISTS};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed: the same gives the same bytes.
    pub seed: u64,
    /// How many establishments, 250 at most.
    pub establishments: u32,
    /// How many days.
    pub days: u32,
    /// How many people there are, in percent of the usual.
    pub scale: u32,
    /// Requests that a person makes in an hour.
    pub requests: u32,
    /// The first day; if it is not said, the Friday before one of the changes of the clocks: October's for odd seeds.
    pub start: Option<Date>,
}

/// A part of a file: pieces of one file follow each other in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The file below the region's folder.
    pub file: String,
    /// What comes next in it.
    pub bytes: Vec<u8>,
}

/// A region that is going to be made.
#[derive(Clone, Debug)]
pub struct Region {
    /// What was asked for.
    pub plan: Plan,
    pub(super) zone: Zone,
    pub(super) days: Vec<Date>,
}

impl Region {
    /// None if the zone is not known to this machine.
    pub fn new(plan: Plan) -> Option<Region> {
        let zone = Zone::named("Europe/London")?;
        let usual = match plan.seed % 2 {
            1 => jiff::civil::date(2025, 10, 24),
            _ => jiff::civil::date(2026, 3, 27),
        };
        let first = plan.start.unwrap_or(usual);
        let days = (0..i64::from(plan.days))
            .map(|day| add_days(first, day))
            .collect();
        Some(Region { plan, zone, days })
    }

    /// How many establishments there are.
    pub fn establishments(&self) -> u32 {
        self.plan.establishments.min(250)
    }

    /// How many days.
    pub fn days(&self) -> usize {
        self.days.len()
    }

    /// One of the establishments with all that happens there, but for its traffic.
    pub fn establishment(&self, index: u32) -> Establishment {
        Establishment::new(self, index)
    }

    /// What belongs to no single establishment: headings of registers, lists. The parts of establishments follow.
    pub fn beginning(&self) -> Vec<Piece> {
        let piece = |file: &str, text: &str| Piece {
            file: file.to_owned(),
            bytes: text.as_bytes().to_vec(),
        };
        let lists = LISTS
            .iter()
            .map(|(name, text)| piece(&format!("lists/{name}.txt"), text));
        let mut pieces = vec![
            piece("invigil.toml", &self.configuration()),
            piece(
                "registers/establishments.csv",
                "establishment,name,kind,urn,valid_from,valid_to\n",
            ),
            piece(
                "registers/networks.csv",
                "network,establishment,segment,valid_from,valid_to\n",
            ),
            piece(
                "registers/links.csv",
                "link,establishment,down_bits_per_second,up_bits_per_second,valid_from,valid_to\n",
            ),
            piece(
                "registers/accounts.csv",
                "account,establishment,role,year_group,valid_from,valid_to\n",
            ),
            piece(
                "registers/devices.csv",
                "mac,owner,shared,establishment,description,valid_from,valid_to\n",
            ),
            piece("truth/events.jsonl", ""),
            piece("truth/stories.jsonl", ""),
        ];
        pieces.extend(lists);
        pieces
    }

    /// When the days begin, and how long they last.
    pub(super) fn span(&self) -> (i64, i64) {
        let first = self.days.first().map_or(0, |day| at(&self.zone, *day, 0));
        let end = |day: &Date| self.zone.end_of_day(*day).micros() / 1000;
        (first, self.days.last().map_or(first, end) - first)
    }

    pub(super) fn random(&self, name: &[u64]) -> Random {
        Random::of(self.plan.seed, name)
    }

    /// The configuration; the establishments add what is known of their sources.
    fn configuration(&self) -> String {
        format!(
            "# Made by `invigil simulate make --seed {}`.\n[provider]\nname = \"Invented Region Broadband\"\nledger_origin = \"simulated.example/ledger\"\n\n[time]\nzone = \"Europe/London\"\nclock_uncertainty_ms = {UNCERTAINTY_MS}\n\n[detect]\nknown_resolvers = [\"{KNOWN_RESOLVER}\"]\nknown_proxies = [\"{KNOWN_PROXY}\"]\nknown_support_peers = [\"{KNOWN_SUPPORT}\"]\n",
            self.plan.seed
        )
    }
}
