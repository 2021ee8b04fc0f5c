//! Formats whose lines stand alone: a function reads one, another tells whether a line is of the format. What stands
//! around them (name, framing, likeness) is written once here.

use super::format::{LineReader, LogFormat, Outcome, SourceSettings};
use super::formats::share_of_lines;
use super::framing::{Frame, Framing};
use super::times::LocalClock;
use crate::record::{
    Basis, DnsQuery, Event, IgnoreReason, Lease, LeaseEvent, RejectReason, SignIn, SignInEvent,
    Timestamp, Word,
};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// A format of lines that need no memory.
pub(super) struct LineFormat<R = ReadLine> {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) extensions: &'static [&'static str],
    /// Whether a line looks like one of this format; cheap, and never wrong about another format's good lines.
    pub(super) is_ours: fn(&[u8]) -> bool,
    pub(super) read: R,
}

/// Reads one line.
pub(super) type ReadLine = for<'a> fn(&'a [u8], &LocalClock) -> Read<'a>;

/// Reads one line that may say several things; each goes to the last argument.
pub(super) type ReadLines =
    for<'a> fn(&'a [u8], &LocalClock, &mut dyn FnMut(Event<'a>)) -> Result<(), Passed>;

/// A format of lines that are understood by the lines before them, as far as `M` remembers those.
pub(super) struct RememberingFormat<M: 'static> {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) extensions: &'static [&'static str],
    /// As for [`LineFormat`].
    pub(super) is_ours: fn(&[u8]) -> bool,
    pub(super) read: ReadRemembering<M>,
}

/// Reads one line, with what is remembered of those before it.
pub(super) type ReadRemembering<M> =
    for<'a> fn(&'a [u8], &LocalClock, &mut M, &mut dyn FnMut(Event<'a>)) -> Result<(), Passed>;

/// What reads a line, whether it says one thing or several.
trait Reads: Copy + Send + Sync + 'static {
    fn read<'a>(
        self,
        line: &'a [u8],
        clock: &LocalClock,
        out: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Passed>;
}

impl Reads for ReadLine {
    #[inline]
    fn read<'a>(
        self,
        line: &'a [u8],
        clock: &LocalClock,
        out: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Passed> {
        self(line, clock).map(out)
    }
}

impl Reads for ReadLines {
    #[inline]
    fn read<'a>(
        self,
        line: &'a [u8],
        clock: &LocalClock,
        out: &mut dyn FnMut(Event<'a>),
    ) -> Result<(), Passed> {
        self(line, clock, out)
    }
}

/// One record, or why there is none.
pub(super) type Read<'a> = Result<Event<'a>, Passed>;

/// Why a line is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It should have been readable.
    Rejected(RejectReason),
    /// It is sound and says nothing that is kept.
    Ignored(IgnoreReason),
}

/// A sound line of a kind that is not kept.
pub(super) const OTHER: Passed = Passed::Ignored(IgnoreReason::OtherMessage);

/// A line that is not of this format.
pub(super) const WRONG_SHAPE: Passed = Passed::Rejected(RejectReason::WrongShape);

/// A line that lacks what a record of its kind can not do without.
pub(super) const MISSING: Passed = Passed::Rejected(RejectReason::MissingFields);

/// A line whose time can not be read.
pub(super) const BAD_TIME: Passed = Passed::Rejected(RejectReason::BadTime);

impl From<RejectReason> for Passed {
    fn from(reason: RejectReason) -> Self {
        Passed::Rejected(reason)
    }
}

impl From<Passed> for Outcome {
    fn from(passed: Passed) -> Self {
        match passed {
            Passed::Rejected(reason) => Outcome::Rejected(reason),
            Passed::Ignored(reason) => Outcome::Ignored(reason),
        }
    }
}

struct Reader<R> {
    clock: LocalClock,
    read: R,
}

impl<R: Reads> LogFormat for LineFormat<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    fn framing(&self) -> Framing {
        Framing::Line
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, self.is_ours)
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            clock: LocalClock::new(settings),
            read: self.read,
        })
    }
}

impl<R: Reads> LineReader for Reader<R> {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match self.read.read(frame.bytes, &self.clock, out) {
            Ok(()) => Outcome::Records,
            Err(passed) => passed.into(),
        }
    }
}

struct RememberingReader<M: 'static> {
    clock: LocalClock,
    memory: M,
    read: ReadRemembering<M>,
}

impl<M: Default + Send> LogFormat for RememberingFormat<M> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    fn remembers(&self) -> bool {
        true
    }

    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        share_of_lines(sample, self.is_ours)
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(RememberingReader {
            clock: LocalClock::new(settings),
            memory: M::default(),
            read: self.read,
        })
    }
}

impl<M: Default + Send> LineReader for RememberingReader<M> {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        match (self.read)(frame.bytes, &self.clock, &mut self.memory, out) {
            Ok(()) => Outcome::Records,
            Err(passed) => passed.into(),
        }
    }
}

/// A sign-in of which nothing else is known yet.
pub(super) fn sign_in<'a>(time: Timestamp, event: SignInEvent, basis: Basis) -> SignIn<'a> {
    SignIn {
        time,
        event,
        account_token: None,
        ip: None,
        client_port: None,
        mac: None,
        session: Word::default(),
        nas: Word::default(),
        realm: Word::default(),
        basis,
    }
}

/// The number of a session that somebody has at a server from this far end: attribution takes an address that its session's number begins
/// with for no address of a person.
pub(super) fn far_end(ip: IpAddr, port: Option<u16>) -> String {
    match port {
        Some(port) => SocketAddr::new(ip, port).to_string(),
        None => ip.to_string(),
    }
}

/// A step in the life of a lease of which nothing else is known yet.
pub(super) fn lease<'a>(time: Timestamp, event: LeaseEvent, ip: IpAddr) -> Lease<'a> {
    Lease {
        time,
        event,
        ip,
        mac: None,
        hostname: Cow::default(),
        expires: None,
    }
}

/// A question of which nothing else is known yet.
pub(super) fn question<'a>(time: Timestamp) -> DnsQuery<'a> {
    DnsQuery {
        time,
        client_ip: None,
        client_port: None,
        server_ip: None,
        qname: Word::default(),
        qtype: Word::default(),
        rcode: Word::default(),
        answers: Vec::new(),
        action: None,
        categories: Vec::new(),
        lists: Vec::new(),
    }
}
