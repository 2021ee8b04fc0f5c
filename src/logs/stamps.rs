//! The moment that stands before a line, in any of the spellings that servers and appliances use, and the calendar dates of
//! tables. A date of numbers alone is read in the order that its format says; nothing is guessed from its values.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::times::{LocalClock, epoch, month_number};
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
        return (Stamp::of(epoch(word)), after(rest));
    }
    if digits > 0 {
        return match shape(line, DayOrder::DayFirst) {
            Some((local, rest)) => {
                let (zone, rest) = zone(rest);
                (Stamp::of(placed(local, zone, clock)), after(rest))
            }
            None => (Stamp::Missing, line),
        };
    }
    month_first(line, clock).unwrap_or((Stamp::Missing, line))
}

/// `Mar  2 10:15:00`, `Mar  2 2026 10:15:00`, `Mar  2 10:15:00 2026`, each with a weekday before it or without.
fn month_first<'a>(line: &'a [u8], clock: &LocalClock) -> Option<(Stamp, &'a [u8])> {
    let mut at = Scan { rest: line };
    let first = at.letters(3)?;
    let month = match month_number(first) {
        Some(month) => month,
        None if WEEKDAYS.iter().any(|day| day.as_bytes() == first) => {
            at.one(b',');
            at.blanks();
            month_number(at.letters(3)?)?
        }
        None => return None,
    };
    at.blanks();
    let day = at.number(1, 2)?;
    at.one(b',');
    at.blanks();
    let before = at.rest;
    let mut year = at.number(4, 4);
    if year.is_some() && at.one(b':') {
        return None;
    }
    if year.is_none() {
        at.rest = before;
    }
    at.blanks();
    let time = at.clock()?;
    if year.is_none() {
        // A year may also stand last, where a word of digits alone and of this century follows.
        let mark = at.rest;
        at.blanks();
        match at.number(4, 4) {
            Some(number) if (1990..2100).contains(&number) && at.at_edge() => year = Some(number),
            _ => at.rest = mark,
        }
    }
    let (zone, rest) = zone(at.rest);
    let moment = match year {
        Some(year) => time
            .to_time()
            .zip(date(year, month.into(), day))
            .and_then(|(time, date)| placed(Some(date.to_datetime(time)), zone, clock)),
        None => time
            .to_time()
            .zip(i8::try_from(day).ok())
            .and_then(|(time, day)| clock.in_latest_year(month, day, time, zone)),
    };
    Some((Stamp::of(moment), after(rest)))
}

/// A calendar time of numbers, or with the month by name, as tables write it, with the zone that follows it or in the clock's.
pub(super) fn moment(bytes: &[u8], order: DayOrder, clock: &LocalClock) -> Option<Timestamp> {
    let bytes = bytes.trim_ascii();
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits >= 9 && digits != 14 {
        // Seconds; or milli-, micro- and nanoseconds by their length, as JSON has them.
        return match digits {
            13 => whole(bytes)?.checked_mul(1_000).and_then(in_micros),
            16 => whole(bytes).and_then(in_micros),
            19 => whole(bytes).map(|nanos| nanos / 1_000).and_then(in_micros),
            _ => epoch(bytes),
        };
    }
    let Some((local, rest)) = shape(bytes, order) else {
        return match month_first(bytes, clock) {
            Some((Stamp::At(moment), [])) => Some(moment),
            _ => None,
        };
    };
    let (zone, rest) = zone(rest);
    if !rest.trim_ascii().is_empty() {
        return None;
    }
    placed(local, zone, clock)
}

fn whole(bytes: &[u8]) -> Option<i64> {
    super::fields::number(bytes).and_then(|number| i64::try_from(number).ok())
}

fn in_micros(micros: i64) -> Option<Timestamp> {
    let moment = Timestamp::from_micros(micros);
    (moment > Timestamp::default() && moment <= Timestamp::MAX).then_some(moment)
}

