//! A capture's rows made by several threads, each of which makes a part of the flows, to the same bytes as by one.
//!
//! All go through the same packets (`shared`); which flows are whose is said by their ends (`flow`), what becomes of a packet is
//! found out by everybody alike, and the first gives it out. Rows come with what puts them in order: the step of the file at
//! which they came, and their place in it.

#[cfg(test)]
mod tests;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capture::{CaptureFile, Step};
use crate::classify::ListIndex;
use crate::flow::{EndedFlow, Meter, MeterOptions};
use crate::record::{Event, Place, SourceId, Tokens};

use super::PipelineError;
use super::capture::{CaptureCounts, Made, place, placed};
use super::output::{MadeRows, Rows};
use super::shared::{Shared, Taking};

/// How many rows are handed on at once, and how often that may wait.
const PIECE: usize = 512;
const PIECES_WAITING: usize = 8;

/// Meters all packets by a thread for each of the rows' makers and hands each row to `out`, as number of those in `MadeRows`, in the
/// order in which one thread makes them.
pub fn each_row_apart<T: Tokens + Send>(
    file: CaptureFile,
    parts: Vec<Rows<T>>,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    lists: &ListIndex,
    out: impl FnMut(&MadeRows, usize) -> Result<(), PipelineError>,
) -> Result<CaptureCounts, PipelineError> {
    let of = parts.len();
    let shared = Shared::of(file, options, of);
    std::thread::scope(|scope| {
        let (mut threads, mut streams) = (Vec::new(), Vec::new());
        for (number, rows) in parts.into_iter().enumerate() {
            let (to_merge, pieces) = bounded(PIECES_WAITING);
            streams.push(Stream::of(pieces));
            let making = Making {
                is_first: number == 0,
                source,
                lists,
                rows,
                orders: Vec::new(),
                counts: CaptureCounts::default(),
                to_merge,
            };
            let meter = Meter::part(options.clone(), number, of);
            let packets = shared.taking(number);
            threads.push(scope.spawn(move || making.run(packets, meter, name)));
        }
        let written = merge(streams, out);
        let mut counts = Vec::new();
        let mut failed = Ok(());
        for thread in threads {
            match thread
                .join()
                .map_err(|_| PipelineError::Stopped("metering"))?
            {
                Ok(made) => counts.push(made),
                Err(error) if failed.is_ok() => failed = Err(error),
                Err(_) => {}
            }
        }
        written?;
        failed?;
        let mut total = sum(counts)?;
        total.drops = shared.drops();
        Ok(total)
    })
}

/// What all have counted together: each packet once, and what each has made.
fn sum(parts: Vec<CaptureCounts>) -> Result<CaptureCounts, PipelineError> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        if part.packets != total.packets || part.damage != total.damage {
            return Err(PipelineError::Stopped("counting alike"));
        }
        total.flows += part.flows;
        total.events += part.events;
        total.evicted += part.evicted;
        total.unheard += part.unheard;
    }
    total.packets.check()?;
    Ok(total)
}

/// What puts rows in order. No two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    /// The packets, damages and times of the file, counted; after the last, the greatest number.
    step: u64,
    /// The second that is over for a flow; the least for a reject.
    second: i64,
    /// The first frame of a flow; the greatest for what was heard.
    first_frame: u64,
    ordinal: u32,
}

impl Order {
    /// Before all rows of a step.
    fn before(step: u64) -> Order {
        Order {
            step,
            second: i64::MIN,
            first_frame: 0,
            ordinal: 0,
        }
    }

    fn of(step: u64, ended: &EndedFlow) -> Order {
        let (second, first_frame) = ended.order();
        Order {
            step,
            second,
            first_frame,
            ordinal: 0,
        }
    }

    fn heard(step: u64, ordinal: u32) -> Order {
        Order {
            step,
            second: i64::MAX,
            first_frame: u64::MAX,
            ordinal,
        }
    }
}

/// After everything.
const END: Order = Order {
    step: u64::MAX,
    second: i64::MAX,
    first_frame: u64::MAX,
    ordinal: u32::MAX,
};

/// Rows of a part, each with its order.
struct Piece {
    orders: Vec<Order>,
    rows: MadeRows,
    /// Nothing that follows comes before this.
    floor: Order,
}

impl Piece {
    /// No rows.
    fn none(floor: Order) -> Piece {
        Piece {
            orders: Vec::new(),
            rows: MadeRows::default(),
            floor,
        }
    }
}

/// A part on its way.
struct Making<'a, T> {
    is_first: bool,
    source: SourceId,
    lists: &'a ListIndex,
    rows: Rows<T>,
    orders: Vec<Order>,
    counts: CaptureCounts,
    to_merge: Sender<Piece>,
}

