//! Times as logs write them, made into moments: epoch with fraction, RFC 3339, syslog without year, and calendar times without zone.

use std::cell::Cell;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::fields::{Words, number};
use super::format::{Fold, SourceSettings};
use crate::record::Timestamp;

/// Seconds since 1970 with a fraction of up to nine digits, as Squid and FreeRADIUS write them. Zero is no time.
#[inline]
pub(super) fn epoch(bytes: &[u8]) -> Option<Timestamp> {
    let dot = memchr::memchr(b'.', bytes);
    let (seconds, fraction) = match dot {
        Some(at) => (bytes.get(..at)?, bytes.get(at + 1..)?),
        None => (bytes, [].as_slice()),
    };
    if seconds.len() > 11 {
        return None;
    }
    let seconds = i64::try_from(number(seconds)?).ok()?;
    let moment = Timestamp::from_seconds(seconds).plus_micros(fraction_micros(fraction)?);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

/// Digits after a decimal point, in millionths; further digits are cut off.
#[inline]
fn fraction_micros(digits: &[u8]) -> Option<i64> {
    if digits.len() > 9 {
        return None;
    }
    let mut micros = 0i64;
    let mut scale = 100_000i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return None;
        }
        micros += i64::from(byte - b'0') * scale;
        scale /= 10;
    }
    Some(micros)
}

/// Reads times that do not say all: by the source's zone and by a moment near which they were written.
#[derive(Clone, Debug)]
pub(super) struct LocalClock {
    zone: TimeZone,
    fold: Fold,
    /// No line was written later than this, by the source's own clock: a day after the reference.
    latest: DateTime,
    /// Local times of which the last was one, and whose offset is the same.
    steady: Cell<Steady>,
}

/// Local times, in seconds, that all have one offset and are far from any change of it. Empty at first.
#[derive(Clone, Copy, Debug)]
struct Steady {
    from: i64,
    to: i64,
    offset: i64,
}

impl Steady {
    const NONE: Steady = Steady {
        from: 0,
        to: 0,
        offset: 0,
    };

    /// The times around a moment that are further from the zone's changes than any two offsets are from one another, so that
    /// none of them comes twice or not at all.
    fn around(zone: &TimeZone, moment: jiff::Timestamp, offset: Offset) -> Self {
        let before = zone.preceding(moment).next();
        let after = zone.following(moment).next();
        let offset = i64::from(offset.seconds());
        let from = before.map_or(0, |change| change.timestamp().as_second());
        let to = after.map_or(i64::MAX / 2, |change| change.timestamp().as_second());
        Steady {
            from: from.max(0) + offset + FURTHEST,
            to: to + offset - FURTHEST,
            offset,
        }
    }
}

/// Two offsets differ by less: each is at most 26 hours.
const FURTHEST: i64 = 2 * 26 * 3600 + 1;

impl LocalClock {
    pub(super) fn new(settings: &SourceSettings) -> Self {
        let latest = settings.reference.plus_seconds(86_400).calendar();
        LocalClock {
            zone: settings.zone.clone(),
            fold: settings.fold,
            latest: settings.zone.to_datetime(latest),
            steady: Cell::new(Steady::NONE),
        }
    }

