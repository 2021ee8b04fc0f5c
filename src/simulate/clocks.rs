//! The world's time, and what the clocks of its systems say of it.
//!
//! World time is in milliseconds since 1970, UTC. A source's clock is ahead by a whole part, which the operator has measured and
//! put into the configuration, and by a rest that drifts and nobody knows.

use jiff::civil::Date;

use crate::record::Timestamp;
use crate::record::calendar::Zone;

use super::random::Random;

pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// How far what is said of any two sources may be apart, once what is known of their clocks is taken off: twice the rest, the second
/// that syslog cuts off, and the time between a radio's and an address's coming and what is logged of it.
pub(super) const UNCERTAINTY_MS: i64 = 2500;

/// The most that a clock is off beyond what is known of it.
const REST_MS: i64 = 400;

/// A source's clock.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// By how much it is ahead, as the configuration says.
    pub(super) ahead_ms: i64,
    rest_ms: i64,
    drift_ppb: i64,
    since: i64,
}

impl Clock {
    /// A clock that is steered: `since` is when it was last put right, but for its rest.
    pub(super) fn of(random: &mut Random, since: i64, lasts: i64, off: bool) -> Clock {
        let ahead = if off { random.between(-180, 181) } else { 0 };
        let rest_ms = random.between(-REST_MS / 2, REST_MS / 2);
        // A drift that comes to no more than half of the rest in the time that is told of.
        let most = (REST_MS / 2) * 1_000_000_000 / lasts.max(1);
        Clock {
            ahead_ms: ahead * 500,
            rest_ms,
            drift_ppb: random.between(-most, most + 1),
            since,
        }
    }

    /// What it says, in milliseconds.
    pub(super) fn says(&self, world: i64) -> i64 {
        let drift = i128::from(world - self.since) * i128::from(self.drift_ppb) / 1_000_000_000;
        world + self.ahead_ms + self.rest_ms + i64::try_from(drift).unwrap_or(0)
    }

    /// The moment of a record by what it says, once what is known is taken off.
    pub(super) fn corrected(&self, said: i64) -> i64 {
        said - self.ahead_ms
    }
}

/// A moment as the program has it.
pub(super) fn moment(ms: i64) -> Timestamp {
    Timestamp::from_micros(ms.saturating_mul(1000))
}

/// The whole second of a moment.
pub(super) fn whole_second(ms: i64) -> i64 {
    ms.div_euclid(SECOND) * SECOND
}

/// A time of day; days on which the clocks change are longer or shorter before three in the morning.
pub(super) fn at(zone: &Zone, day: Date, of_day: i64) -> i64 {
    if of_day < 3 * HOUR {
        return zone.start_of_day(day).micros() / 1000 + of_day;
    }
    zone.end_of_day(day).micros() / 1000 - (24 * HOUR - of_day)
}

/// Prints a moment by the zone's clocks.
pub(super) fn local(zone: &Zone, ms: i64, pattern: &str) -> String {
    zone.local(moment(ms)).strftime(pattern).to_string()
}

/// Whether the local time comes twice: a line that bears it, without a zone, tells no moment.
pub(super) fn comes_twice(zone: &Zone, ms: i64) -> bool {
    let here = zone.local(moment(ms)).datetime();
    [-HOUR, HOUR]
        .iter()
        .any(|away| zone.local(moment(ms + away)).datetime() == here)
}
