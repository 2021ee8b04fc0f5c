//! A device while it is read: what is taken out by a filter, kept in a file, lost, and how time goes on without frames.
//!
//! Each ring of a device is a source of its own, with a thread, a meter and a file of its own: so nothing is handed from
//! thread to thread, and the replay of a ring's file gives the ring's flows.

use std::io;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};

use crate::capture::{
    CaptureError, Device, Drops, Filter, Interface, Look, Step, Writer, WriterOptions,
};
use crate::classify::ListIndex;
use crate::clock::{self, Stopwatch};
use crate::flow::MeterOptions;
use crate::record::{Event, Packet, Place, SourceId, Timestamp};

use super::PipelineError;
use super::capture::{CaptureCounts, Next, Pace, Packets, each_record};
use super::stop::Told;

/// How a device is read on.
#[derive(Clone, Debug, Default)]
pub struct LiveOptions {
    /// A filter in libpcap's language; what it takes out is counted as ignored.
    pub filter: Option<String>,
    /// Where the frames that pass are kept.
    pub keep: Option<WriterOptions>,
    /// Stop after so many seconds.
    pub seconds: Option<u64>,
    /// How often what there is shall be stored, in seconds.
    pub store_every: Option<u64>,
}

/// What became of a device beside its flows, once it is read no more.
#[derive(Debug, Default)]
pub struct LiveEnd {
    /// Frames that were kept in a file.
    pub kept: u64,
    /// Frames that should have been kept and were not.
    pub not_kept: u64,
    /// Why, if the file could not be written on.
    pub refused: Option<io::Error>,
    /// Why the device could be read no more, if nobody told it to stop.
    pub lost: Option<CaptureError>,
}

/// A device, or one of several rings on it, while it is read.
pub struct Live {
    device: Device,
    filter: Option<Filter>,
    keeping: Keeping,
    time: Time,
    watch: Watch,
    begun: Timestamp,
    /// When it was told to stop: what came until then is read, but not for long, as clocks may be put back.
    until: Option<Timestamp>,
    /// There is nothing more to be read.
    is_over: bool,
    frames: u64,
    /// What was lost before it began, since then, and until the last batch.
    before: Drops,
    drops: Drops,
    entered: Drops,
    lost: Option<CaptureError>,
}

/// When there is something to do.
struct Watch {
    told_to_stop: Told,
    seconds: Option<u64>,
    store_every: Option<u64>,
    since: Stopwatch,
    /// Looks at the device since the clock was read last.
    looks: u32,
    /// When the drops were read, something was stored, and drops were told of: seconds since it began.
    looked_at: u64,
    stored_at: u64,
    said_at: Option<u64>,
    said: Drops,
    stopped_at: u64,
}

/// How far time has come.
#[derive(Default)]
struct Time {
    /// The latest frame.
    last: Timestamp,
    /// How far the clock has brought it on since.
    reached: Timestamp,
    /// How far the file says so.
    marked: Timestamp,
}

/// The file of frames, if there is one, for as long as it can be written.
#[derive(Default)]
struct Keeping {
    writer: Option<Writer>,
    not_kept: u64,
    kept: u64,
    refused: Option<io::Error>,
}

impl Live {
    /// Begins to read a device: what came before this moment, while others made ready, is none of its frames.
    pub fn begin(
        mut device: Device,
        options: &LiveOptions,
        told_to_stop: Told,
    ) -> Result<Live, PipelineError> {
        let filter = options.filter.as_deref();
        let filter = filter
            .map(|text| Filter::new(text, device.link_type()))
            .transpose()
            .map_err(|error| PipelineError::capture(device.name(), error))?;
        let begun = clock::now();
        Ok(Live {
            keeping: Keeping::begin(&device, options.keep.clone())?,
            before: device.drops(),
            device,
            filter,
            time: Time::default(),
            watch: Watch {
                told_to_stop,
                seconds: options.seconds,
                store_every: options.store_every,
                since: Stopwatch::start(),
                looks: 0,
                looked_at: 0,
                stored_at: 0,
                said_at: None,
                said: Drops::default(),
                stopped_at: 0,
            },
            begun,
            until: None,
            is_over: false,
            frames: 0,
            drops: Drops::default(),
            entered: Drops::default(),
            lost: None,
        })
    }