    /// A calendar time without zone. Nothing if the clocks jumped over it, or if it happened twice and nobody said which is meant.
    pub(super) fn moment(&self, local: DateTime) -> Option<Timestamp> {
        let steady = self.steady.get();
        let seconds = seconds_of(local);
        if steady.from <= seconds && seconds < steady.to {
            let micros = i64::from(local.subsec_nanosecond()) / 1_000;
            let moment = Timestamp::from_seconds(seconds - steady.offset).plus_micros(micros);
            return (moment <= Timestamp::MAX).then_some(moment);
        }
        let offset = match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                self.remember(local, offset);
                offset
            }
            AmbiguousOffset::Gap { .. } => return None,
            AmbiguousOffset::Fold { before, after } => match self.fold {
                Fold::Reject => return None,
                Fold::First => before,
                Fold::Second => after,
            },
        };
        at_offset(local, offset)
    }

    /// Keeps the times around this one, so that the zone is not asked for each line.
    fn remember(&self, local: DateTime, offset: Offset) {
        if let Ok(moment) = offset.to_timestamp(local)
            && moment.as_second() > 0
        {
            self.steady.set(Steady::around(&self.zone, moment, offset));
        }
    }

    /// A calendar time at the offset that the line names, or in the source's zone.
    pub(super) fn at(&self, local: DateTime, offset: Option<Offset>) -> Option<Timestamp> {
        match offset {
            Some(offset) => at_offset(local, offset),
            None => self.moment(local),
        }
    }

    /// A day without year: in the latest year in which it exists and is not after the reference.
    pub(super) fn in_latest_year(
        &self,
        month: i8,
        day: i8,
        time: Time,
        offset: Option<Offset>,
    ) -> Option<Timestamp> {
        // Nine years hold a leap day even across 1900 and 2100.
        for back in 0..9 {
            let Ok(date) = Date::new(self.latest.year() - back, month, day) else {
                continue;
            };
            let local = date.to_datetime(time);
            if local <= self.latest {
                return self.at(local, offset);
            }
        }
        None
    }

    /// The three words `Mar 2 10:15:00` of RFC 3164: in the latest year in which that day exists and is not after the reference.
    pub(super) fn without_year(&self, month: &[u8], day: &[u8], time: &[u8]) -> Option<Timestamp> {
        let (month, day, time) = (month_number(month)?, day_number(day)?, clock_time(time)?);
        self.in_latest_year(month, day, time, None)
    }

    /// `Mon Mar  2 10:15:00 2026`, as `ctime` prints it.
    pub(super) fn ctime(&self, bytes: &[u8]) -> Option<Timestamp> {
        let mut words = Words::of(bytes);
        let weekday = words.next()?;
        if weekday.len() != 3 || !weekday.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let (month, day, time, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        self.moment(calendar(year, month, day, time)?)
    }

    /// `Mar  2 2026 10:15:00 GMT`, as FreeRADIUS prints dates, or seconds since 1970. A zone that we do not know for sure is not guessed at.
    pub(super) fn radius_date(&self, bytes: &[u8]) -> Option<Timestamp> {
        if bytes.first()?.is_ascii_digit() {
            return epoch(bytes);
        }
        let mut words = Words::of(bytes);
        let (month, day, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let local = calendar(year, month, day, time)?;
        match words.next() {
            None => self.moment(local),
            Some(zone) => {
                let (_, offset) = ZONES.iter().find(|(name, _)| name.as_bytes() == zone)?;
                at_offset(local, *offset)
            }
        }
    }
}

/// Zone abbreviations with one meaning in this country.
static ZONES: &[(&str, Offset)] = &[
    ("UTC", Offset::UTC),
    ("GMT", Offset::UTC),
    ("BST", Offset::constant(1)),
];

/// The time of the common log layout: `02/Mar/2026:10:15:00` and `+0000`.
#[inline]
pub(super) fn common_log(date: &[u8], zone: &[u8]) -> Option<Timestamp> {
    let &[
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = date
    else {
        return None;
    };
    let year = i16::try_from(number(&[y1, y2, y3, y4])?).ok()?;
    let date = Date::new(year, month_number(&[m1, m2, m3])?, two_digits(d1, d2)?).ok()?;
    let second = two_digits(s1, s2)?;
    let time = Time::new(two_digits(h1, h2)?, two_digits(n1, n2)?, second, 0).ok()?;
    let &[sign, o1, o2, p1, p2] = zone else {
        return None;
    };
    let (hours, minutes) = (two_digits(o1, o2)?, two_digits(p1, p2)?);
    let ahead = match sign {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if minutes > 59 {
        return None;
    }
    let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60 * ahead;
    let offset = Offset::from_seconds(seconds).ok()?;
    let moment = Timestamp::from(offset.to_timestamp(date.to_datetime(time)).ok()?);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

fn two_digits(first: u8, second: u8) -> Option<i8> {
    i8::try_from(number(&[first, second])?).ok()
}

/// The number of a month by its English short name.
pub(super) fn month_number(name: &[u8]) -> Option<i8> {
    let at = MONTHS.iter().position(|month| month.as_bytes() == name)?;
    i8::try_from(at + 1).ok()
}

static MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Seconds from 1970 to a calendar time, as if it were UTC.
fn seconds_of(local: DateTime) -> i64 {
    // Days by months from March on, so that the leap day is the last of its year.
    let (year, month, day) = (
        i64::from(local.year()),
        i64::from(local.month()),
        i64::from(local.day()),
    );
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leaps + (153 * month + 2) / 5 + day - 719_469;
    let (hour, minute) = (i64::from(local.hour()), i64::from(local.minute()));
    ((days * 24 + hour) * 60 + minute) * 60 + i64::from(local.second())
}

pub(super) fn at_offset(local: DateTime, offset: Offset) -> Option<Timestamp> {
    let moment = Timestamp::from(offset.to_timestamp(local).ok()?);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

fn calendar(year: &[u8], month: &[u8], day: &[u8], time: &[u8]) -> Option<DateTime> {
    let year = i16::try_from(number(year)?).ok()?;
    let date = Date::new(year, month_number(month)?, day_number(day)?).ok()?;
    Some(date.to_datetime(clock_time(time)?))
}

fn day_number(bytes: &[u8]) -> Option<i8> {
    i8::try_from(number(bytes)?).ok()
}

/// `10:15:00`, with or without a fraction.
fn clock_time(bytes: &[u8]) -> Option<Time> {
    let (clock, fraction) = match bytes.get(8..) {
        Some([]) => (bytes, [].as_slice()),
        Some([b'.', fraction @ ..]) => (bytes.get(..8)?, fraction),
        _ => return None,
    };
    let two = |from: usize| i8::try_from(number(clock.get(from..from + 2)?)?).ok();
    let (hour, minute, second) = (two(0)?, two(3)?, two(6)?);
    if clock.get(2) != Some(&b':') || clock.get(5) != Some(&b':') {
        return None;
    }
    let nanos = i32::try_from(fraction_micros(fraction)? * 1_000).ok()?;
    // A leap second is written as :60; civil time ends at :59.
    Time::new(hour, minute, second.min(59), nanos)
        .ok()
        .filter(|_| second <= 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(reference: &str, fold: Fold) -> LocalClock {
        LocalClock::new(&SourceSettings {
            zone: TimeZone::get("Europe/London").unwrap(),
            reference: Timestamp::parse(reference).unwrap(),
            fold,
            corrections: Default::default(),
        })
    }

    fn said(moment: Option<Timestamp>) -> String {
        moment.map_or("none".to_owned(), |moment| moment.to_string())
    }

    #[test]
    fn epoch_times_keep_their_fraction() {
        assert_eq!(
            said(epoch(b"1772446500.125")),
            "2026-03-02T10:15:00.125000Z"
        );
        assert_eq!(said(epoch(b"1772446500")), "2026-03-02T10:15:00.000000Z");
        for bad in [
            &b"0"[..],
            b"0.000",
            b"",
            b".5",
            b"1772446500.",
            b"1e9",
            b"-1",
            b"99999999999",
            b"1.1234567890",
        ] {
            let moment = epoch(bad);
            assert!(moment.is_none() || bad == b"1772446500.", "{bad:?}");
        }
    }

    #[test]
    fn a_time_without_year_is_not_in_the_future_of_its_reference() {
        let clock = clock("2027-01-03T12:00:00Z", Fold::Reject);
        let read = |month: &str, day: &str| {
            said(clock.without_year(month.as_bytes(), day.as_bytes(), b"23:59:59"))
        };
        assert_eq!(read("Dec", "31"), "2026-12-31T23:59:59.000000Z");
        assert_eq!(read("Jan", "2"), "2027-01-02T23:59:59.000000Z");
        assert_eq!(read("Jan", "5"), "2026-01-05T23:59:59.000000Z");
        assert_eq!(read("Jul", "1"), "2026-07-01T22:59:59.000000Z");
        assert_eq!(read("Feb", "29"), "2024-02-29T23:59:59.000000Z");
        assert_eq!(read("Feb", "30"), "none");
        assert_eq!(read("Foo", "1"), "none");
    }

    #[test]
    fn the_hour_that_happens_twice_is_refused_unless_somebody_says_which() {
        let twice = b"Sun Oct 25 01:30:00 2026";
        let read = |fold| said(clock("2026-11-01T00:00:00Z", fold).ctime(twice));
        assert_eq!(read(Fold::Reject), "none");
        assert_eq!(read(Fold::First), "2026-10-25T00:30:00.000000Z");
        assert_eq!(read(Fold::Second), "2026-10-25T01:30:00.000000Z");
        let never = clock("2026-11-01T00:00:00Z", Fold::First).ctime(b"Sun Mar 29 01:30:00 2026");
        assert_eq!(said(never), "none");
    }

    #[test]
    fn what_is_remembered_of_a_zone_changes_no_moment() {
        for zone in ["Europe/London", "Africa/Monrovia", "Pacific/Apia", "UTC"] {
            let settings = SourceSettings {
                zone: TimeZone::get(zone).unwrap(),
                reference: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(),
                fold: Fold::Reject,
                corrections: Default::default(),
            };
            let going = LocalClock::new(&settings);
            let mut local = jiff::civil::date(1969, 12, 28).at(0, 7, 1, 250_000);
            while local.year() < 2030 {
                let fresh = LocalClock::new(&settings).moment(local);
                assert_eq!(going.moment(local), fresh, "{zone} {local}");
                // Hour by hour where a change is near, else in long steps.
                let step = match (local.month(), local.day()) {
                    (3 | 10, 23..) | (12, 27..) | (1, 4..=9) => 3_001,
                    _ => 40_001,
                };
                local = local
                    .checked_add(jiff::SignedDuration::from_secs(step))
                    .unwrap();
            }
        }
    }

    #[test]
    fn a_date_of_radius_with_an_unknown_zone_is_not_guessed_at() {
        let clock = clock("2026-11-01T00:00:00Z", Fold::Reject);
        assert_eq!(
            said(clock.radius_date(b"Jul  1 2026 10:00:00 BST")),
            "2026-07-01T09:00:00.000000Z"
        );
        assert_eq!(
            said(clock.radius_date(b"Jul  1 2026 10:00:00")),
            "2026-07-01T09:00:00.000000Z"
        );
        assert_eq!(said(clock.radius_date(b"Jul  1 2026 10:00:00 WIB")), "none");
        assert_eq!(
            said(clock.radius_date(b"1772446500")),
            "2026-03-02T10:15:00.000000Z"
        );
    }
}
