//! Access points and FreeRADIUS's accounting file: starts, interim records, stops; what is lost, late, or moved to another access point.

use std::net::Ipv4Addr;

use crate::record::calendar::Zone;

use super::clocks::{MINUTE, SECOND, local, whole_second};
use super::people::Card;
use super::random::Random;
use super::traces::{Source, Traces};
use super::truth::{Basis, Evidence, Whom};

/// The access points of an establishment and the server that writes down their accounting.
#[derive(Clone, Debug)]
pub(super) struct Accounting {
    pub(super) source: Source,
    /// A file that comes days late, with the records of the last access point.
    pub(super) late: Source,
    pub(super) establishment: String,
    pub(super) access_points: u64,
    /// Whether records bear the device's address.
    pub(super) says_address: bool,
    /// Whether access points say when it happened; else the server's own time counts, less the delay that they admit.
    pub(super) says_time: bool,
    /// How many records in a thousand are lost: starts, interim records, stops.
    pub(super) lost: (i64, i64, i64),
    /// A time in which nothing arrived.
    pub(super) outage: Option<(i64, i64)>,
}

/// One session on one access point.
pub(super) struct Session<'a> {
    pub(super) account: &'a str,
    pub(super) person: usize,
    pub(super) card: Card,
    pub(super) ip: Ipv4Addr,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) access_point: u64,
}

/// What became of a session's records.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    pub(super) lost_start: bool,
    pub(super) lost_stop: bool,
}

/// After the last record of a session without a stop this much silence is believed.
const SILENCE_MS: i64 = 30 * MINUTE;

/// What a record says.
struct Said<'a> {
    status: &'a str,
    at: i64,
    lasted: i64,
    with_address: bool,
}

impl Accounting {
    /// Writes a session; `leases` are the delivered leases of the card on the address.
    pub(super) fn session(
        &self,
        zone: &Zone,
        random: &mut Random,
        traces: &mut Traces,
        session: &Session<'_>,
        leases: &[Evidence],
    ) -> Fate {
        let numbers = (random.next() >> 32, random.next());
        let mut fate = Fate::default();
        let mut words: Vec<i64> = Vec::new();
        let mut address_known = false;
        let begun = session.from + random.between(0, 200);
        let mut at = begun;
        while at < session.to {
            let starts = at == begun;
            let with_address = self.says_address && (!starts || random.chance(500));
            let status = if starts { "Start" } else { "Interim-Update" };
            let lost = if starts { self.lost.0 } else { self.lost.1 };
            let said = Said {
                status,
                at,
                lasted: at - begun,
                with_address,
            };
            match self.record(zone, random, traces, session, numbers, said, lost) {
                Some(word) => {
                    words.push(word);
                    address_known |= with_address;
                }
                None => fate.lost_start |= starts,
            }
            // The first interim record follows soon after the address is known.
            at += if starts {
                8 * SECOND
            } else {
                10 * MINUTE + random.between(-1500, 1500)
            };
        }
        let said = Said {
            status: "Stop",
            at: session.to,
            lasted: session.to - begun,
            with_address: self.says_address,
        };
        let stop = self.record(zone, random, traces, session, numbers, said, self.lost.2);
        fate.lost_stop = stop.is_none();
        let (Some(first), Some(last)) = (words.first().copied(), words.last().copied()) else {
            return fate;
        };
        let (mut to, mut ended) = stop.map_or((last + SILENCE_MS, false), |stop| (stop, true));
        // A stop bears the address, too.
        address_known |= stop.is_some() && self.says_address;
        let whom = Whom::Account(session.person);
        let piece = |first, to, ended| Evidence {
            ip: session.ip,
            basis: Basis::Radius,
            whom,
            card: Some(session.card),
            first,
            last,
            to,
            ended,
        };
        if address_known {
            let given_back = leases
                .iter()
                .find(|lease| lease.ended && lease.to > first && lease.to >= last && lease.to < to);
            if let Some(lease) = given_back {
                (to, ended) = (lease.to, true);
            }
            traces.evidence.push(piece(first, to, ended));
            return fate;
        }
        traces.by_card.push(piece(first, to, ended));
        fate
    }

    /// Writes a record; if it arrives, the moment that it tells.
    #[expect(
        clippy::too_many_arguments,
        reason = "a record is made of all that is known of it"
    )]
    fn record(
        &self,
        zone: &Zone,
        random: &mut Random,
        traces: &mut Traces,
        session: &Session<'_>,
        numbers: (u64, u64),
        said: Said<'_>,
        lost: i64,
    ) -> Option<i64> {
        // A record may be sent again and again before it is taken; the access point then admits how long it waited.
        let delay = if random.chance(60) {
            random.between(1, 90)
        } else {
            0
        };
        let lost = random.chance(lost);
        let outage = self
            .outage
            .is_some_and(|(from, to)| from <= said.at && said.at < to);
        if lost || outage {
            return None;
        }
        let is_late = session.access_point + 1 == self.access_points;
        let source = if is_late { &self.late } else { &self.source };
        let happened = source.clock.says(said.at);
        let received = whole_second(happened) + delay * SECOND;
        let heading = local(zone, received, "%a %b %e %H:%M:%S %Y");
        let name = format!("ap-{}-{}", self.establishment, session.access_point);
        let mut text = format!(
            "{heading}\n\tUser-Name = \"{}\"\n\tAcct-Status-Type = {}\n\tAcct-Session-Id = \"{:08X}\"\n\tNAS-Identifier = \"{name}\"\n\tCalling-Station-Id = \"{}\"\n\tAcct-Delay-Time = {delay}\n",
            session.account,
            said.status,
            numbers.0,
            session.card.spelled(session.access_point),
        );
        if said.with_address {
            text.push_str(&format!("\tFramed-IP-Address = {}\n", session.ip));
        }
        if said.status != "Start" {
            text.push_str(&format!("\tAcct-Session-Time = {}\n", said.lasted / SECOND));
        }
        if self.says_time {
            let time = local(zone, whole_second(happened), "%b %e %Y %H:%M:%S %Z");
            text.push_str(&format!("\tEvent-Timestamp = \"{time}\"\n"));
        }
        text.push_str(&format!(
            "\tAcct-Unique-Session-Id = \"{:016x}\"\n\tTimestamp = {}\n\n",
            numbers.1,
            received / SECOND
        ));
        traces.write(&source.file, received, text);
        Some(source.clock.corrected(whole_second(happened)))
    }
}
