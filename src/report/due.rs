//! Which scheduled reports are due: for each the latest moment that has passed, and the week it tells of.

use jiff::civil::{Date, Time, Weekday};

use crate::record::Timestamp;
use crate::record::calendar::{Zone, add_days, monday, print_week};

/// When a report is due, every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekly {
    day: Weekday,
    at: Time,
}

/// A line of the schedule can not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScheduleError {
    /// Not a day.
    #[error("the schedule names no day of the week: {0:?}")]
    Day(String),
    /// Not a time of day.
    #[error("the schedule names no time of day such as 06:30: {0:?}")]
    Time(String),
}

impl Weekly {
    /// Reads a day such as `monday` and a local time such as `06:30`.
    pub fn parse(day: &str, at: &str) -> Result<Weekly, ScheduleError> {
        let days = [
            ("monday", Weekday::Monday),
            ("tuesday", Weekday::Tuesday),
            ("wednesday", Weekday::Wednesday),
            ("thursday", Weekday::Thursday),
            ("friday", Weekday::Friday),
            ("saturday", Weekday::Saturday),
            ("sunday", Weekday::Sunday),
        ];
        let lower = day.to_lowercase();
        let found = days.iter().find(|(name, _)| *name == lower);
        let (_, weekday) = found.ok_or_else(|| ScheduleError::Day(day.to_owned()))?;
        let time = Time::strptime("%H:%M", at).map_err(|_| ScheduleError::Time(at.to_owned()))?;
        Ok(Weekly {
            day: *weekday,
            at: time,
        })
    }

    /// The Monday of the last whole week before the latest moment at which it was due.
    pub fn week(&self, zone: &Zone, now: Timestamp) -> Date {
        let local = zone.local(now);
        let offset = i64::from(self.day.to_monday_zero_offset());
        let mut due = add_days(monday(local.date()), offset);
        if (due, self.at) > (local.date(), local.time()) {
            due = add_days(due, -7);
        }
        add_days(monday(due), -7)
    }
}

/// The name of the file of a report, the same whenever it is made.
pub fn file_name(report: &str, establishment: Option<&str>, week: Date) -> String {
    let week = print_week(week);
    match establishment {
        Some(place) => {
            let safe = |c: char| {
                if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
                    c
                } else {
                    '-'
                }
            };
            let plain: String = place.chars().map(safe).collect();
            if plain == place {
                return format!("{report}-{place}-{week}.html");
            }
            // Two names that look alike once they are plain must not share a file: one would never be written.
            let digest = ring::digest::digest(&ring::digest::SHA256, place.as_bytes());
            let mark: String = digest
                .as_ref()
                .iter()
                .take(4)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("{report}-{plain}-{mark}-{week}.html")
        }
        None => format!("{report}-{week}.html"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_week_before_the_latest_due_moment_is_told() {
        let zone = Zone::named("Europe/London").unwrap();
        let weekly = Weekly::parse("Monday", "06:30").unwrap();
        let week = |text: &str| weekly.week(&zone, Timestamp::parse(text).unwrap());
        assert_eq!(week("2026-03-16T06:29:00Z"), date(2026, 3, 2));
        assert_eq!(week("2026-03-16T06:30:00Z"), date(2026, 3, 9));
        assert_eq!(week("2026-03-22T23:00:00Z"), date(2026, 3, 9));
        // In summer 06:30 in London is 05:30 in UTC.
        assert_eq!(week("2026-07-06T05:30:00Z"), date(2026, 6, 29));
        let friday = Weekly::parse("friday", "16:00").unwrap();
        assert_eq!(
            friday.week(&zone, Timestamp::parse("2026-03-20T16:00:00Z").unwrap()),
            date(2026, 3, 9)
        );
    }

    #[test]
    fn a_schedule_that_says_nothing_is_refused() {
        assert_eq!(
            Weekly::parse("someday", "06:30"),
            Err(ScheduleError::Day("someday".to_owned()))
        );
        assert_eq!(
            Weekly::parse("monday", "25:00"),
            Err(ScheduleError::Time("25:00".to_owned()))
        );
        let name = |place| file_name("weekly", Some(place), date(2026, 3, 9));
        assert_eq!(name("st-mary"), "weekly-st-mary-2026-W11.html");
        assert!(name("../oak").starts_with("weekly----oak-"));
        assert!(!name("../oak").contains('/'));
        let names: std::collections::BTreeSet<String> =
            ["st-mary", "st.mary", "st mary", "st/mary"]
                .map(name)
                .into();
        assert_eq!(names.len(), 4);
    }
}
