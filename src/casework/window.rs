//! The window of a request: two moments that can mean nothing else, or a refusal that says why.
//!
//! An hour's slip at the change of clocks has had innocent people arrested; so a local time that happens
//! twice, or never, is sent back with the moments it could mean.

use jiff::civil;
use jiff::tz::{AmbiguousOffset, TimeZone};

use super::RequestWindow;
use crate::record::Timestamp;

/// A stretch of time: from `from` up to, and without, `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// A window can not be taken at its word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// Not a date and time.
    #[error("the {end} of the window is not a date and time such as 2026-03-02T10:15:00+00:00")]
    NotATime {
        /// `start` or `end`.
        end: &'static str,
    },
    /// A local time, and no zone.
    #[error(
        "the {end} of the window has no zone: write an offset or Z behind it, or name the zone"
    )]
    NoZone {
        /// `start` or `end`.
        end: &'static str,
    },
    /// A zone that nobody knows.
    #[error("the zone of the window is not known: write one such as Europe/London or UTC")]
    UnknownZone,
    /// The clocks went back, and this local time happened twice.
    #[error(
        "the {end} of the window happened twice, as the clocks went back: it could be {first} or {second}; write the one that is meant"
    )]
    HappenedTwice {
        /// `start` or `end`.
        end: &'static str,
        /// The first time.
        first: Timestamp,
        /// The second time.
        second: Timestamp,
    },
    /// The clocks went forward, and this local time did not happen.
    #[error("the {end} of the window never happened, as the clocks went forward past it")]
    NeverHappened {
        /// `start` or `end`.
        end: &'static str,
    },
    /// The end does not come after the start.
    #[error("the window ends before it begins, or is empty")]
    Backwards,
}

impl RequestWindow {
    /// The two moments.
    pub fn resolve(&self) -> Result<Window, WindowError> {
        let zone = self.zone.as_deref().map(str::trim);
        let from = moment("start", &self.from, zone)?;
        let to = moment("end", &self.to, zone)?;
        if to <= from {
            return Err(WindowError::Backwards);
        }
        Ok(Window { from, to })
    }
}

fn moment(end: &'static str, text: &str, zone: Option<&str>) -> Result<Timestamp, WindowError> {
    if let Ok(moment) = Timestamp::parse(text.trim()) {
        return Ok(moment);
    }
    let local = local(text.trim()).ok_or(WindowError::NotATime { end })?;
    let zone = zone
        .filter(|zone| !zone.is_empty())
        .ok_or(WindowError::NoZone { end })?;
    let zone = TimeZone::get(zone).map_err(|_| WindowError::UnknownZone)?;
    let instant = |offset: jiff::tz::Offset| {
        offset
            .to_timestamp(local)
            .map(Timestamp::from)
            .map_err(|_| WindowError::NotATime { end })
    };
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(offset),
        AmbiguousOffset::Gap { .. } => Err(WindowError::NeverHappened { end }),
        AmbiguousOffset::Fold { before, after } => Err(WindowError::HappenedTwice {
            end,
            first: instant(before)?,
            second: instant(after)?,
        }),
    }
}

/// A date with a time and nothing else. The library would take a day alone for its first moment, and would pass over
/// an offset or a zone that stands behind a time.
fn local(text: &str) -> Option<civil::DateTime> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.');
    let (_, time) = text.split_once(['T', 't', ' '])?;
    time.chars().all(plain).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(from: &str, to: &str, zone: Option<&str>) -> Result<Window, WindowError> {
        RequestWindow {
            from: from.to_owned(),
            to: to.to_owned(),
            zone: zone.map(str::to_owned),
        }
        .resolve()
    }

    #[test]
    fn a_window_without_a_zone_is_refused() {
        assert_eq!(
            resolve("2026-03-02T10:00:00", "2026-03-02T11:00:00", None),
            Err(WindowError::NoZone { end: "start" })
        );
        let window = resolve(
            "2026-07-02T10:00:00",
            "2026-07-02T11:00:00",
            Some("Europe/London"),
        );
        assert_eq!(
            window.unwrap().from,
            Timestamp::parse("2026-07-02T09:00:00Z").unwrap()
        );
    }

    #[test]
    fn the_october_hour_that_happens_twice_is_refused_with_both_instants_named() {
        let error = resolve(
            "2025-10-26T01:30:00",
            "2025-10-26T03:00:00",
            Some("Europe/London"),
        )
        .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("2025-10-26T00:30:00.000000Z"), "{text}");
        assert!(text.contains("2025-10-26T01:30:00.000000Z"), "{text}");
        let said = resolve(
            "2025-10-26T01:30:00+01:00",
            "2025-10-26T01:30:00+00:00",
            None,
        );
        assert!(said.is_ok());
    }

    #[test]
    fn a_day_alone_and_a_zone_that_would_be_passed_over_are_refused() {
        for from in [
            "2026-03-02",
            "2026-03-02T10:00:00[America/New_York]",
            "2026-03-02T10:00:00-05",
            "2026-03-02T10:00:00-05:00[Europe/Paris",
        ] {
            let found = resolve(from, "2026-03-03T10:00:00", Some("Europe/London"));
            let sure = Timestamp::parse("2026-03-02T15:00:00Z").unwrap();
            assert!(found.is_err() || found.unwrap().from == sure, "{from}");
        }
        let zone = Some("Europe/London");
        assert!(resolve("2026-03-02 10:00", "2026-03-02T11:00:00.5", zone).is_ok());
    }

    #[test]
    fn a_time_that_never_happened_and_a_window_that_ends_first_are_refused() {
        assert_eq!(
            resolve(
                "2026-03-29T01:30:00",
                "2026-03-29T03:00:00",
                Some("Europe/London")
            ),
            Err(WindowError::NeverHappened { end: "start" })
        );
        for empty in ["2026-03-02T10:00:00Z", "2026-03-02T09:59:59Z"] {
            assert_eq!(
                resolve("2026-03-02T10:00:00Z", empty, None),
                Err(WindowError::Backwards)
            );
        }
        assert_eq!(
            resolve(
                "2026-03-02T10:00:00",
                "2026-03-02T11:00:00",
                Some("Mars/North")
            ),
            Err(WindowError::UnknownZone)
        );
    }
}