    /// What comes next. A device that is lost ends like one that is told to stop: its flows are not lost with it.
    pub(super) fn next(&mut self) -> Next<'_> {
        match self.pace() {
            Pace::Go => {}
            Pace::Store => return Next::Nothing { store: true },
            Pace::Stop => return self.close(),
        }
        let before_the_wait = self.device.may_wait().then(clock::now);
        match self.device.look() {
            Ok(Look::Step(Step::Packet(packet))) => {
                if packet.time < self.begun {
                    return Next::Nothing { store: false };
                }
                if self.until.is_some_and(|until| packet.time > until) {
                    self.is_over = true;
                    return Next::Nothing { store: false };
                }
                if self
                    .filter
                    .as_ref()
                    .is_some_and(|filter| !filter.passes(packet.bytes))
                {
                    return Next::Filtered(packet.wire_length);
                }
                self.frames += 1;
                self.time.last = self.time.last.max(packet.time);
                // Frames are counted as they stand in the file, so that a replay gives them the same numbers.
                let packet = Packet {
                    number: self.frames,
                    ..packet
                };
                self.keeping.frame(&packet, self.drops);
                Next::Step(Step::Packet(packet))
            }
            Ok(Look::Step(step)) => Next::Step(step),
            Ok(Look::Nothing) => Next::Nothing { store: false },
            Ok(Look::Quiet) if self.until.is_some() => {
                self.is_over = true;
                Next::Nothing { store: false }
            }
            Ok(Look::Quiet) => {
                let now = before_the_wait.unwrap_or_default().plus_micros(-MARGIN);
                match self.time.goes_on(now) {
                    true => {
                        self.keeping.time(&mut self.time, self.drops);
                        Next::Step(Step::Time(now))
                    }
                    false => {
                        self.keeping.flush();
                        Next::Nothing { store: false }
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "a device can be read no more");
                self.lost = Some(error);
                self.is_over = true;
                Next::Nothing { store: false }
            }
        }
    }

    fn close(&mut self) -> Next<'static> {
        self.drops = self.device.drops().since(self.before);
        self.keeping.close(self.time.now(), self.drops);
        Next::End
    }

    /// What was lost since this was asked last.
    pub(super) fn lost_since(&mut self) -> Drops {
        let lost = self.drops.since(self.entered);
        self.entered = self.drops;
        lost
    }

    /// What was lost since it began.
    pub(super) fn drops(&self) -> Drops {
        self.drops
    }

    /// What there is to say at the end.
    pub fn end(self) -> LiveEnd {
        LiveEnd {
            kept: self.keeping.kept,
            not_kept: self.keeping.not_kept,
            refused: self.keeping.refused,
            lost: self.lost,
        }
    }

    /// Looks at the clock, but not for every frame; each second at what was lost.
    fn pace(&mut self) -> Pace {
        if self.is_over {
            return Pace::Stop;
        }
        let watch = &mut self.watch;
        watch.looks = (watch.looks + 1) % LOOKS_BETWEEN;
        if watch.looks != 0 && !self.device.may_wait() {
            return Pace::Go;
        }
        let seconds = watch.since.elapsed().as_secs();
        let is_over = watch.seconds.is_some_and(|most| seconds >= most);
        match self.until {
            Some(_) if seconds > watch.stopped_at + LAST_READING => return Pace::Stop,
            None if watch.told_to_stop.is_set() || is_over => {
                watch.stopped_at = seconds;
                self.until = Some(clock::now());
            }
            _ => {}
        }
        if seconds > watch.looked_at {
            watch.looked_at = seconds;
            self.drops = self.device.drops().since(self.before);
            watch.say(seconds, self.device.name(), self.drops);
        }
        if watch
            .store_every
            .is_some_and(|every| seconds >= watch.stored_at + every)
        {
            watch.stored_at = seconds;
            return Pace::Store;
        }
        Pace::Go
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Tells of what was lost, not too often.
    fn say(&mut self, seconds: u64, device: &str, drops: Drops) {
        let is_time = self.said_at.is_none_or(|at| seconds >= at + SAID_EVERY);
        if drops == self.said || !is_time {
            return;
        }
        self.said_at = Some(seconds);
        self.said = drops;
        tracing::warn!(
            device,
            lost_by_kernel = drops.kernel,
            lost_by_card = drops.device,
            "frames are lost for lack of room"
        );
    }
}

