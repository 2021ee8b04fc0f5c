//! Times in whatever way a product writes them: one reader for all spellings that name day and clock time, decided by the shape of the text.
//!
//! Beside `times.rs`, whose readers each know one spelling: firewalls and filters change theirs with version, locale and collector.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use crate::logs::fields::number;
use crate::logs::times::{LocalClock, at_offset, month_number};
use crate::record::Timestamp;

/// What a text says of a moment: day and clock time, and how far from UTC they are, if it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    date: Date,
    time: Time,
    offset: Option<Offset>,
}

impl LocalClock {
    /// A moment: seconds, thousandths, millionths or billionths since 1970 (by their number of digits), or a day and a clock time in any
    /// of the usual orders; without an offset, in the source's zone. A year is needed; `stamp_or_yearless` is for texts without one.
    pub(in crate::logs) fn stamp(&self, bytes: &[u8]) -> Option<Timestamp> {
        let bytes = bare(bytes);
        if let Some(moment) = since_1970(bytes) {
            return Some(moment);
        }
        let said = said(bytes)?;
        let local = said.date.to_datetime(said.time);
        match said.offset {
            Some(offset) => at_offset(local, offset),
            None => self.moment(local),
        }
    }

    /// The same, and besides `Mar  2 10:15:00`, which has no year.
    pub(in crate::logs) fn stamp_or_yearless(&self, bytes: &[u8]) -> Option<Timestamp> {
        if let Some(moment) = self.stamp(bytes) {
            return Some(moment);
        }
        let mut words = crate::logs::fields::Words::of(bare(bytes));
        let (month, day, time) = (words.next()?, words.next()?, words.next()?);
        self.without_year(month, day, time)
    }

    /// A day and a clock time that stand in two fields, and perhaps an offset in a third (`+0100`, `+01:00`, `UTC`).
    pub(in crate::logs) fn stamp_of(
        &self,
        date: &[u8],
        time: &[u8],
        zone: Option<&[u8]>,
    ) -> Option<Timestamp> {
        let (date, rest) = read_date(bare(date))?;
        if !rest.is_empty() {
            return None;
        }
        let (time, rest) = read_time(bare(time))?;
        let offset = match zone.map(bare) {
            Some(zone) if !zone.is_empty() => Some(read_offset(zone)?),
            _ if !rest.is_empty() => Some(read_offset(rest.trim_ascii())?),
            _ => None,
        };
        let local = date.to_datetime(time);
        match offset {
            Some(offset) => at_offset(local, offset),
            None => self.moment(local),
        }
    }
}

/// A moment in UTC whatever the source's zone is, for layouts whose maker says that times are UTC.
pub(in crate::logs) fn utc_stamp(bytes: &[u8]) -> Option<Timestamp> {
    let bytes = bare(bytes);
    if let Some(moment) = since_1970(bytes) {
        return Some(moment);
    }
    let said = said(bytes)?;
    at_offset(
        said.date.to_datetime(said.time),
        said.offset.unwrap_or(Offset::UTC),
    )
}

/// The same for a day and a clock time in two fields.
pub(in crate::logs) fn utc_stamp_of(date: &[u8], time: &[u8]) -> Option<Timestamp> {
    let (date, rest) = read_date(bare(date))?;
    let (time, after) = read_time(bare(time))?;
    (rest.is_empty() && after.is_empty())
        .then(|| at_offset(date.to_datetime(time), Offset::UTC))
        .flatten()
}

/// Without the brackets or quotation marks that some put around a time.
fn bare(bytes: &[u8]) -> &[u8] {
    match bytes.trim_ascii() {
        [b'[', inner @ .., b']'] | [b'"', inner @ .., b'"'] => inner,
        bytes => bytes,
    }
}

