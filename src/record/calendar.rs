//! Local days and weeks: for grouping by the day as people live it, and for printing. Everything else is UTC.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

use super::Timestamp;

/// A time zone of the IANA data base, by name.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The zone with this name, such as `Europe/London`.
    pub fn named(name: &str) -> Option<Zone> {
        let zone = TimeZone::get(name).ok()?;
        Some(Zone {
            name: name.to_owned(),
            zone,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local day of a moment.
    pub fn day(&self, time: Timestamp) -> Date {
        self.local(time).date()
    }

    /// The local moment.
    pub fn local(&self, time: Timestamp) -> Zoned {
        time.calendar().to_zoned(self.zone.clone())
    }

    /// The hour of the local day, 0 to 23.
    pub fn hour(&self, time: Timestamp) -> i8 {
        self.local(time).hour()
    }

    /// The first moment of a local day; days do not all have 24 hours.
    pub fn start_of_day(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone())
            .and_then(|zoned| zoned.start_of_day())
            .map_or(Timestamp::MAX, |zoned| zoned.timestamp().into())
    }

    /// The first moment of the day after a local day.
    pub fn end_of_day(&self, day: Date) -> Timestamp {
        self.start_of_day(add_days(day, 1))
    }

    /// The moment printed for people, such as `Thu 12 Mar 2026 12:31:20 GMT`.
    pub fn print(&self, time: Timestamp) -> String {
        self.local(time)
            .strftime("%a %-d %b %Y %H:%M:%S %Z")
            .to_string()
    }
}

/// The Monday of the week that a day lies in.
pub fn monday(day: Date) -> Date {
    add_days(day, -i64::from(day.weekday().to_monday_zero_offset()))
}

/// A day so many days later, or earlier; at the ends of the calendar it stays there.
pub fn add_days(day: Date, days: i64) -> Date {
    day.saturating_add(days.days())
}

/// A day printed for people, such as `Thursday 12 March 2026`.
pub fn print_day(day: Date) -> String {
    day.strftime("%A %-d %B %Y").to_string()
}

/// The week of a day by ISO 8601, such as `2026-W11`.
pub fn print_week(day: Date) -> String {
    let week = day.iso_week_date();
    format!("{}-W{:02}", week.year(), week.week())
}

/// The Monday of a week such as `2026-W11`.
pub fn parse_week(text: &str) -> Option<Date> {
    let (year, week) = text.split_once("-W")?;
    let date =
        jiff::civil::ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday);
    Some(date.ok()?.date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_day_in_summer_begins_an_hour_before_utc() {
        let zone = Zone::named("Europe/London").unwrap();
        let day = jiff::civil::date(2026, 7, 1);
        assert_eq!(
            zone.start_of_day(day).to_string(),
            "2026-06-30T23:00:00.000000Z"
        );
        let october = jiff::civil::date(2026, 10, 25);
        let hours = zone
            .end_of_day(october)
            .micros_since(zone.start_of_day(october))
            / 3_600_000_000;
        assert_eq!(hours, 25);
        let moment = Timestamp::parse("2026-07-01T11:31:20Z").unwrap();
        assert_eq!(zone.print(moment), "Wed 1 Jul 2026 12:31:20 BST");
    }

    #[test]
    fn weeks_are_printed_as_they_are_read() {
        let day = parse_week("2026-W11").unwrap();
        assert_eq!(day, jiff::civil::date(2026, 3, 9));
        assert_eq!(print_week(jiff::civil::date(2026, 3, 15)), "2026-W11");
        assert_eq!(monday(jiff::civil::date(2026, 3, 15)), day);
        assert_eq!(parse_week("2026-11"), None);
    }
}
