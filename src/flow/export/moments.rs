//! When an exported flow was: times count from 1970, from 1900, from the exporter's start or back from the export, in
//! seconds down to nanoseconds. All become microseconds since 1970 by whole numbers.

use crate::record::Timestamp;

/// What the head of a datagram says of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Clock {
    /// When it was exported, in microseconds since 1970.
    pub(super) exported: i64,
    /// Milliseconds since the exporter's start at that moment.
    pub(super) uptime: Option<u32>,
    /// When the exporter started, in microseconds since 1970, where it said so itself.
    pub(super) started: Option<i64>,
}

/// One end of a flow in time, as its record says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Moment {
    #[default]
    Unknown,
    /// Microseconds since 1970.
    At(i64),
    /// Milliseconds since the exporter's start.
    Uptime(u32),
    /// Microseconds before the export.
    Before(u32),
}

impl Clock {
    /// The microseconds of a moment.
    pub(super) fn micros(&self, moment: Moment) -> Option<i64> {
        match moment {
            Moment::Unknown => None,
            Moment::At(micros) => Some(micros),
            Moment::Before(micros) => Some(self.exported.saturating_sub(i64::from(micros))),
            Moment::Uptime(at) => match (self.uptime, self.started) {
                // The counter turns over every 49 days: the way round that is shorter is meant.
                (Some(now), _) => {
                    let since = i64::from(now.wrapping_sub(at).cast_signed());
                    Some(self.exported.saturating_sub(since.saturating_mul(1_000)))
                }
                (None, Some(started)) => Some(started.saturating_add(i64::from(at) * 1_000)),
                (None, None) => None,
            },
        }
    }

    /// Start and end of a flow. What is missing follows from the length of the flow or from the other; a flow that says
    /// nothing is as old as its export.
    pub(super) fn bounds(
        &self,
        start: Moment,
        end: Moment,
        lasted: Option<i64>,
    ) -> (Timestamp, Timestamp) {
        let ends_by = || match (start, end) {
            (Moment::Uptime(first), Moment::Uptime(last)) => {
                Some(i64::from(last.wrapping_sub(first).cast_signed().max(0)) * 1_000)
            }
            _ => None,
        };
        let (start, end) = match (self.micros(start), self.micros(end)) {
            (Some(start), Some(end)) => (start, end),
            (Some(start), None) => (start, start.saturating_add(lasted.unwrap_or(0))),
            (None, Some(end)) => (end.saturating_sub(lasted.unwrap_or(0)), end),
            (None, None) => {
                let lasted = lasted.or_else(ends_by).unwrap_or(0);
                (self.exported.saturating_sub(lasted), self.exported)
            }
        };
        let held = |micros: i64| Timestamp::from_micros(micros.clamp(0, Timestamp::MAX.micros()));
        (held(start.min(end)), held(end))
    }
}

/// Microseconds since 1970 of a time of NTP (RFC 5905): seconds since 1900 in 32 bits, then 2^-32 seconds. After
/// February 2036 the seconds begin again.
pub(super) fn of_ntp(word: u64) -> i64 {
    const FROM_1900_TO_1970: i64 = 2_208_988_800;
    let seconds = i64::from(u32::try_from(word >> 32).unwrap_or(u32::MAX));
    let era = if seconds < FROM_1900_TO_1970 {
        1i64 << 32
    } else {
        0
    };
    let micros = (u128::from(word & 0xffff_ffff) * 1_000_000) >> 32;
    (seconds + era - FROM_1900_TO_1970) * 1_000_000 + i64::try_from(micros).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_the_start_survive_the_turn_of_the_counter() {
        let clock = Clock {
            exported: 1_772_446_500_000_000,
            uptime: Some(500),
            started: None,
        };
        let at = |uptime| clock.micros(Moment::Uptime(uptime)).unwrap() - clock.exported;
        assert_eq!(at(500), 0);
        assert_eq!(at(200), -300_000);
        assert_eq!(at(u32::MAX - 499), -1_000_000);
        assert_eq!(at(600), 100_000, "a little after the export");
    }

    #[test]
    fn times_of_ntp_are_exact_also_after_2036() {
        assert_eq!(of_ntp(2_208_988_800 << 32), 0);
        assert_eq!(
            of_ntp((3_981_435_300u64 << 32) | 0x8000_0000),
            1_772_446_500_500_000
        );
        assert_eq!(of_ntp(0), ((1i64 << 32) - 2_208_988_800) * 1_000_000);
    }

    #[test]
    fn what_is_not_said_follows_from_the_rest() {
        let clock = Clock {
            exported: 10_000_000,
            ..Clock::default()
        };
        let bounds = |start, end, lasted| {
            let (start, end) = clock.bounds(start, end, lasted);
            (start.micros(), end.micros())
        };
        assert_eq!(
            bounds(Moment::Unknown, Moment::Unknown, None),
            (10_000_000, 10_000_000)
        );
        assert_eq!(bounds(Moment::At(5), Moment::Unknown, Some(7)), (5, 12));
        assert_eq!(bounds(Moment::Unknown, Moment::At(12), Some(7)), (5, 12));
        assert_eq!(
            bounds(Moment::Before(9), Moment::Before(1), None),
            (9_999_991, 9_999_999)
        );
        assert_eq!(
            bounds(Moment::Uptime(1_000), Moment::Uptime(3_000), None),
            (8_000_000, 10_000_000),
            "the exporter's start is not known"
        );
    }
}
