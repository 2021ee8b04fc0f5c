//! A capture's rows made by several threads, each of which reads the whole file and makes a part of the flows, to the same bytes as by one.
//!
//! Nothing is handed from thread to thread but finished rows: reading a file again costs less than passing packets on. Which
//! flows are whose is said by their ends (`flow`), what becomes of a packet is found out by everybody alike, and the first
//! counts it. Rows come with what puts them in order: the step of the file at which they came, and their place in it.

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::capture::{CaptureFile, Step};
use crate::classify::ListIndex;
use crate::flow::{EndedFlow, Meter, MeterOptions};
use crate::record::{Event, Place, SourceId, Tokens};

use super::PipelineError;
use super::capture::{CaptureCounts, Made, place, placed};
use super::output::{MadeRows, Rows};

/// How many rows are handed on at once, and how often that may wait.
const PIECE: usize = 512;
const PIECES_WAITING: usize = 8;
/// After so many steps of the file it is said how far it was read, so that others need not wait for rows that do not come.
const STEPS_IN_SILENCE: u64 = 16_384;

/// What a thread reads and makes.
pub struct Part<T> {
    /// The whole file, opened for this part alone.
    pub file: CaptureFile,
    /// What makes its rows.
    pub rows: Rows<T>,
}

/// Meters all packets by a thread for each part and hands each row to `out`, as number of those in `MadeRows`, in the order in which
/// one thread makes them.
pub fn each_row_apart<T: Tokens + Send>(
    parts: Vec<Part<T>>,
    name: &str,
    source: SourceId,
    options: &MeterOptions,
    lists: &ListIndex,
    out: impl FnMut(&MadeRows, usize) -> Result<(), PipelineError>,
) -> Result<CaptureCounts, PipelineError> {
    let of = parts.len();
    std::thread::scope(|scope| {
        let (mut threads, mut streams) = (Vec::new(), Vec::new());
        for (number, part) in parts.into_iter().enumerate() {
            let (to_merge, pieces) = bounded(PIECES_WAITING);
            streams.push(Stream::of(pieces));
            let making = Making {
                is_first: number == 0,
                source,
                lists,
                rows: part.rows,
                orders: Vec::new(),
                since: 0,
                counts: CaptureCounts::default(),
                to_merge,
            };
            let (file, meter) = (part.file, Meter::part(options.clone(), number, of));
            threads.push(scope.spawn(move || making.run(file, meter, name)));
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
        sum(counts, name)
    })
}

/// What all have counted together: each packet once, and what each has made.
fn sum(parts: Vec<CaptureCounts>, name: &str) -> Result<CaptureCounts, PipelineError> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        // They read the same bytes and judge them alike. If they did not, somebody wrote to the file.
        if part.packets != total.packets || part.damage != total.damage {
            return Err(PipelineError::ChangedWhileRead(name.to_owned()));
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
    /// The step after which something was handed on last.
    since: u64,
    counts: CaptureCounts,
    to_merge: Sender<Piece>,
}

impl<T: Tokens> Making<'_, T> {
    fn run(
        mut self,
        mut file: CaptureFile,
        mut meter: Meter,
        name: &str,
    ) -> Result<CaptureCounts, PipelineError> {
        let metered = self.meter(&mut file, &mut meter, name);
        if metered.is_err() {
            // What came before a fault is given out too, as it is in one thread.
            self.hand_on(END)?;
        }
        metered?;
        self.counts.evicted = meter.evicted();
        self.counts.unheard = meter.unheard();
        Ok(self.counts)
    }

    fn meter(
        &mut self,
        file: &mut CaptureFile,
        meter: &mut Meter,
        name: &str,
    ) -> Result<(), PipelineError> {
        let (mut step, mut flows) = (0, Vec::new());
        while let Some(next) = file
            .next_step()
            .map_err(|error| PipelineError::capture(name, error))?
        {
            step += 1;
            match next {
                Step::Time(time) => meter.tick(time, &mut flows),
                Step::Packet(packet) => {
                    let fate = meter.packet(&packet, &mut flows);
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
            self.flows(step, &mut flows)?;
            for (place, event) in placed(self.source, meter.heard()) {
                self.counts.events += 1;
                self.row(Order::heard(step, place.ordinal), Made::event(place, event))?;
            }
            if self.orders.len() >= PIECE || step - self.since >= STEPS_IN_SILENCE {
                self.since = step;
                self.hand_on(Order::before(step + 1))?;
            }
        }
        loop {
            let is_more = meter.finish_some(&mut flows);
            self.flows(u64::MAX, &mut flows)?;
            if !is_more {
                return self.hand_on(END);
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
        let piece = Piece {
            orders: std::mem::replace(&mut self.orders, Vec::with_capacity(PIECE)),
            rows: self.rows.take_with_room(),
            floor,
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
