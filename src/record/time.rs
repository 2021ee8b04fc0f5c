//! Moments: microseconds since 1970 in UTC, read from and printed as RFC 3339 with six digits.

use std::fmt;

/// A moment in UTC, in microseconds since 1970-01-01. The default, zero, stands for "not known" in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A text is not a moment.
#[derive(Debug, PartialEq, Eq)]
pub enum TimeError {
    /// Not RFC 3339.
    NotATime,
    /// A date and a clock time without an offset: it could mean two moments, so we refuse to guess.
    NoZone,
}

impl Timestamp {
    /// The last moment that the store's `DateTime64(6)` prints (2299-12-31).
    pub const MAX: Timestamp = Timestamp(10_413_791_999_999_999);

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(micros)
    }

    /// From whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment moved by so many microseconds; at the ends of time it stays there.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Timestamp(self.0.saturating_add(micros))
    }

    /// This moment moved by so many seconds; at the ends of time it stays there.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds from `earlier` to this moment, negative if it is not earlier.
    pub const fn micros_since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with an offset or `Z`; a text without one is refused, as it could mean two moments.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Timestamp(moment.as_microsecond()));
        }
        match text.parse::<jiff::civil::DateTime>() {
            Ok(_) => Err(TimeError::NoZone),
            Err(_) => Err(TimeError::NotATime),
        }
    }

    /// The moment as the library for calendars has it; out-of-range moments are the nearest it knows.
    pub fn calendar(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Timestamp(moment.as_microsecond())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::of(self.0);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            civil.year,
            civil.month,
            civil.day,
            civil.hour,
            civil.minute,
            civil.second,
            civil.micros
        )
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeError::NotATime => "not a time such as 2026-03-02T10:15:00Z",
            TimeError::NoZone => {
                "a time without a zone could mean two moments: add Z or an offset such as +01:00"
            }
        })
    }
}

impl std::error::Error for TimeError {}

/// The parts of a moment on the calendar (proleptic Gregorian), made by arithmetic alone: printing is hot.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Civil {
    /// Days are counted from 0000-03-01, so that the leap day is the last of its year.
    fn of(micros: i64) -> Civil {
        let seconds = micros.div_euclid(1_000_000);
        let days = seconds.div_euclid(86_400) + 719_468;
        let of_day = seconds.rem_euclid(86_400);
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            micros: micros.rem_euclid(1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_printed_as_the_calendar_library_prints_it() {
        for seconds in [
            -62_135_596_800,
            -1,
            0,
            951_782_400,
            1_772_446_500,
            4_102_444_799,
            10_413_791_999,
        ] {
            let moment = Timestamp::from_micros(seconds * 1_000_000 + 123_456);
            assert_eq!(moment.to_string(), format!("{:.6}", moment.calendar()));
        }
    }

    #[test]
    fn a_text_without_a_zone_is_refused() {
        assert_eq!(
            Timestamp::parse("2026-03-02T10:15:00"),
            Err(TimeError::NoZone)
        );
        assert_eq!(Timestamp::parse("yesterday"), Err(TimeError::NotATime));
        assert_eq!(
            Timestamp::parse("2026-03-02T10:15:00+01:00"),
            Timestamp::parse("2026-03-02T09:15:00Z")
        );
    }
}
