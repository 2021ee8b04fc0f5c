//! Running totals: what a product says again and again of a session that goes on is counted once.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::record::{EndReason, Flow, Timestamp};

/// Between which ends a session was, and by which protocol.
type Ends = (IpAddr, u16, IpAddr, u16, u8);

fn ends(flow: &Flow) -> Ends {
    let (src, dst) = (flow.src_ip, flow.dst_ip);
    (src, flow.src_port, dst, flow.dst_port, flow.protocol)
}

/// The things noted last: those of two halves, of which the older is forgotten whole, so that no log can fill the memory.
#[derive(Debug)]
struct Lately<K, V> {
    newer: BTreeMap<K, V>,
    older: BTreeMap<K, V>,
}

impl<K, V> Default for Lately<K, V> {
    fn default() -> Self {
        Lately {
            newer: BTreeMap::new(),
            older: BTreeMap::new(),
        }
    }
}

impl<K: Ord, V: Copy> Lately<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.newer.get(key).or_else(|| self.older.get(key)).copied()
    }

    fn forget(&mut self, key: &K) {
        self.newer.remove(key);
        self.older.remove(key);
    }

    fn note(&mut self, key: K, value: V) {
        if self.newer.len() >= MOST_REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, value);
    }
}

/// The sessions that ended last, each with which of two tellers told of it and when.
#[derive(Debug, Default)]
pub(super) struct Ended {
    lately: Lately<Ends, (bool, Timestamp)>,
}

impl Ended {
    /// Notes that a session ended, as one of two tellers says; the second to tell of the same end gives totals that are counted already, and
    /// is marked so.
    pub(super) fn tell(&mut self, flow: &mut Flow, teller: bool) {
        let key = ends(flow);
        let told = self.lately.get(&key);
        let near = |at: Timestamp| flow.end.micros_since(at).abs() <= SAME_END_US;
        if told.is_some_and(|(by, at)| by != teller && near(at)) {
            self.lately.forget(&key);
            flow.end_reason = Some(EndReason::Active);
        } else {
            self.lately.note(key, (teller, flow.end));
        }
    }
}

/// What was counted so far of sessions that are told of more than once under one number, each time with the totals so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    lately: Lately<(Vec<u8>, Ends), Counted>,
}

/// What was counted, and until when.
#[derive(Clone, Copy, Debug)]
struct Counted {
    end: Timestamp,
    src_bytes: u64,
    dst_bytes: u64,
    src_packets: u64,
    dst_packets: u64,
}

impl Totals {
    /// Leaves in the flow what came since the session was told of last. Totals that went down are of another session under the number.
    pub(super) fn leave_news(&mut self, number: &[u8], flow: &mut Flow) {
        let number = number.get(..LONGEST_NUMBER).unwrap_or(number).to_vec();
        let key = (number, ends(flow));
        let before = self.lately.get(&key);
        let now = Counted {
            end: flow.end,
            src_bytes: flow.src_bytes,
            dst_bytes: flow.dst_bytes,
            src_packets: flow.src_packets,
            dst_packets: flow.dst_packets,
        };
        self.lately.note(key, now);
        let Some(before) = before else { return };
        let news = (
            now.src_bytes.checked_sub(before.src_bytes),
            now.dst_bytes.checked_sub(before.dst_bytes),
            now.src_packets.checked_sub(before.src_packets),
            now.dst_packets.checked_sub(before.dst_packets),
        );
        if let (Some(src_bytes), Some(dst_bytes), Some(src_packets), Some(dst_packets)) = news
            && now.end >= before.end
        {
            flow.start = before.end;
            (flow.src_bytes, flow.dst_bytes) = (src_bytes, dst_bytes);
            (flow.src_packets, flow.dst_packets) = (src_packets, dst_packets);
        }
    }
}

/// Both messages of one end are written together.
const SAME_END_US: i64 = 5_000_000;

/// Sessions remembered in either half.
const MOST_REMEMBERED: usize = 4_096;

/// Longer numbers are compared by their beginning.
const LONGEST_NUMBER: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::said::bare_flow;

    fn flow(end: &str, sent: u64, received: u64) -> Flow {
        let ip = |text: &str| text.parse().unwrap();
        let end = Timestamp::parse(end).unwrap();
        let mut flow = bare_flow(end, ip("10.1.2.3"), ip("192.0.2.7"), EndReason::End);
        (flow.src_bytes, flow.dst_bytes) = (sent, received);
        flow
    }

    #[test]
    fn what_is_told_again_with_totals_so_far_adds_up_to_the_last_total() {
        let mut totals = Totals::default();
        let (mut sent, mut received) = (0, 0);
        for (end, up, down) in [
            ("2026-03-02T10:10:00Z", 100, 1_000),
            ("2026-03-02T10:20:00Z", 150, 5_000),
            ("2026-03-02T10:20:00Z", 150, 5_000),
            ("2026-03-02T10:25:00Z", 400, 9_000),
        ] {
            let mut flow = flow(end, up, down);
            totals.leave_news(b"{0x1,0x2}", &mut flow);
            sent += flow.src_bytes;
            received += flow.dst_bytes;
        }
        assert_eq!((sent, received), (400, 9_000));
        let mut other = flow("2026-03-02T10:30:00Z", 50, 60);
        totals.leave_news(b"{0x1,0x2}", &mut other);
        assert_eq!((other.src_bytes, other.dst_bytes), (50, 60));
    }

    #[test]
    fn of_two_tellers_of_one_end_one_counts_and_of_two_ends_both_do() {
        let mut ended = Ended::default();
        let mut end = |at: &str, teller| {
            let mut flow = flow(at, 1, 1);
            ended.tell(&mut flow, teller);
            flow.end_reason
        };
        assert_eq!(end("2026-03-02T10:10:00Z", true), Some(EndReason::End));
        assert_eq!(end("2026-03-02T10:10:01Z", false), Some(EndReason::Active));
        assert_eq!(end("2026-03-02T10:11:00Z", false), Some(EndReason::End));
        assert_eq!(end("2026-03-02T10:12:00Z", false), Some(EndReason::End));
        assert_eq!(end("2026-03-02T10:12:30Z", true), Some(EndReason::End));
    }
}