/// Digits alone, or with a fraction: ten digits are seconds, thirteen thousandths, sixteen millionths, nineteen billionths.
fn since_1970(bytes: &[u8]) -> Option<Timestamp> {
    if !(bytes.first()?.is_ascii_digit()) || bytes.len() < 9 {
        return None;
    }
    let whole = bytes
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(bytes.len());
    let value = number(bytes.get(..whole)?)?;
    let micros = match whole {
        9 | 10 => return crate::logs::times::epoch(bytes),
        13 => value.checked_mul(1_000)?,
        16 => value,
        19 => value / 1_000,
        _ => return None,
    };
    let moment = Timestamp::from_micros(i64::try_from(micros).ok()?);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

fn said(bytes: &[u8]) -> Option<Said> {
    // `Fri Dec 31 ...`, `Friday, ...`: the weekday says nothing more.
    let bytes = without_weekday(bytes);
    if bytes.first()?.is_ascii_alphabetic() {
        return month_first(bytes);
    }
    let (date, rest) = read_date(bytes)?;
    let rest = match rest {
        [b'T' | b't' | b':' | b'-' | b'_', rest @ ..] => rest,
        [b' ' | b',', ..] => rest.trim_ascii_start(),
        _ => return None,
    };
    let rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    let (time, rest) = read_time(rest)?;
    let rest = rest.trim_ascii();
    let offset = if rest.is_empty() {
        None
    } else {
        Some(read_offset(rest)?)
    };
    Some(Said { date, time, offset })
}

/// `Mar  2 2026 10:15:00 GMT`, `Mar 2, 2026 10:15:00`, `Mar  2 10:15:00 2026`.
fn month_first(bytes: &[u8]) -> Option<Said> {
    let mut words = crate::logs::fields::Words::of(bytes);
    let month = month_number(words.next()?.get(..3)?)?;
    let day = words.next()?;
    let day = i8::try_from(number(day.strip_suffix(b",").unwrap_or(day))?).ok()?;
    let third = words.next()?;
    let third = third.strip_suffix(b",").unwrap_or(third);
    let fourth = words.next()?;
    let (year, time) = if third.len() == 4 {
        (third, fourth)
    } else {
        (fourth, third)
    };
    let mut zone = words.next();
    // `Mar  2 10:15:00 UTC 2026`
    let (year, time) = match zone {
        Some(late) if year == fourth && number(year).is_none() => {
            zone = Some(fourth);
            (late, time)
        }
        _ => (year, time),
    };
    let date = Date::new(i16::try_from(number(year)?).ok()?, month, day).ok()?;
    let (time, rest) = read_time(time.strip_suffix(b":").unwrap_or(time))?;
    let zone = if rest.is_empty() { zone } else { Some(rest) };
    let offset = match zone {
        Some(zone) => Some(read_offset(zone)?),
        None => None,
    };
    Some(Said { date, time, offset })
}

fn without_weekday(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(0);
    let is_day = |word: &[u8]| DAYS.iter().any(|day| word.starts_with(day.as_bytes()));
    match bytes.split_at_checked(end) {
        Some((word, rest)) if is_day(word) => {
            let rest = rest.strip_prefix(b",").unwrap_or(rest);
            rest.trim_ascii_start()
        }
        _ => bytes,
    }
}

static DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// `2026-03-02`, `2026/03/02`, `2026:03:02`, `2026.3.2`, `20260302`, `02/Mar/2026`, `2 Mar 2026`, `02-Mar-2026`; and what stands after it.
/// Days and months both as numbers are read only where the year comes first: elsewhere nobody can say which is which.
fn read_date(bytes: &[u8]) -> Option<(Date, &[u8])> {
    let (first, rest) = digits(bytes)?;
    if first.len() == 8 {
        let (year, month_day) = first.split_at_checked(4)?;
        let (month, day) = month_day.split_at_checked(2)?;
        return Some((date(year, month, day)?, rest));
    }
    let (mark, rest) = rest.split_first()?;
    if !matches!(mark, b'-' | b'/' | b':' | b'.' | b' ') {
        return None;
    }
    if first.len() == 4 {
        let (month, rest) = digits(rest)?;
        let (day, rest) = digits(rest.strip_prefix(&[*mark])?)?;
        return Some((date(first, month, day)?, rest));
    }
    let month = month_number(rest.get(..3)?)?;
    let (year, rest) = digits(rest.get(3..)?.strip_prefix(&[*mark])?)?;
    if year.len() != 4 {
        return None;
    }
    let (year, day) = (number(year)?, number(first)?);
    let date = Date::new(i16::try_from(year).ok()?, month, i8::try_from(day).ok()?).ok()?;
    Some((date, rest))
}

fn date(year: &[u8], month: &[u8], day: &[u8]) -> Option<Date> {
    let (month, day) = (number(month)?, number(day)?);
    let year = i16::try_from(number(year)?).ok()?;
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// `10:15:00`, with a fraction after a dot or comma; and what stands after it.
fn read_time(bytes: &[u8]) -> Option<(Time, &[u8])> {
    let (hour, rest) = digits(bytes)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?)?;
    let (second, rest) = digits(rest.strip_prefix(b":")?)?;
    if hour.len() > 2 || minute.len() != 2 || second.len() != 2 {
        return None;
    }
    let (nanos, rest) = match rest {
        [b'.' | b',', fraction @ ..] => match digits(fraction) {
            Some((fraction, rest)) => (nanos(fraction)?, rest),
            None => (0, rest),
        },
        _ => (0, rest),
    };
    let part = |bytes: &[u8]| i8::try_from(number(bytes)?).ok();
    let second = part(second)?;
    if second > 60 {
        return None;
    }
    // A leap second is written as :60; civil time ends at :59.
    let time = Time::new(part(hour)?, part(minute)?, second.min(59), nanos).ok()?;
    Some((time, rest))
}

fn nanos(fraction: &[u8]) -> Option<i32> {
    let mut nanos = 0i32;
    for place in 0..9 {
        let digit = fraction.get(place).map_or(0, |byte| byte - b'0');
        nanos = nanos * 10 + i32::from(digit);
    }
    Some(nanos)
}

fn digits(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(bytes.len());
    (end > 0).then(|| bytes.split_at_checked(end)).flatten()
}

/// `Z`, `UTC`, `GMT`, `BST`, `+0100`, `+01:00`, `+01`, `GMT+1`, also with `UTC` before the sign. Another name of a zone is not guessed at.
fn read_offset(bytes: &[u8]) -> Option<Offset> {
    let bytes = match bytes {
        b"Z" | b"z" | b"UTC" | b"GMT" => return Some(Offset::UTC),
        b"BST" => return Some(Offset::constant(1)),
        _ => bytes,
    };
    let bytes = bytes
        .strip_prefix(b"UTC")
        .or(bytes.strip_prefix(b"GMT"))
        .unwrap_or(bytes);
    let (ahead, rest) = match bytes {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [h, b':', m1, m2] => (number(&[*h])?, number(&[*m1, *m2])?),
        [h1, h2, b':', m1, m2] | [h1, h2, m1, m2] => (number(&[*h1, *h2])?, number(&[*m1, *m2])?),
        [_] | [_, _] => (number(rest)?, 0),
        _ => return None,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3_600 + minutes * 60).ok()?;
    Offset::from_seconds(seconds * ahead).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::format::{Fold, SourceSettings};
    use jiff::tz::TimeZone;

    fn clock() -> LocalClock {
        LocalClock::new(&SourceSettings {
            zone: TimeZone::get("Europe/London").unwrap(),
            reference: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(),
            fold: Fold::Reject,
            corrections: Default::default(),
        })
    }

    #[test]
    fn every_spelling_of_a_moment_means_that_moment() {
        for text in [
            "1782896400",
            "1782896400.000",
            "1782896400000",
            "1782896400000000",
            "1782896400000000000",
            "2026-07-01T09:00:00Z",
            "2026-07-01T10:00:00+01:00",
            "2026-07-01T10:00:00.000+0100",
            "2026-07-01 10:00:00 GMT+1:00",
            "2026-07-01 10:00:00",
            "2026/07/01 10:00:00",
            "2026:07:01-10:00:00",
            "2026-07-01, 10:00:00",
            "01/Jul/2026:10:00:00 +0100",
            "[01/Jul/2026:09:00:00 +0000]",
            "01/Jul/2026:10:00:00.000",
            "01 Jul 2026 09:00:00 UTC",
            "1-Jul-2026 10:00:00.000",
            "Wed Jul  1 10:00:00 2026",
            "Wed Jul  1 09:00:00 UTC 2026",
            "Jul 01 2026 10:00:00",
            "Jul 1, 2026 09:00:00 GMT",
            "Jul  1 2026 10:00:00:",
            "2026-07-01 09:00:00 UTC",
            "20260701T10:00:00",
        ] {
            let moment = clock()
                .stamp(text.as_bytes())
                .map(|moment| moment.to_string());
            assert_eq!(
                moment.as_deref(),
                Some("2026-07-01T09:00:00.000000Z"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_mean_two_days_or_hours_is_refused() {
        for text in [
            "01/07/2026 10:00:00",
            "2026-02-30 10:00:00",
            "2026-07-01 25:00:00",
            "2026-07-01",
            "2026-07-01 10:00:00 CEST",
            "2026-10-25 01:30:00",
            "12345678901",
            "Jul  1 10:00:00",
            "",
        ] {
            assert_eq!(clock().stamp(text.as_bytes()), None, "{text}");
        }
        assert!(clock().stamp_or_yearless(b"Jul  1 10:00:00").is_some());
        let apart = clock().stamp_of(b"2026-07-01", b"10:00:00", Some(b"+0100"));
        assert_eq!(apart, clock().stamp(b"2026-07-01T09:00:00Z"));
        assert_eq!(utc_stamp_of(b"2026-07-01", b"09:00:00"), apart);
        assert_eq!(utc_stamp(b"2026-07-01 09:00:00"), apart);
    }
}