impl Time {
    /// The clock is here, and no frame came: whether a second has passed since the last frame, if there was one, or since
    /// this was asked.
    fn goes_on(&mut self, now: Timestamp) -> bool {
        let is_later = now.seconds() > self.now().seconds();
        if self.last == Timestamp::default() || !is_later {
            return false;
        }
        self.reached = now;
        true
    }

    fn now(&self) -> Timestamp {
        self.reached.max(self.last)
    }
}

impl Keeping {
    fn begin(device: &Device, options: Option<WriterOptions>) -> Result<Keeping, PipelineError> {
        let Some(options) = options else {
            return Ok(Keeping::default());
        };
        let path = options.path.clone();
        let interface = Interface {
            name: device.name().to_owned(),
            link_type: device.link_type(),
            snaplen: device.snaplen(),
        };
        let writer = Writer::begin(options, interface)
            .map_err(|source| PipelineError::Keep { path, source })?;
        Ok(Keeping {
            writer: Some(writer),
            ..Keeping::default()
        })
    }

    fn frame(&mut self, packet: &Packet<'_>, drops: Drops) {
        let Some(writer) = &mut self.writer else {
            self.not_kept += u64::from(self.refused.is_some());
            return;
        };
        let kept = writer.frame(packet, drops);
        match &kept {
            Ok(()) => self.kept += 1,
            Err(_) => self.not_kept += 1,
        }
        self.noted(kept);
    }

    /// Says in the file how far time has come, now and then: a replay that leapt further than the wheel of the flow table
    /// holds would give out flows of different minutes together, in another order.
    fn time(&mut self, time: &mut Time, drops: Drops) {
        let Some(writer) = &mut self.writer else {
            return;
        };
        let marked = time.marked.max(time.last);
        let kept = if time.now().micros_since(marked) > MARKED_EVERY {
            time.marked = time.now();
            writer.time(time.now(), drops)
        } else {
            writer.flush()
        };
        self.noted(kept);
    }

    fn flush(&mut self) {
        if let Some(writer) = &mut self.writer {
            let flushed = writer.flush();
            self.noted(flushed);
        }
    }

    /// Ends the file. How far the clock had brought time on stands in it, so that a replay ends the same flows by it.
    fn close(&mut self, time: Timestamp, drops: Drops) {
        if let Some(mut writer) = self.writer.take() {
            let closed = writer.close(time, drops);
            self.noted(closed);
        }
    }

    /// A file that can not be written is left as it is; the capture goes on without.
    fn noted(&mut self, kept: io::Result<()>) {
        if let Err(error) = kept {
            tracing::error!(%error, "frames can not be kept any more; the capture goes on");
            self.writer = None;
            self.refused = Some(error);
        }
    }
}

