//! How long what is kept, checked, and the lines that follow from it.

use super::RetentionError;
use crate::config::RetentionConfig;
use crate::record::{Table, Timestamp};

/// Periods that go together.
#[derive(Clone, Debug)]
pub struct Periods(RetentionConfig);

/// The longest that records of what people did are kept by rule: 12 months. What must stay longer is held.
const LONGEST: u32 = 365;

/// Tables that say who had an address; the records rest on them.
const IDENTIFICATION: [&str; 3] = ["sign_ins", "leases", "translations"];

impl Periods {
    /// Checks what the configuration says.
    pub fn of(config: &RetentionConfig) -> Result<Periods, RetentionError> {
        let periods = Periods(config.clone());
        let named = [
            ("content", config.content),
            ("records", config.records),
            ("identification", config.identification),
            ("findings", config.findings),
            ("private_records", config.private_records),
        ];
        let named = named.map(|(key, days)| (key.to_owned(), days));
        let tables = config.tables.iter();
        let all = named
            .into_iter()
            .chain(tables.map(|(table, days)| (format!("tables.{table}"), *days)));
        for (key, days) in all {
            let is_personal = !matches!(key.as_str(), "findings" | "private_records");
            let problem = match days {
                0 => Some("what is kept for no day is never there; say 1 or more"),
                _ if is_personal && days > LONGEST => Some(
                    "12 months are the most by rule; what a case needs longer is held with `invigil hold add`",
                ),
                _ => None,
            };
            if let Some(problem) = problem {
                return Err(RetentionError::Period { key, days, problem });
            }
        }
        for (table, days) in &config.tables {
            let is_known = crate::record::EVENT_TABLES
                .iter()
                .any(|known| known.name == table && known.name != "rejects");
            if !is_known {
                return Err(RetentionError::Period {
                    key: format!("tables.{table}"),
                    days: *days,
                    problem: "there is no such table of events",
                });
            }
        }
        periods.explained()?;
        Ok(periods)
    }

    /// A record that outlives what says whose it was is worth nothing, and would be judged wrongly.
    fn explained(&self) -> Result<(), RetentionError> {
        let records = crate::record::EVENT_TABLES
            .iter()
            .filter(|table| !IDENTIFICATION.contains(&table.name));
        let longest = records.map(|table| self.days(table)).max().unwrap_or(0);
        for name in IDENTIFICATION {
            let days = crate::record::table(name).map_or(0, |table| self.days(table));
            if days < longest {
                return Err(RetentionError::Period {
                    key: match self.0.tables.contains_key(name) {
                        true => format!("tables.{name}"),
                        false => "identification".to_owned(),
                    },
                    days,
                    problem: "records are kept longer, and could then be put to the wrong person",
                });
            }
        }
        Ok(())
    }

    fn days(&self, table: &Table) -> u32 {
        let of_class = match table.name {
            name if IDENTIFICATION.contains(&name) => self.0.identification,
            "accounts" | "devices" => self.0.identification,
            "findings" => self.0.findings,
            _ => self.0.records,
        };
        self.0.tables.get(table.name).copied().unwrap_or(of_class)
    }

    /// The key by which rows of a table go.
    pub(super) fn rule(&self, table: &Table) -> String {
        match table.name {
            name if self.0.tables.contains_key(name) => format!("tables.{name}"),
            name if IDENTIFICATION.contains(&name) => "identification".to_owned(),
            "accounts" | "devices" => "identification".to_owned(),
            "findings" => "findings".to_owned(),
            _ => "records".to_owned(),
        }
    }

    /// The line for rows of a table.
    pub(super) fn rows(&self, table: &Table, at: Timestamp) -> Timestamp {
        line(at, self.days(table))
    }

    /// The line for content of a table: never later than that of its rows.
    pub(super) fn content(&self, at: Timestamp) -> Timestamp {
        line(at, self.0.content)
    }

    /// The line for originals without content.
    pub(super) fn identification(&self, at: Timestamp) -> Timestamp {
        line(at, self.0.identification)
    }

    /// The line for private records.
    pub(super) fn private_records(&self, at: Timestamp) -> Timestamp {
        line(at, self.0.private_records)
    }
}

/// So many days before a moment, at the midnight (UTC) before it: one line a day, whenever it is drawn.
fn line(at: Timestamp, days: u32) -> Timestamp {
    let day = at.seconds().div_euclid(DAY) - i64::from(days);
    Timestamp::from_seconds(day * DAY)
}

const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_midnight() {
        let at = Timestamp::parse("2026-11-22T22:10:00Z").unwrap();
        assert_eq!(line(at, 90).to_string(), "2026-08-24T00:00:00.000000Z");
    }

    #[test]
    fn the_defaults_go_together_and_what_does_not_is_refused_by_its_key() {
        assert!(Periods::of(&RetentionConfig::default()).is_ok());
        let refused = |text: &str| {
            let config: RetentionConfig = toml::from_str(text).unwrap();
            Periods::of(&config).unwrap_err().to_string()
        };
        assert!(refused("records = 0").contains("retention.records"));
        assert!(refused("records = 400").contains("12 months"));
        assert!(refused("identification = 100").contains("retention.identification"));
        assert!(refused("[tables]\nleases = 10").contains("retention.tables.leases"));
        assert!(refused("[tables]\nnone = 10").contains("no such table"));
    }
}
