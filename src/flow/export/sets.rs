//! NetFlow 9 and IPFIX: sets of templates and of the records they describe, and the sets that wait for a template.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use super::elements::{self, Verdict};
use super::moments::Clock;
use super::templates::{
    Definition, Template, TemplateName, data_template, options_template9, options_template10,
};
use super::{Collected, Collector, Datagram, Records};
use crate::flow::bytes::Bytes;
use crate::record::{Counts, IgnoreReason, Place, RejectReason, SourceId, Timestamp};

/// What the head of a datagram says.
#[derive(Clone, Copy, Debug)]
struct Head {
    exporter: IpAddr,
    version: u16,
    domain: u32,
    sequence: u32,
    clock: Clock,
}

/// A set that came before its template.
#[derive(Debug)]
pub(super) struct WaitingSet {
    head: Head,
    name: TemplateName,
    /// Its place, with ordinals behind it kept free for its records.
    place: Place,
    received: Option<Timestamp>,
    /// Where it begins in its datagram.
    offset: usize,
    bytes: Vec<u8>,
}

/// All sets that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    sets: VecDeque<WaitingSet>,
    /// How many wait for which template, so that most templates need no search.
    names: BTreeMap<TemplateName, usize>,
    bytes: usize,
    most_bytes: usize,
}

/// A set costs as much besides its bytes.
const OVERHEAD: usize = 256;

impl Waiting {
    pub(super) fn new(most_bytes: usize) -> Self {
        Waiting {
            sets: VecDeque::new(),
            names: BTreeMap::new(),
            bytes: 0,
            most_bytes,
        }
    }

    /// Whether a set of this datagram waits.
    pub(super) fn has(&self, source: SourceId, frame: u64) -> bool {
        self.sets
            .back()
            .is_some_and(|set| (set.place.source, set.place.frame) == (source, frame))
    }

    pub(super) fn pop_oldest(&mut self) -> Option<WaitingSet> {
        let set = self.sets.pop_front()?;
        self.bytes -= set.bytes.len() + OVERHEAD;
        if let Some(count) = self.names.get_mut(&set.name) {
            *count -= 1;
            if *count == 0 {
                self.names.remove(&set.name);
            }
        }
        Some(set)
    }

    /// Lets a set wait; answers with the oldest ones if there is no room for all.
    fn put(&mut self, set: WaitingSet) -> Vec<WaitingSet> {
        self.bytes += set.bytes.len() + OVERHEAD;
        *self.names.entry(set.name).or_default() += 1;
        self.sets.push_back(set);
        let mut out = Vec::new();
        while self.bytes > self.most_bytes {
            match self.pop_oldest() {
                Some(set) => out.push(set),
                None => break,
            }
        }
        out
    }

    /// Takes out the sets that waited for this template, oldest first.
    fn take(&mut self, name: TemplateName) -> Vec<WaitingSet> {
        if self.names.remove(&name).is_none() {
            return Vec::new();
        }
        let (found, rest): (Vec<_>, Vec<_>) = self.sets.drain(..).partition(|set| set.name == name);
        self.sets = rest.into();
        self.bytes -= found
            .iter()
            .map(|set| set.bytes.len() + OVERHEAD)
            .sum::<usize>();
        found
    }
}

impl WaitingSet {
    /// Its template never came.
    pub(super) fn reject(self, out: &mut Vec<Collected>, counts: &mut Counts) {
        let (offset, length) = (self.offset, self.bytes.len());
        self.records(out, counts, false)
            .rejected(RejectReason::MissingTemplate, offset, length);
    }

    fn records<'a>(
        &self,
        out: &'a mut Vec<Collected>,
        counts: &'a mut Counts,
        scale: bool,
    ) -> Records<'a> {
        Records {
            out,
            counts,
            place: self.place,
            received: self.received,
            scale,
        }
    }
}

