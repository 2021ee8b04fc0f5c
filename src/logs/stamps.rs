//! The moment that stands before a line, in any of the spellings that servers and appliances use, and the calendar dates of
//! tables. A date of numbers alone is read in the order that its format says; nothing is guessed from its values.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;

use super::fields::number;
use super::times::{LocalClock, at_offset, epoch, month_number};
use crate::record::{RejectReason, Timestamp};

/// What stands where a line's time is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// A moment.
    At(Timestamp),
    /// Something of the shape of a time that is none, or that two moments have.
    Bad,
    /// Nothing of that shape.
    Missing,
}

impl Stamp {
    /// The moment. A line without one can not be placed, so it is rejected like one whose time is broken.
    pub(super) fn moment(self) -> Result<Timestamp, RejectReason> {
        match self {
            Stamp::At(moment) => Ok(moment),
            Stamp::Bad | Stamp::Missing => Err(RejectReason::BadTime),
        }
    }

    fn of(moment: Option<Timestamp>) -> Self {
        moment.map_or(Stamp::Bad, Stamp::At)
    }
}

/// Which number of `3/2/2026` is the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DayOrder {
    /// The first.
    DayFirst,
    /// The second.
    MonthFirst,
}

/// The stamp at the beginning of a line, also in brackets, and what follows it and its blanks or colon.
pub(super) fn stamp<'a>(line: &'a [u8], clock: &LocalClock) -> (Stamp, &'a [u8]) {
    let line = line.trim_ascii_start();
    // Cisco marks a clock that is not set by `*` or `.`.
    let line = line
        .strip_prefix(b"*")
        .or(line.strip_prefix(b"."))
        .unwrap_or(line);
    if let Some(inner) = line.strip_prefix(b"[") {
        let (stamp, rest) = bare_stamp(inner, clock);
        return match rest.trim_ascii_start().strip_prefix(b"]") {
            Some(rest) if stamp != Stamp::Missing => (stamp, after(rest)),
            _ => (Stamp::Missing, line),
        };
    }
    bare_stamp(line, clock)
}

