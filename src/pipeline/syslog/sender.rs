//! One sender: what it has sent since the last time is held in memory, and stored as the next part of its source.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Stopwatch;
use crate::ledger::FrameNonces;
use crate::logs::{LogFormat, SourceSettings};
use crate::record::{Counts, SourceId, SourceKind};
use crate::store::names::Names;

use super::super::PipelineError;
use super::super::deposit::OpenSource;
use super::super::ingest::{Mark, Start};
use super::super::input::{InputName, Opened, Torn};
use super::super::lane::{Left, is_lack_of_room};
use super::super::log_files::LogFiles;
use super::super::stop::Told;

/// What is known of senders, and where their lines go.
pub trait Known: Sync {
    /// Where lines are stored.
    fn files(&self) -> &LogFiles<'_>;
    /// The names of accounts.
    fn names(&self) -> &Mutex<Names>;
    /// A new source's id.
    fn new_id(&self) -> io::Result<SourceId>;
    /// What the lines of a sender are, from its name and its first ones.
    fn choose(&self, name: &str, first: &[u8]) -> Chosen;
    /// What its lines do not say, as of now.
    fn settings(&self, name: &str) -> SourceSettings;
    /// A part could not be stored for now: no room. Told again only after it went well.
    fn tell_waiting(&self, why: &PipelineError);
}

/// How a sender's lines are read.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// The format.
    pub format: &'static dyn LogFormat,
    /// Whether it begins behind what the sender's collector put before each line.
    pub is_behind_heading: bool,
}

/// What came of listening.
#[derive(Clone, Debug, Default)]
pub struct Total {
    /// The lines.
    pub counts: Counts,
    /// What waits for the store, or was dropped for lack of room.
    pub left: Left,
    /// Senders.
    pub senders: u64,
    /// Connections without a certificate that is trusted.
    pub refused: u64,
    /// Datagrams for which there was no room.
    pub lost: u64,
}

impl Total {
    pub(super) fn add(&mut self, other: Total) {
        self.counts.add(&other.counts);
        self.left.add(other.left);
        self.senders += other.senders;
        self.refused += other.refused;
        self.lost += other.lost;
    }
}

/// How lines come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    Tcp,
    Tls,
}

/// A sender.
pub(super) struct Sender<'a, K> {
    known: &'a K,
    name: String,
    source: OpenSource,
    chosen: Option<Chosen>,
    mark: Option<Mark>,
    settings: SourceSettings,
    waiting: Vec<u8>,
    since: Stopwatch,
    renewed: Stopwatch,
    total: Total,
}

/// What may be held of a sender before it is stored; well below what makes two batches.
const MOST_HELD: usize = 4 << 20;
/// How long a line is held at most.
const LONGEST_HELD: Duration = Duration::from_secs(3);
/// How often a part for which there is no room is tried again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// After so long, settings are made anew: times without a year are read by them.
const RENEWED: Duration = Duration::from_secs(6 * 3600);

impl<'a, K: Known> Sender<'a, K> {
    pub(super) fn new(known: &'a K, way: Way, peer: IpAddr) -> Result<Self, PipelineError> {
        let scheme = match way {
            Way::Udp => "udp",
            Way::Tcp => "tcp",
            Way::Tls => "tls",
        };
        let name = format!("syslog {scheme} {}", peer.to_canonical());
        Ok(Sender {
            source: OpenSource {
                id: known.new_id().map_err(PipelineError::Syslog)?,
                kind: SourceKind::Listener,
                format: String::new(),
                past: None,
                may_wait: way != Way::Udp,
            },
            settings: known.settings(&name),
            known,
            name,
            chosen: None,
            mark: None,
            waiting: Vec::new(),
            since: Stopwatch::start(),
            renewed: Stopwatch::start(),
            total: Total {
                senders: 1,
                ..Total::default()
            },
        })
    }

    /// Takes a message. One with line feeds in it is as many lines.
    pub(super) fn message(&mut self, message: &[u8]) {
        if self.waiting.is_empty() {
            self.since = Stopwatch::start();
        }
        self.waiting.extend_from_slice(message);
        self.waiting.push(b'\n');
    }