/// What a set gave.
struct Told {
    /// How many records it had, where its template is known.
    records: Option<u32>,
}

fn head(datagram: &Datagram<'_>, input: &mut Bytes<'_>) -> Option<Head> {
    let version = input.be16()?;
    input.skip(2)?;
    let uptime = if version == 9 {
        Some(input.be32()?)
    } else {
        None
    };
    let seconds = i64::from(input.be32()?);
    Some(Head {
        exporter: datagram.exporter,
        version,
        sequence: input.be32()?,
        domain: input.be32()?,
        clock: Clock {
            exported: seconds * 1_000_000,
            uptime,
            started: None,
        },
    })
}

impl Collector {
    /// Reads a datagram of NetFlow 9 or a message of IPFIX.
    pub(super) fn sets(&mut self, datagram: &Datagram<'_>, records: &mut Records<'_>) {
        let all = datagram.bytes.len();
        let mut input = Bytes::new(datagram.bytes);
        let Some(head) = head(datagram, &mut input) else {
            return records.rejected(RejectReason::Malformed, 0, all);
        };
        let mut said = all;
        if head.version == 10 {
            let mut length = Bytes::new(datagram.bytes);
            said = length
                .skip(2)
                .and_then(|()| length.be16())
                .map_or(all, usize::from);
        }
        let within = said.min(all);
        let mut data_records = Some(0u32);
        loop {
            let at = all - input.rest().len();
            if at >= within {
                break;
            }
            let Some((id, body)) = set(&mut input) else {
                // Up to three bytes of padding may end a datagram.
                if within - at > 3 || input.rest().iter().any(|byte| *byte != 0) {
                    records.rejected(RejectReason::Malformed, at, within - at);
                    data_records = None;
                }
                break;
            };
            let told = self.set(&head, id, body, at, records);
            data_records = match (data_records, told.records) {
                (Some(before), Some(more)) => Some(before.wrapping_add(more)),
                _ => None,
            };
        }
        if said > all {
            records.rejected(RejectReason::Truncated, all, said - all);
            data_records = None;
        } else if said < all {
            records.rejected(RejectReason::WrongShape, said, all - said);
        }
        let after = match head.version {
            9 => Some(head.sequence.wrapping_add(1)),
            _ => data_records.map(|count| head.sequence.wrapping_add(count)),
        };
        self.domains
            .of(head.exporter, head.version, head.domain)
            .arrived(head.sequence, after);
    }

    fn set(
        &mut self,
        head: &Head,
        id: u16,
        body: &[u8],
        at: usize,
        records: &mut Records<'_>,
    ) -> Told {
        let is_ipfix = head.version == 10;
        match (is_ipfix, id) {
            (false, 0) | (true, 2) => self.definitions(head, body, at, records, |input| {
                data_template(input, is_ipfix)
            }),
            (false, 1) => self.definitions(head, body, at, records, options_template9),
            (true, 3) => self.definitions(head, body, at, records, options_template10),
            (_, 256..) => self.data(head, id, body, at, records),
            // Reserved numbers.
            _ => {
                records.ignored(IgnoreReason::OtherMessage);
                Told { records: Some(0) }
            }
        }
    }