/// Takes off the blanks and the one colon that end a heading.
fn after(rest: &[u8]) -> &[u8] {
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start()
}

/// A date and a time of day by their shape: the calendar time if it exists, and what follows.
fn shape(bytes: &[u8], order: DayOrder) -> Option<(Option<DateTime>, &[u8])> {
    let mut at = Scan { rest: bytes };
    let first = at.number_of(1, 4)?;
    let between = at.any(b"-/.:")?;
    let (year, month, day) = if first.1 == 4 {
        let month = at.month()?;
        at.one(between).then_some(())?;
        (first.0, month, at.number(1, 2)?)
    } else {
        let second = at.month()?;
        at.one(between).then_some(())?;
        let (year, length) = at.number_of(2, 4)?;
        let year = if length == 2 { year + 2000 } else { year };
        match (order, second) {
            (DayOrder::MonthFirst, Month::Number(day)) => (year, Month::Number(first.0), day),
            (_, month) => (year, month, first.0),
        }
    };
    let apart = at.one(b'T') || at.one(b',') || at.one(b'-') || at.one(b':');
    let blanks = at.blanks();
    if !apart && !blanks {
        return None;
    }
    let time = at.clock()?;
    let month = match month {
        Month::Number(number) => number,
        Month::Name(number) => u64::try_from(number).ok()?,
    };
    let date = i8::try_from(month)
        .ok()
        .and_then(|month| date(year, month.into(), day));
    let local = date
        .zip(time.to_time())
        .map(|(date, time)| date.to_datetime(time));
    Some((local, at.rest))
}

fn date(year: u64, month: i64, day: u64) -> Option<Date> {
    Date::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
    )
    .ok()
}

/// The zone after a time: `Z`, `+01:00`, `+0100`, or one of the abbreviations with one meaning here.
fn zone(rest: &[u8]) -> (Option<Offset>, &[u8]) {
    let word = rest.trim_ascii_start();
    for (name, offset) in ZONES {
        if let Some(rest) = word.strip_prefix(name.as_bytes())
            && !rest.first().is_some_and(u8::is_ascii_alphanumeric)
        {
            return (Some(*offset), rest);
        }
    }
    let mut at = Scan { rest: word };
    let ahead = match at.any(b"+-") {
        Some(b'+') => 1,
        Some(_) => -1,
        None => return (None, rest),
    };
    let (hours, minutes) = match at.number_of(2, 4) {
        Some((both, 4)) => (both / 100, both % 100),
        Some((hours, 2)) if at.one(b':') => match at.number(2, 2) {
            Some(minutes) => (hours, minutes),
            None => return (None, rest),
        },
        _ => return (None, rest),
    };
    if minutes > 59 || hours > 15 || !at.at_edge() {
        return (None, rest);
    }
    let seconds = i32::try_from((hours * 60 + minutes) * 60).unwrap_or(0) * ahead;
    match Offset::from_seconds(seconds) {
        Ok(offset) => (Some(offset), at.rest),
        Err(_) => (None, rest),
    }
}

fn placed(local: Option<DateTime>, zone: Option<Offset>, clock: &LocalClock) -> Option<Timestamp> {
    clock.at(local?, zone)
}

enum Month {
    Number(u64),
    Name(i8),
}

/// Hours, minutes, seconds and a fraction, not yet believed.
struct TimeOfDay {
    hour: u64,
    minute: u64,
    second: u64,
    nanos: u64,
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
            i32::try_from(self.nanos).ok()?,
        )
        .ok()
    }
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

    fn month(&mut self) -> Option<Month> {
        if self.rest.first()?.is_ascii_digit() {
            return self.number(1, 2).map(Month::Number);
        }
        month_number(self.letters(3)?).map(Month::Name)
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
        Some((super::fields::number(word)?, digits))
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
            let (fraction, digits) = self.number_of(1, 9)?;
            let scale = u32::try_from(9usize.saturating_sub(digits)).ok()?;
            nanos = fraction * 10u64.pow(scale);
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
}
