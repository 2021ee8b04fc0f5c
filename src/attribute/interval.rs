//! Half-open intervals of time, and how each came to its end.

use crate::record::Timestamp;

/// How an interval came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// The source said so: an accounting stop, a logoff.
    Stop,
    /// Somebody else began on the same address or card.
    NextStart,
    /// The access server came up anew or went down.
    Restart,
    /// The same session went on under another address.
    Moved,
    /// The address was leased to another card.
    OtherCard,
    /// The address was given back, refused or taken away.
    Released,
    /// The lease ran out.
    Expiry,
    /// Nothing more was heard; after the stated longest silence nothing is known.
    Silence,
    /// The source told nothing more for a while, since its lines could not be read, and of this never again.
    Unreadable,
    /// A register says so.
    Register,
}

impl End {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            End::Stop => "stop",
            End::NextStart => "next_start",
            End::Restart => "restart",
            End::Moved => "moved",
            End::OtherCard => "other_card",
            End::Released => "released",
            End::Expiry => "expiry",
            End::Silence => "silence",
            End::Unreadable => "unreadable",
            End::Register => "register",
        }
    }
}

/// From a moment until just before another. After an end by silence nothing is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment that does not belong to it any more.
    pub to: Timestamp,
    /// How it ended.
    pub end: End,
}

impl Span {
    /// Whether the moment lies in it.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    /// Whether there is no moment in it.
    pub fn is_empty(&self) -> bool {
        self.to <= self.from
    }

    /// The moments of both; the end is that of the one that ends first.
    pub(super) fn and(&self, other: &Span) -> Option<Span> {
        let (to, end) = if other.to < self.to {
            (other.to, other.end)
        } else {
            (self.to, self.end)
        };
        let both = Span {
            from: self.from.max(other.from),
            to,
            end,
        };
        (!both.is_empty()).then_some(both)
    }

    /// Ends it earlier, if the moment lies before its end.
    pub(super) fn cut(&mut self, at: Timestamp, end: End) {
        if at < self.to {
            self.to = at;
            self.end = end;
        }
    }

    /// Whether it comes within so many microseconds of the moment.
    pub(super) fn is_near(&self, time: Timestamp, micros: i64) -> bool {
        self.from.micros_since(time) <= micros && time.micros_since(self.to) < micros
    }
}