/// Meters all rings, each on a thread of its own, and hands each record to `out`, those of a ring in their order; nothing
/// when none has come for a second.
pub fn print(
    rings: Vec<(String, Live, SourceId)>,
    told_to_stop: &Told,
    options: &MeterOptions,
    lists: &ListIndex,
    mut out: impl FnMut(Option<(Place, Event<'_>)>) -> Result<(), PipelineError>,
) -> Result<Vec<(String, CaptureCounts, LiveEnd)>, PipelineError> {
    let (to_out, records) = bounded::<(Place, Event<'static>)>(WAITING);
    std::thread::scope(|threads| {
        let metering = threads.spawn(move || {
            on_threads(rings, told_to_stop, |(name, live, source)| {
                let mut packets = Packets::Live(Box::new(live));
                // Nobody takes it when the output has failed: that is told by who writes it.
                let send = |place, event: Event<'static>| {
                    to_out
                        .send((place, event))
                        .map_err(|_| PipelineError::Stopped("writing"))
                };
                let counts = each_record(&mut packets, &name, source, options, lists, send)?;
                Ok((name, counts, packets.end()))
            })
        });
        let written = loop {
            let record = match records.recv_timeout(QUIET) {
                Ok(record) => Some(record),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            };
            if let Err(error) = out(record) {
                told_to_stop.tell();
                break Err(error);
            }
        };
        drop(records);
        let metered = metering
            .join()
            .unwrap_or(Err(PipelineError::Stopped("reading devices")));
        written.and(metered)
    })
}

/// Does the same with each ring, on a thread of its own. Where one fails, the others are told to stop, in order.
pub fn on_threads<R: Send, T: Send>(
    rings: Vec<R>,
    told_to_stop: &Told,
    work: impl Fn(R) -> Result<T, PipelineError> + Sync,
) -> Result<Vec<T>, PipelineError> {
    let work = &work;
    std::thread::scope(|threads| {
        let threads: Vec<_> = rings
            .into_iter()
            .map(|ring| threads.spawn(move || work(ring).inspect_err(|_| told_to_stop.tell())))
            .collect();
        let ended: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        ended
            .into_iter()
            .map(|ended| ended.unwrap_or(Err(PipelineError::Stopped("reading a device"))))
            .collect()
    })
}

/// How many records may wait to be written.
const WAITING: usize = 10_000;

/// After how long without a record what was written shall be seen.
const QUIET: Duration = Duration::from_secs(1);

/// How many looks at the device lie between two at the clock.
const LOOKS_BETWEEN: u32 = 64;

/// How much later than its own time a frame may come to us: the kernel gives its frames out within a tenth of a second.
const MARGIN: i64 = 1_000_000;

/// How often a file says that time went on without a frame: less than the wheel of the flow table holds.
const MARKED_EVERY: i64 = 60_000_000;

/// How long what came before the end is read at most, in seconds.
const LAST_READING: u64 = 5;

/// How often it is said that frames are lost, in seconds.
const SAID_EVERY: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_without_frames_but_not_before_the_first_and_never_back() {
        let mut time = Time::default();
        let at = Timestamp::from_seconds;
        assert!(!time.goes_on(at(100)));
        time.last = at(100);
        assert!(!time.goes_on(at(100)));
        assert!(time.goes_on(at(101)));
        assert!(!time.goes_on(at(101)));
        assert!(!time.goes_on(at(99)), "the clock was put back");
        time.last = at(200);
        assert!(!time.goes_on(at(150)), "frames are ahead of the clock");
        assert!(time.goes_on(at(201)));
        assert_eq!(time.now(), at(201));
    }

    #[test]
    fn where_one_ring_fails_the_others_are_told_to_stop() {
        let told = Told::default();
        let done = on_threads(vec![1, 2], &told, |ring| {
            if ring == 2 {
                return Err(PipelineError::PendingBatch);
            }
            while !told.is_set() {
                std::thread::yield_now();
            }
            Ok(ring)
        });
        assert!(matches!(done, Err(PipelineError::PendingBatch)));
        assert_eq!(
            on_threads(vec![1, 2], &Told::default(), Ok).unwrap(),
            [1, 2]
        );
    }
}