    /// Learns templates; what waited for them is read now.
    fn definitions(
        &mut self,
        head: &Head,
        body: &[u8],
        at: usize,
        records: &mut Records<'_>,
        read: impl Fn(&mut Bytes<'_>) -> Option<Definition>,
    ) -> Told {
        let mut input = Bytes::new(body);
        let name = |id| TemplateName::of(head.exporter, head.version, head.domain, id);
        while input.rest().len() > 3 {
            let offset = at + 4 + body.len() - input.rest().len();
            match read(&mut input) {
                Some(Definition::Template(id @ 256.., template)) => {
                    records.ignored(IgnoreReason::OtherMessage);
                    self.templates.learn(name(id), template);
                    for set in self.waiting.take(name(id)) {
                        self.late(&set, records);
                    }
                }
                Some(Definition::Withdrawal(id)) => {
                    records.ignored(IgnoreReason::OtherMessage);
                    self.templates.withdraw(name(id));
                }
                // NetFlow 9 pads with zeroes, which look like a template without a number.
                Some(Definition::Template(0, _)) | None
                    if input.rest().iter().all(|byte| *byte == 0) && ends_in_zeroes(body) =>
                {
                    break;
                }
                Some(Definition::Template(..)) | None => {
                    records.rejected(
                        RejectReason::Malformed,
                        offset,
                        at + 4 + body.len() - offset,
                    );
                    break;
                }
            }
        }
        Told { records: Some(0) }
    }

    /// Reads a set that has waited, into the places of its own datagram.
    fn late(&mut self, set: &WaitingSet, records: &mut Records<'_>) {
        let Some(template) = self.templates.find(set.name) else {
            return;
        };
        let mut own = set.records(records.out, records.counts, records.scale);
        self.data_records(&set.head, &template, &set.bytes, set.offset, &mut own);
    }

    fn data(
        &mut self,
        head: &Head,
        id: u16,
        body: &[u8],
        at: usize,
        records: &mut Records<'_>,
    ) -> Told {
        let name = TemplateName::of(head.exporter, head.version, head.domain, id);
        if let Some(template) = self.templates.find(name) {
            let count = self.data_records(head, &template, body, at + 4, records);
            return Told {
                records: Some(count),
            };
        }
        let set = WaitingSet {
            head: *head,
            name,
            place: records.place,
            received: records.received,
            offset: at + 4,
            bytes: body.to_vec(),
        };
        // A record has a byte at least: so many numbers are enough for whatever it will turn out to hold.
        let most = u32::try_from(body.len()).unwrap_or(u32::MAX);
        records.place.ordinal = records.place.ordinal.saturating_add(most.max(1));
        for refused in self.waiting.put(set) {
            refused.reject(records.out, records.counts);
        }
        Told { records: None }
    }

    /// Reads the records of a set; answers how many it held.
    fn data_records(
        &mut self,
        head: &Head,
        template: &Template,
        body: &[u8],
        offset: usize,
        records: &mut Records<'_>,
    ) -> u32 {
        let mut input = Bytes::new(body);
        let mut count = 0;
        let domain = self.domains.of(head.exporter, head.version, head.domain);
        while input.rest().len() >= template.least {
            let left = input.rest();
            if left.len() < 4 && left.iter().all(|byte| *byte == 0) {
                break;
            }
            let Some(reading) = elements::record(template, &mut input) else {
                // Padding may be as long as the shortest record of variable length.
                if left.iter().any(|byte| *byte != 0) {
                    let at = offset + body.len() - left.len();
                    records.rejected(RejectReason::Malformed, at, left.len());
                }
                break;
            };
            count += 1;
            if template.is_options {
                reading.teach(domain);
                records.ignored(IgnoreReason::OtherMessage);
                continue;
            }
            match reading.flow(head.clock, domain, records.scale) {
                Ok(flow) => records.flow(flow),
                Err(Verdict::Ignored(reason)) => records.ignored(reason),
                Err(Verdict::Rejected(reason)) => {
                    let at = offset + body.len() - left.len();
                    records.rejected(reason, at, left.len() - input.rest().len());
                }
            }
        }
        count
    }
}

/// A set's number and what it holds.
fn set<'a>(input: &mut Bytes<'a>) -> Option<(u16, &'a [u8])> {
    let mut ahead = *input;
    let id = ahead.be16()?;
    let length = usize::from(ahead.be16()?).checked_sub(4)?;
    let body = ahead.take(length)?;
    *input = ahead;
    Some((id, body))
}

fn ends_in_zeroes(body: &[u8]) -> bool {
    body.last().is_none_or(|byte| *byte == 0)
}