    /// Takes a datagram: a message, perhaps with an end.
    pub(super) fn datagram(&mut self, datagram: &[u8]) {
        let mut message = datagram;
        while let [rest @ .., b'\n' | b'\r' | 0] = message {
            message = rest;
        }
        self.message(message);
    }

    /// Stores what is held, if it is much or old.
    pub(super) fn store_if_due(&mut self, told_to_stop: &Told) -> Result<(), PipelineError> {
        let is_due = self.waiting.len() >= MOST_HELD || self.since.elapsed() >= LONGEST_HELD;
        match is_due && !self.waiting.is_empty() {
            true => self.store(false, told_to_stop),
            false => Ok(()),
        }
    }

    /// Stores what is held, and enters where the source ends. `lost` datagrams are told with it.
    pub(super) fn end(mut self, lost: u64, told_to_stop: &Told) -> Result<Total, PipelineError> {
        if !self.waiting.is_empty() {
            self.store(true, told_to_stop)?;
        }
        self.total.lost = lost;
        let deposit = self.known.files().deposit;
        if let Some(mark) = &self.mark {
            let mut lane = deposit.lane(&self.source)?;
            lane.close(&self.source, mark.offset(), mark.digest(), lost)?;
            self.total.left.add(lane.end()?);
        }
        Ok(self.total)
    }

    /// Stores the part that is held. While there is no room and the sender can wait, it is tried again; once the program
    /// is told to stop, a few times more.
    fn store(&mut self, is_last: bool, told_to_stop: &Told) -> Result<(), PipelineError> {
        let part = std::mem::take(&mut self.waiting);
        let mut tries_left = LAST_TRIES;
        loop {
            let before = self.mark.as_ref().map_or(0, Mark::lines);
            let again = self.mark.as_ref().map(Mark::again);
            let error = match self.store_part(part.clone()) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.mark = again;
            if !self.source.may_wait || !is_lack_of_room(&error) {
                return Err(error);
            }
            self.known.tell_waiting(&error);
            if told_to_stop.is_set() || is_last {
                tries_left -= 1;
                if tries_left == 0 {
                    return Err(error);
                }
            }
            std::thread::sleep(BETWEEN_TRIES);
            // It may have been written down before the room was used up.
            let past = self.known.files().deposit.past_of(self.source.id)?;
            if let Some(past) = past.filter(|past| past.last_frame() > before) {
                let batch = past.batches.last();
                self.mark = batch.map(|batch| Mark::behind(batch, &part, self.mark.as_ref()));
                self.source.past = Some(past);
                return Ok(());
            }
        }
    }

    fn store_part(&mut self, part: Vec<u8>) -> Result<(), PipelineError> {
        let chosen = *self
            .chosen
            .get_or_insert_with(|| self.known.choose(&self.name, &part));
        chosen.format.name().clone_into(&mut self.source.format);
        let files = self.known.files();
        if self.renewed.elapsed() > RENEWED {
            self.settings = self.known.settings(&self.name);
            self.renewed = Stopwatch::start();
            if let Some(mark) = &mut self.mark {
                mark.forget_reader();
            }
        }
        let mut mark = self.mark.take().unwrap_or_else(|| Mark::beginning(&[]));
        if chosen.is_behind_heading {
            mark.read_with(|| crate::logs::behind_heading(chosen.format, &self.settings));
        }
        let input = Opened {
            name: InputName::Sender(self.name.clone()),
            reader: Box::new(io::Cursor::new(part)),
            torn: Torn::default(),
        };
        let reading = files.reading(chosen.format, &self.settings)?;
        let nonces = FrameNonces::new(files.nonces, self.source.id);
        let mut names = self
            .known
            .names()
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let went = reading.store_part(
            input,
            &self.source,
            Start::At(mark),
            false,
            &mut names,
            nonces,
            files.deposit,
        )?;
        drop(names);
        if self.source.past.is_none() {
            self.source.past = files.deposit.past_of(self.source.id)?;
        }
        self.total.counts.add(&went.counts);
        self.total.left.reason.clone_from(&went.left.reason);
        self.total.left.dropped.batches += went.left.dropped.batches;
        self.total
            .left
            .dropped
            .counts
            .add(&went.left.dropped.counts);
        self.mark = Some(went.mark);
        Ok(())
    }
}

/// How often a part is still tried when the program has been told to stop.
const LAST_TRIES: u32 = 5;
