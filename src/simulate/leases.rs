//! A DHCP server (ISC dhcpd in syslog): leases, renewals, releases, and lines that are lost on their way.

use std::net::Ipv4Addr;

use crate::record::calendar::Zone;

use super::clocks::{SECOND, comes_twice, local, moment, whole_second};
use super::people::Card;
use super::random::Random;
use super::traces::{Source, Traces};
use super::truth::{Basis, Evidence, Whom};

/// A line of the register of devices.
#[derive(Clone, Debug)]
pub(super) struct DeviceLine {
    pub(super) card: Card,
    pub(super) owner: Option<usize>,
    pub(super) name: String,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A DHCP server.
#[derive(Clone, Debug)]
pub(super) struct DhcpServer {
    pub(super) source: Source,
    /// Whether its syslog has the old stamps: local, in whole seconds, without year and zone.
    pub(super) old_stamps: bool,
    /// Whether its lines say how long a lease lasts.
    pub(super) says_how_long: bool,
    /// How long a lease lasts.
    pub(super) lease_ms: i64,
    /// How many lines in a thousand are lost.
    pub(super) lost: i64,
}

impl DhcpServer {
    /// When the lease of a stay would run out.
    pub(super) fn runs_out(&self, from: i64, to: i64) -> i64 {
        let half = self.lease_ms / 2;
        from + SECOND + (to - from).max(0) / half * half + self.lease_ms
    }

    /// Writes the life of a lease, and answers with what the delivered lines affirm: pieces of one card on one address.
    pub(super) fn hold(
        &self,
        zone: &Zone,
        random: &mut Random,
        traces: &mut Traces,
        (ip, card): (Ipv4Addr, Card),
        (from, to): (i64, i64),
        released: bool,
    ) -> Vec<Evidence> {
        let tail = format!(
            "{card} via {}",
            Ipv4Addr::from(u32::from(ip) & 0xffff_ff00 | 1)
        );
        let begun = from + random.between(300, 1000);
        self.line(
            zone,
            random,
            traces,
            from + 100,
            &format!("DHCPDISCOVER from {tail}"),
        );
        self.line(
            zone,
            random,
            traces,
            from + 200,
            &format!("DHCPOFFER on {ip} to {tail}"),
        );
        let lasts = match self.says_how_long {
            true => format!(" lease-duration {}", self.lease_ms / SECOND),
            false => String::new(),
        };
        let mut pieces: Vec<Evidence> = Vec::new();
        let mut at = begun;
        while at < to {
            self.line(
                zone,
                random,
                traces,
                at,
                &format!("DHCPREQUEST for {ip} from {tail}"),
            );
            if let Some(said) = self.line(
                zone,
                random,
                traces,
                at + 2,
                &format!("DHCPACK on {ip} to {tail}{lasts}"),
            ) {
                let until = said + self.lease_ms;
                match pieces.last_mut().filter(|piece| said < piece.to) {
                    Some(piece) => (piece.last, piece.to) = (said, until),
                    None => pieces.push(Evidence {
                        ip,
                        basis: Basis::Lease,
                        whom: Whom::Owner,
                        card: Some(card),
                        first: said,
                        last: said,
                        to: until,
                        ended: false,
                    }),
                }
            }
            at += self.lease_ms / 2 + random.between(-2000, 2000);
        }
        if released {
            let gone = to - random.between(50, 400);
            let text = format!("DHCPRELEASE of {ip} from {tail} (found)");
            let said = self.line(zone, random, traces, gone, &text);
            let open = pieces.last_mut();
            if let (Some(said), Some(piece)) = (said, open)
                && said < piece.to
            {
                (piece.to, piece.ended) = (said, true);
            }
        }
        traces.evidence.extend(pieces.iter().cloned());
        pieces
    }

    /// Writes a line; if it reaches the operator and tells a moment, that moment.
    fn line(
        &self,
        zone: &Zone,
        random: &mut Random,
        traces: &mut Traces,
        at: i64,
        text: &str,
    ) -> Option<i64> {
        if random.chance(self.lost) {
            return None;
        }
        let says = self.source.clock.says(at);
        let (stamp, said) = match self.old_stamps {
            true => (local(zone, says, "%b %e %H:%M:%S"), whole_second(says)),
            false => {
                let stamp = moment(says).to_string();
                (stamp.replace('Z', "+00:00"), says)
            }
        };
        traces.write(
            &self.source.file,
            says,
            format!("{stamp} dhcp1 dhcpd[811]: {text}\n"),
        );
        let tells = !self.old_stamps || !comes_twice(zone, says);
        let word = self.source.clock.corrected(said);
        if text.starts_with("DHCPACK") || text.starts_with("DHCPRELEASE") {
            match tells {
                true => traces.words.push(word),
                false => traces.unreadable.push(word),
            }
        }
        tells.then_some(word)
    }
}