impl<T: Tokens> Making<'_, T> {
    fn run(
        mut self,
        mut packets: Taking<'_>,
        mut meter: Meter,
        name: &str,
    ) -> Result<CaptureCounts, PipelineError> {
        self.meter(&mut packets, &mut meter)?;
        if let Some(fault) = packets.fault() {
            // What came before it is given out, as it is in one thread.
            self.hand_on(END)?;
            return Err(PipelineError::capture(name, fault));
        }
        if !packets.have_failed() {
            self.finish(&mut meter)?;
        }
        self.hand_on(END)?;
        self.counts.evicted = meter.evicted();
        self.counts.unheard = meter.unheard();
        Ok(self.counts)
    }

    fn meter(&mut self, packets: &mut Taking<'_>, meter: &mut Meter) -> Result<(), PipelineError> {
        let (mut step, mut flows) = (0, Vec::new());
        while let Some(batch) = packets.next() {
            for (next, look) in batch.steps() {
                step += 1;
                match next {
                    Step::Time(time) => meter.tick(time, &mut flows),
                    Step::Packet(packet) => {
                        let fate = meter.packet_of(look, &packet, &mut flows);
                        if let Some(reject) = self.counts.packet(&packet, fate) {
                            self.reject(step, place(self.source, packet.number), reject)?;
                        }
                    }
                    Step::Damage {
                        reason,
                        offset,
                        length,
                    } => {
                        let source = self.source;
                        let (place, reject) = self.counts.damage(source, reason, offset, length);
                        self.reject(step, place, reject)?;
                    }
                }
                if flows.is_empty() && meter.heard().is_empty() {
                    continue;
                }
                self.flows(step, &mut flows)?;
                for (place, event) in placed(self.source, meter.heard()) {
                    self.counts.events += 1;
                    self.row(Order::heard(step, place.ordinal), Made::event(place, event))?;
                }
                if self.orders.len() >= PIECE {
                    self.hand_on(Order::before(step + 1))?;
                }
            }
            // Whoever goes on to packets that are not there yet waits for others, who may wait for rows to be taken, which are taken
            // when it is known how far everybody has come.
            self.hand_on(Order::before(step + 1))?;
        }
        Ok(())
    }

    /// Ends the flows that are still under way.
    fn finish(&mut self, meter: &mut Meter) -> Result<(), PipelineError> {
        let mut flows = Vec::new();
        loop {
            let is_more = meter.finish_some(&mut flows);
            self.flows(u64::MAX, &mut flows)?;
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Everybody meets it, and the first gives it out.
    fn reject(
        &mut self,
        step: u64,
        place: Place,
        reject: Event<'static>,
    ) -> Result<(), PipelineError> {
        if !self.is_first {
            return Ok(());
        }
        self.row(Order::before(step), Made::event(place, reject))
    }

    #[inline]
    fn flows(&mut self, step: u64, flows: &mut Vec<EndedFlow>) -> Result<(), PipelineError> {
        self.counts.flows += flows.len() as u64;
        for ended in flows.drain(..) {
            let order = Order::of(step, &ended);
            self.row(order, Made::Flow(ended))?;
            if self.orders.len() >= PIECE {
                self.hand_on(order)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, order: Order, made: Made) -> Result<(), PipelineError> {
        let (place, event) = made.record(self.source, self.lists);
        let is_wanted = self.rows.record_apart(place, &event);
        if is_wanted.map_err(PipelineError::Output)? {
            self.orders.push(order);
        }
        Ok(())
    }

    fn hand_on(&mut self, floor: Order) -> Result<(), PipelineError> {
        let piece = if self.orders.is_empty() {
            Piece::none(floor)
        } else {
            Piece {
                orders: std::mem::replace(&mut self.orders, Vec::with_capacity(PIECE)),
                rows: self.rows.take_with_room(),
                floor,
            }
        };
        // Whoever does not take it has failed, and says why.
        let sent = self.to_merge.send(piece);
        sent.map_err(|_| PipelineError::Stopped("writing"))
    }
}

/// What comes of a part.
struct Stream {
    pieces: Receiver<Piece>,
    piece: Piece,
    at: usize,
}

impl Stream {
    fn of(pieces: Receiver<Piece>) -> Stream {
        Stream {
            pieces,
            piece: Piece::none(Order::before(0)),
            at: 0,
        }
    }

    /// The order of its next row, or what that is not before, if it is not known yet.
    fn next(&self) -> Order {
        let known = self.piece.orders.get(self.at);
        known.copied().unwrap_or(self.piece.floor)
    }
}

/// Gives out the rows of all, the first before the others.
fn merge(
    mut streams: Vec<Stream>,
    mut out: impl FnMut(&MadeRows, usize) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    while let Some(stream) = streams.iter_mut().min_by_key(|stream| stream.next()) {
        if stream.at < stream.piece.orders.len() {
            out(&stream.piece.rows, stream.at)?;
            stream.at += 1;
        } else if stream.piece.floor == END {
            return Ok(());
        } else {
            stream.at = 0;
            match stream.pieces.recv() {
                Ok(piece) => stream.piece = piece,
                // It has failed, and says why; what the others still have comes out.
                Err(_) => stream.piece = Piece::none(END),
            }
        }
    }
    Ok(())
}