fn bare_stamp<'a>(line: &'a [u8], clock: &LocalClock) -> (Stamp, &'a [u8]) {
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits >= 9 {
        let end = line
            .iter()
            .position(|byte| !byte.is_ascii_digit() && *byte != b'.')
            .unwrap_or(line.len());
        let (word, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
        return (Stamp::of(since_1970(word)), after(rest));
    }
    match found(line, Some(DayOrder::DayFirst)) {
        Some((found, rest)) => (Stamp::of(found.placed(clock)), after(rest)),
        None => (Stamp::Missing, line),
    }
}

/// A time that is all of a cell, as tables write it: with the zone that follows it or in the clock's.
pub(super) fn moment(bytes: &[u8], order: DayOrder, clock: &LocalClock) -> Option<Timestamp> {
    whole(bytes, Some(order), |found| found.placed(clock))
}

/// A moment in UTC whatever the source's zone is, for layouts whose maker says that times are UTC.
pub(super) fn utc_stamp(bytes: &[u8]) -> Option<Timestamp> {
    whole(bytes, None, Found::in_utc)
}

/// The same for a day and a time of day in two fields.
pub(super) fn utc_stamp_of(date: &[u8], time: &[u8]) -> Option<Timestamp> {
    apart(date, time, None)?.in_utc()
}

impl LocalClock {
    /// A moment: seconds, thousandths, millionths or billionths since 1970 (by their number of digits), or a day and a time of day in any
    /// order that has one meaning; without an offset, in the source's zone. A year is needed.
    pub(super) fn stamp(&self, bytes: &[u8]) -> Option<Timestamp> {
        whole(bytes, None, |found| match found.day {
            Day::Of(_) => found.placed(self),
            Day::OfSomeYear(..) => None,
        })
    }

    /// The same, and besides `Mar  2 10:15:00`, which has no year.
    pub(super) fn stamp_or_yearless(&self, bytes: &[u8]) -> Option<Timestamp> {
        whole(bytes, None, |found| found.placed(self))
    }

    /// A day and a time of day that stand in two fields, and perhaps an offset in a third (`+0100`, `+01:00`, `UTC`).
    pub(super) fn stamp_of(
        &self,
        date: &[u8],
        time: &[u8],
        zone: Option<&[u8]>,
    ) -> Option<Timestamp> {
        apart(date, time, zone)?.placed(self)
    }
}

/// What a text says of a moment. What does not exist (the 31st of February) is nothing.
#[derive(Clone, Copy)]
struct Found {
    day: Day,
    time: Option<Time>,
    offset: Option<Offset>,
}

#[derive(Clone, Copy)]
enum Day {
    Of(Option<Date>),
    /// Month and day without a year.
    OfSomeYear(i8, i8),
}

impl Found {
    fn placed(self, clock: &LocalClock) -> Option<Timestamp> {
        match self.day {
            Day::Of(date) => clock.at(date?.to_datetime(self.time?), self.offset),
            Day::OfSomeYear(month, day) => {
                clock.in_latest_year(month, day, self.time?, self.offset)
            }
        }
    }

    fn in_utc(self) -> Option<Timestamp> {
        match self.day {
            Day::Of(date) => at_offset(
                date?.to_datetime(self.time?),
                self.offset.unwrap_or(Offset::UTC),
            ),
            Day::OfSomeYear(..) => None,
        }
    }
}

/// A text that is a time and nothing else, perhaps in brackets or quotation marks, perhaps after a weekday.
fn whole(
    bytes: &[u8],
    order: Option<DayOrder>,
    placed: impl FnOnce(Found) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let bytes = bare(bytes);
    if let Some(moment) = since_1970(bytes) {
        return Some(moment);
    }
    let (found, rest) = found(bytes, order)?;
    if !matches!(rest.trim_ascii(), [] | [b':']) {
        return None;
    }
    placed(found)
}

/// Without the brackets or quotation marks that some put around a time.
fn bare(bytes: &[u8]) -> &[u8] {
    match bytes.trim_ascii() {
        [b'[', inner @ .., b']'] | [b'"', inner @ .., b'"'] => inner,
        bytes => bytes,
    }
}

fn apart(date: &[u8], time: &[u8], zone: Option<&[u8]>) -> Option<Found> {
    let mut day = Scan { rest: bare(date) };
    let date = day.date(None)?;
    let mut clock = Scan { rest: bare(time) };
    let time = clock.clock()?.to_time();
    if !day.rest.is_empty() {
        return None;
    }
    let zoned = match zone.map(bare) {
        Some(zone) if !zone.is_empty() => zone,
        _ => clock.rest.trim_ascii(),
    };
    let offset = match zoned {
        [] => None,
        zoned => match self::zone(zoned) {
            (Some(offset), []) => Some(offset),
            _ => return None,
        },
    };
    Some(Found {
        day: Day::Of(date),
        time,
        offset,
    })
}

/// Digits alone, or with a fraction: ten digits are seconds, thirteen thousandths, sixteen millionths, nineteen billionths.
fn since_1970(bytes: &[u8]) -> Option<Timestamp> {
    if !bytes.first()?.is_ascii_digit() || bytes.len() < 9 {
        return None;
    }
    let digits = memchr::memchr(b'.', bytes).unwrap_or(bytes.len());
    let value = || number(bytes.get(..digits)?);
    let micros = match digits {
        9 | 10 => return epoch(bytes),
        13 => value()?.checked_mul(1_000)?,
        16 => value()?,
        19 => value()? / 1_000,
        _ => return None,
    };
    let moment = Timestamp::from_micros(i64::try_from(micros).ok()?);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

/// Takes off the blanks and the one colon that end a heading.
fn after(rest: &[u8]) -> &[u8] {
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start()
}

/// A day and a time of day at the beginning of a text, whatever their order, and what follows. Without an order, a day and a month
/// that are both numbers are read only after the year.
fn found(bytes: &[u8], order: Option<DayOrder>) -> Option<(Found, &[u8])> {
    let mut at = Scan { rest: bytes };
    at.weekday();
    if !at.rest.first()?.is_ascii_digit() {
        return month_first(at);
    }
    let date = at.date(order)?;
    let apart = at.any(b"Tt,-:_").is_some();
    if !at.blanks() && !apart {
        return None;
    }
    at.one(b',');
    at.blanks();
    let time = at.clock()?.to_time();
    let (offset, rest) = zone(at.rest);
    let found = Found {
        day: Day::Of(date),
        time,
        offset,
    };
    Some((found, rest))
}

/// `Mar  2 10:15:00`, `Mar  2 2026 10:15:00`, `Mar  2 10:15:00 2026`, `Mar  2 10:15:00 UTC 2026`.
fn month_first(mut at: Scan<'_>) -> Option<(Found, &[u8])> {
    let month = month_number(at.letters(3)?)?;
    at.blanks();
    let day = at.number(1, 2)?;
    at.one(b',');
    at.blanks();
    let before = at.rest;
    let mut year = at.number(4, 4);
    if year.is_none() {
        at.rest = before;
    }
    at.blanks();
    let time = at.clock()?.to_time();
    if year.is_none() {
        year = at.late_year();
    }
    let (offset, rest) = zone(at.rest);
    at.rest = rest;
    if year.is_none() && offset.is_some() {
        year = at.late_year();
    }
    let day = match year {
        Some(year) => Day::Of(date(year, month, day)),
        None => Day::OfSomeYear(month, i8::try_from(day).ok()?),
    };
    Some((Found { day, time, offset }, at.rest))
}

fn date(year: u64, month: i8, day: u64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, month, i8::try_from(day).ok()?).ok()
}

/// The zone after a time: `Z`, `+01:00`, `+0100`, `+01` and `GMT+1`, or one of the abbreviations with one meaning here.
fn zone(rest: &[u8]) -> (Option<Offset>, &[u8]) {
    let word = rest.trim_ascii_start();
    let mut at = Scan { rest: word };
    let mut close = word.len() == rest.len();
    if let Some((name, offset)) = ZONES
        .iter()
        .find(|(name, _)| word.starts_with(name.as_bytes()))
    {
        let rest = word.get(name.len()..).unwrap_or_default();
        match rest {
            [b'+' | b'-', ..] if name.len() == 3 => {
                at.rest = rest;
                close = true;
            }
            [byte, ..] if byte.is_ascii_alphanumeric() => {}
            _ => return (Some(*offset), rest),
        }
    }
    match at.offset(close) {
        Some(offset) => (Some(offset), at.rest),
        None => (None, rest),
    }
}

/// Hours, minutes, seconds and a fraction, not yet believed.
struct TimeOfDay {
    hour: u64,
    minute: u64,
    second: u64,
    nanos: i32,
}

impl TimeOfDay {
    fn to_time(&self) -> Option<Time> {
        if self.second > 60 {
            return None;
        }
        // A leap second is written as :60; civil time ends at :59.
        Time::new(
            i8::try_from(self.hour).ok()?,
            i8::try_from(self.minute).ok()?,
            i8::try_from(self.second.min(59)).ok()?,
            self.nanos,
        )
        .ok()
    }
}

enum Month {
    Number(u64),
    Name(i8),
}

struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    fn one(&mut self, byte: u8) -> bool {
        match self.rest.strip_prefix(&[byte]) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self, bytes: &[u8]) -> Option<u8> {
        let first = self.rest.first().copied()?;
        (bytes.contains(&first) && self.one(first)).then_some(first)
    }

    fn blanks(&mut self) -> bool {
        let rest = self.rest.trim_ascii_start();
        let some = rest.len() < self.rest.len();
        self.rest = rest;
        some
    }

    fn at_edge(&self) -> bool {
        !self
            .rest
            .first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
    }

    fn letters(&mut self, length: usize) -> Option<&'a [u8]> {
        let (word, rest) = self.rest.split_at_checked(length)?;
        if !word.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        self.rest = rest;
        Some(word)
    }

    /// A weekday, short or in full, and what parts it from the day.
    fn weekday(&mut self) {
        let end = self
            .rest
            .iter()
            .position(|byte| !byte.is_ascii_alphabetic())
            .unwrap_or(0);
        if let Some((word, rest)) = self.rest.split_at_checked(end)
            && WEEKDAYS.iter().any(|day| word.starts_with(day.as_bytes()))
        {
            self.rest = rest;
            self.one(b',');
            self.blanks();
        }
    }

    /// A year in digits alone that stands last; anything else is left.
    fn late_year(&mut self) -> Option<u64> {
        let mark = self.rest;
        self.blanks();
        match self.number(4, 4) {
            Some(year) if (1990..2100).contains(&year) && self.at_edge() => Some(year),
            _ => {
                self.rest = mark;
                None
            }
        }
    }

    /// `2026-03-02`, `20260302`, `02/Mar/2026`, `2 Mar 2026`, and by the order `02/03/26`: nothing inside if there is no such day.
    fn date(&mut self, order: Option<DayOrder>) -> Option<Option<Date>> {
        let (first, length) = self.number_of(1, 8)?;
        if length == 8 {
            let month = i8::try_from(first / 100 % 100).ok()?;
            return Some(date(first / 10_000, month, first % 100));
        }
        let between = self.any(b"-/.: ")?;
        if length == 4 {
            let month = match self.month()? {
                Month::Number(number) => i8::try_from(number).ok(),
                Month::Name(number) => Some(number),
            };
            self.one(between).then_some(())?;
            let day = self.number(1, 2)?;
            return Some(month.and_then(|month| date(first, month, day)));
        }
        if length > 2 {
            return None;
        }
        let second = self.month()?;
        self.one(between).then_some(())?;
        let (year, length) = self.number_of(2, 4)?;
        let year = match length {
            2 => year + 2000,
            3 => return None,
            _ => year,
        };
        let (month, day) = match (order, second) {
            (_, Month::Name(month)) => (Some(month), first),
            (Some(DayOrder::MonthFirst), Month::Number(day)) => (i8::try_from(first).ok(), day),
            (Some(DayOrder::DayFirst), Month::Number(month)) => (i8::try_from(month).ok(), first),
            (None, Month::Number(_)) => return None,
        };
        Some(month.and_then(|month| date(year, month, day)))
    }

    fn month(&mut self) -> Option<Month> {
        if self.rest.first()?.is_ascii_digit() {
            return self.number(1, 2).map(Month::Number);
        }
        month_number(self.letters(3)?).map(Month::Name)
    }

    /// `+01:00`, `+0100`; close after a time or a name also `+01` and `+1`.
    fn offset(&mut self, close: bool) -> Option<Offset> {
        let ahead = match self.any(b"+-")? {
            b'+' => 1,
            _ => -1,
        };
        let (hours, minutes) = match self.number_of(1, 4)? {
            (both, 4) => (both / 100, both % 100),
            (_, 3) => return None,
            (hours, _) if self.one(b':') => (hours, self.number(2, 2)?),
            (hours, _) if close => (hours, 0),
            _ => return None,
        };
        if minutes > 59 || hours > 14 || !self.at_edge() {
            return None;
        }
        let seconds = i32::try_from((hours * 60 + minutes) * 60).ok()?;
        Offset::from_seconds(seconds * ahead).ok()
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u64> {
        self.number_of(least, most).map(|(number, _)| number)
    }

    /// A number of so many digits, and how many it had.
    fn number_of(&mut self, least: usize, most: usize) -> Option<(u64, usize)> {
        let digits = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits < least || digits > most {
            return None;
        }
        let (word, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        Some((number(word)?, digits))
    }

    /// `10:15:00`, `10:15`, `10:15:00.125`, `10:15:00,125`, `3:15:00 PM`.
    fn clock(&mut self) -> Option<TimeOfDay> {
        let mut hour = self.number(1, 2)?;
        self.one(b':').then_some(())?;
        let minute = self.number(2, 2)?;
        let second = if self.one(b':') {
            self.number(2, 2)?
        } else {
            0
        };
        let mut nanos = 0;
        if let [b'.' | b',', next, ..] = self.rest
            && next.is_ascii_digit()
        {
            self.any(b".,");
            let mut scale = 100_000_000;
            while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
                nanos += i32::from(digit - b'0') * scale;
                scale /= 10;
                self.rest = rest;
            }
        }
        let mark = self.rest;
        self.blanks();
        match self.letters(2) {
            Some(b"AM" | b"am") if self.at_edge() && (1..=12).contains(&hour) => hour %= 12,
            Some(b"PM" | b"pm") if self.at_edge() && (1..=12).contains(&hour) => {
                hour = hour % 12 + 12;
            }
            _ => self.rest = mark,
        }
        Some(TimeOfDay {
            hour,
            minute,
            second,
            nanos,
        })
    }
}

static ZONES: &[(&str, Offset)] = &[
    ("Z", Offset::UTC),
    ("z", Offset::UTC),
    ("UTC", Offset::UTC),
    ("GMT", Offset::UTC),
    ("BST", Offset::constant(1)),
];

static WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::tests::settings;

    fn read(line: &str) -> (String, String) {
        let (stamp, rest) = stamp(line.as_bytes(), &LocalClock::new(&settings()));
        let said = match stamp {
            Stamp::At(moment) => moment.to_string(),
            other => format!("{other:?}"),
        };
        (said, String::from_utf8_lossy(rest).into_owned())
    }

    #[test]
    fn each_spelling_of_a_heading_is_read_and_taken_off() {
        for line in [
            "02-Mar-2026 10:15:00.000 x",
            "2026-03-02 10:15:00.000 x",
            "2026-03-02T10:15:00Z x",
            "2026-03-02T11:15:00+01:00 x",
            "2026-03-02T11:15:00.000+0100 x",
            "2026/03/02 10:15:00 x",
            "2026:03:02-10:15:00 x",
            "Mar  2 10:15:00 x",
            "Mar 02 2026 10:15:00: x",
            "Mar  2 10:15:00 2026 x",
            "Mon Mar  2 10:15:00 2026 : x",
            "[2026-03-02 10:15:00 UTC] x",
            "[1772446500] x",
            "1772446500.000 x",
            "*Mar  2 2026 10:15:00.000 UTC: x",
            "02/03/2026, 10:15:00 x",
            "2026-03-02 10:15:00,000 x",
        ] {
            let (said, rest) = read(line);
            assert_eq!(said, "2026-03-02T10:15:00.000000Z", "{line}");
            assert_eq!(rest.trim_start_matches([' ', ':']), "x", "{line}");
        }
    }

    #[test]
    fn what_is_no_time_is_not_taken_for_one() {
        assert_eq!(read("31-Feb-2026 10:15:00 x"), ("Bad".into(), "x".into()));
        assert_eq!(read("Mar 32 10:15:00 x"), ("Bad".into(), "x".into()));
        assert_eq!(read("2026-10-25 01:30:00 x"), ("Bad".into(), "x".into()));
        for line in ["client 10.1.2.3#99", "10.1.2.3 x", "", "Marble 2", "[x] y"] {
            assert_eq!(read(line), ("Missing".into(), line.to_owned()));
        }
    }

    #[test]
    fn the_order_of_numbers_is_what_the_format_says() {
        let clock = LocalClock::new(&settings());
        let read = |text: &str, order| {
            moment(text.as_bytes(), order, &clock).map_or("none".to_owned(), |at| at.to_string())
        };
        let march = "2026-03-02T15:15:00.000000Z";
        assert_eq!(read("03/02/26 15:15:00", DayOrder::MonthFirst), march);
        assert_eq!(read("3/2/2026 3:15:00 PM", DayOrder::MonthFirst), march);
        assert_eq!(read("02/03/2026 15:15", DayOrder::DayFirst), march);
        assert_eq!(read("13/14/2026 15:15", DayOrder::DayFirst), "none");
        assert_eq!(read("1772464500000", DayOrder::DayFirst), march);
        assert_eq!(
            read("2026-03-02 15:15:00 nonsense", DayOrder::DayFirst),
            "none"
        );
    }

    fn london() -> LocalClock {
        LocalClock::new(&crate::logs::SourceSettings {
            zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
            reference: Timestamp::parse("2026-11-01T00:00:00Z").unwrap(),
            ..settings()
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
            let moment = london()
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
            assert_eq!(london().stamp(text.as_bytes()), None, "{text}");
        }
        assert!(london().stamp_or_yearless(b"Jul  1 10:00:00").is_some());
        let apart = london().stamp_of(b"2026-07-01", b"10:00:00", Some(b"+0100"));
        assert_eq!(apart, london().stamp(b"2026-07-01T09:00:00Z"));
        assert_eq!(utc_stamp_of(b"2026-07-01", b"09:00:00"), apart);
        assert_eq!(utc_stamp(b"2026-07-01 09:00:00"), apart);
    }
}
