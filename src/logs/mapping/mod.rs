//! Formats that an operator describes in the configuration: tables, pairs, JSON and W3C logs whose columns are said to be fields of a record.
//!
//! A column is named by its heading or by its place, from 1. What is not described is left out; a line without the time, or without anything
//! that the record can not be without, is rejected. The layouts in `presets` are descriptions of the same kind that come with the program.

mod presets;
mod values;

use std::borrow::Cow;

use super::cells::Cells;
use super::columns::{may_name, same_name};
use super::fields::text;
use super::format::{LineReader, LogFormat, Outcome, SourceSettings};
use super::formats::share_of_lines;
use super::framing::Frame;
use super::json;
use super::lines::{OTHER, Passed, Read};
use super::pairs::Pairs;
use super::stamps::DayOrder;
use super::times::LocalClock;
use crate::record::{Event, IgnoreReason, RejectReason};

pub(super) use presets::PRESETS;
use values::Values;
pub(super) use values::protocol;

/// How a line holds its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Cells set apart by this byte. With a heading columns have names.
    Cells {
        /// What stands between two cells.
        separator: u8,
        /// Whether the first line names the columns.
        heading: bool,
    },
    /// `name=value`.
    Pairs,
    /// An object a line; names within names are joined by dots.
    Json,
    /// Columns set apart by blanks, named by a line `#Fields:`.
    W3c,
}

/// The kinds of record that a description can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A web request.
    WebHit,
    /// A DNS question.
    DnsQuery,
    /// A step of a sign-in.
    SignIn,
    /// A step of a lease.
    Lease,
    /// A translation of addresses.
    Translation,
}

/// Which column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name; case and what stands between words do not matter.
    Named(&'static str),
    /// By its place, from 1.
    At(usize),
}

/// A format described in words.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The name of the format.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How a line holds its columns.
    pub shape: Shape,
    /// What a line becomes.
    pub kind: Kind,
    /// Which number of a date is the day.
    pub day_first: bool,
    /// For each field the columns that may hold it; the first that has something counts.
    pub fields: &'static [(Field, &'static [Column])],
    /// What the source's own words for actions and events mean, such as `("Denied", "blocked")`.
    pub words: &'static [(&'static str, &'static str)],
    /// The event of a line that names none, such as `logon`.
    pub event: Option<&'static str>,
}

macro_rules! fields {
    ($($variant:ident = $name:literal,)*) => {
        /// What a column can hold: the columns of the records, and the time in one part or two.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is the column of the same name")]
        pub enum Field { $($variant,)* }

        impl Field {
            /// Every field, in order.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)*];

            /// Its name in the configuration.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name,)* }
            }
        }
    };
}

fields! {
    Time = "time",
    Date = "date",
    TimeOfDay = "time_of_day",
    Account = "account",
    Realm = "realm",
    ClientIp = "client_ip",
    ClientPort = "client_port",
    ServerIp = "server_ip",
    ServerPort = "server_port",
    Method = "method",
    Url = "url",
    Scheme = "scheme",
    Host = "host",
    Path = "path",
    Query = "query",
    Status = "status",
    Action = "action",
    VendorCategory = "vendor_category",
    Policy = "policy",
    BytesSent = "bytes_sent",
    BytesReceived = "bytes_received",
    DurationMs = "duration_ms",
    UserAgent = "user_agent",
    Referrer = "referrer",
    ContentType = "content_type",
    SearchTerms = "search_terms",
    Qname = "qname",
    Qtype = "qtype",
    Rcode = "rcode",
    Event = "event",
    Ip = "ip",
    Mac = "mac",
    Hostname = "hostname",
    Session = "session",
    Nas = "nas",
    Expires = "expires",
    To = "to",
    Protocol = "protocol",
    InsideIp = "inside_ip",
    InsidePort = "inside_port",
    OutsideIp = "outside_ip",
    OutsidePortFirst = "outside_port_first",
    OutsidePortLast = "outside_port_last",
}

/// How many fields there are.
const FIELDS: usize = Field::ALL.len();

impl Field {
    /// The field with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

struct Reader {
    mapping: Mapping,
    clock: LocalClock,
    columns: Option<Columns>,
}

/// For each column of a table the fields it may hold, and which choice of the field it is.
#[derive(Clone, Debug)]
struct Columns {
    cells: Vec<Vec<(usize, usize)>>,
    /// Whether a heading names columns of pages or bytes.
    is_traffic: bool,
}

impl LogFormat for Mapping {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn extensions(&self) -> &'static [&'static str] {
        match self.shape {
            Shape::Cells {
                separator: b'\t', ..
            } => &["tsv", "txt"],
            Shape::Cells { .. } => &["csv"],
            Shape::Json => &["json", "jsonl"],
            Shape::Pairs | Shape::W3c => &["log"],
        }
    }

    fn remembers(&self) -> bool {
        matches!(self.shape, Shape::W3c | Shape::Cells { heading: true, .. })
    }

    /// The share of lines that can be read, of a source whose heading names what the description needs.
    fn likeness(&self, sample: &[&[u8]]) -> u8 {
        // Only a table that names its columns says whose it is; the rest is told by the operator.
        let mut heading = None;
        for line in sample {
            if let Some(columns) = self.heading(line) {
                heading = Some(columns);
                break;
            }
        }
        let Some(columns) = heading.filter(|columns| self.fits(columns)) else {
            return 0;
        };
        let share = share_of_lines(sample, |line| {
            self.heading(line).is_some() || self.cells(line).count() == columns.cells.len()
        });
        if !PRESETS.iter().any(|preset| preset.name == self.name) {
            return share;
        }
        share.saturating_sub(self.missing(&columns).saturating_mul(MISSING_COLUMN))
    }

    fn reader(&self, settings: &SourceSettings) -> Box<dyn LineReader> {
        Box::new(Reader {
            columns: self.by_place(),
            mapping: self.clone(),
            clock: LocalClock::new(settings),
        })
    }
}

impl Mapping {
    /// The columns of a table without a heading.
    fn by_place(&self) -> Option<Columns> {
        if !matches!(self.shape, Shape::Cells { heading: false, .. }) {
            return None;
        }
        let mut cells = Vec::new();
        for (field, choices) in self.fields {
            for (rank, column) in choices.iter().enumerate() {
                if let Column::At(place) = column
                    && let Some(index) = place.checked_sub(1).filter(|index| *index < MOST_COLUMNS)
                {
                    if cells.len() <= index {
                        cells.resize(index + 1, Vec::new());
                    }
                    if let Some(held) = cells.get_mut(index) {
                        held.push((*field as usize, rank));
                    }
                }
            }
        }
        Some(Columns {
            cells,
            is_traffic: false,
        })
    }

    /// How many of the described fields a heading does not name.
    fn missing(&self, columns: &Columns) -> u8 {
        let held = |field: &Field| {
            let mut held = columns.cells.iter().flatten();
            held.any(|(held, _)| *field as usize == *held)
        };
        let missing = self.fields.iter().filter(|(field, _)| !held(field)).count();
        u8::try_from(missing).unwrap_or(u8::MAX)
    }

    /// Whether a heading names what a record of this kind is about, so that a table may be taken for one unasked. Tables that speak of pages
    /// or bytes are no sign-ins, though they name people and addresses too.
    fn fits(&self, columns: &Columns) -> bool {
        let has = |fields: &[Field]| {
            let mut held = columns.cells.iter().flatten();
            held.any(|(held, _)| fields.iter().any(|field| *field as usize == *held))
        };
        match self.kind {
            Kind::WebHit => {
                has(&[Field::Url, Field::Host, Field::ServerIp])
                    && has(&[Field::Account, Field::ClientIp])
            }
            Kind::SignIn => {
                has(&[Field::Account])
                    && has(&[Field::Ip, Field::ClientIp, Field::Mac])
                    && !columns.is_traffic
            }
            Kind::DnsQuery => has(&[Field::Qname, Field::Host]),
            Kind::Lease => has(&[Field::Ip]),
            Kind::Translation => has(&[Field::InsideIp]) && has(&[Field::OutsideIp]),
        }
    }

    fn separator(&self) -> u8 {
        match self.shape {
            Shape::Cells { separator, .. } => separator,
            _ => b' ',
        }
    }

    fn cells<'a>(&self, line: &'a [u8]) -> Cells<'a> {
        Cells::of(line, self.separator())
    }

    /// How columns of times are called.
    fn names_of_times(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.fields
            .iter()
            .filter(|(field, _)| matches!(field, Field::Time | Field::Date))
            .flat_map(|(_, choices)| *choices)
            .filter_map(|column| match column {
                Column::Named(name) => Some(*name),
                Column::At(_) => None,
            })
    }

    /// The columns that a heading names, if it names the time and half of what is described.
    fn heading(&self, line: &[u8]) -> Option<Columns> {
        let line = match self.shape {
            Shape::W3c => line.strip_prefix(b"#Fields:")?.trim_ascii(),
            Shape::Cells { heading: true, .. } => {
                let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
                if !may_name(line, self.separator(), self.names_of_times()) {
                    return None;
                }
                line
            }
            _ => return None,
        };
        let names: Vec<_> = self.cells(line).collect();
        let mut cells = vec![Vec::new(); names.len()];
        let (mut found, mut timed) = (0, false);
        for (field, choices) in self.fields {
            let mut has = false;
            for (rank, column) in choices.iter().enumerate() {
                let at = match column {
                    Column::Named(name) => names.iter().position(|cell| same_name(cell, name)),
                    Column::At(place) => place.checked_sub(1),
                };
                if let Some(held) = at.and_then(|at| cells.get_mut(at)) {
                    held.push((*field as usize, rank));
                    has |= matches!(column, Column::Named(_));
                }
            }
            found += usize::from(has);
            timed |= has && matches!(field, Field::Time | Field::Date);
        }
        let is_traffic = names
            .iter()
            .any(|cell| TRAFFIC.iter().any(|name| same_name(cell, name)));
        (timed && found * 2 >= self.fields.len()).then_some(Columns { cells, is_traffic })
    }

    fn read<'a>(&self, columns: Option<&Columns>, line: &'a [u8], clock: &LocalClock) -> Read<'a> {
        let mut values = Values::new();
        match self.shape {
            Shape::Cells { .. } | Shape::W3c => {
                let columns = columns.ok_or(RejectReason::WrongShape)?;
                let mut count = 0;
                for (index, cell) in self.cells(line).enumerate() {
                    count += 1;
                    for (field, rank) in columns.cells.get(index).into_iter().flatten() {
                        values.put(*field, *rank, cell.clone());
                    }
                }
                let all = self.remembers();
                if (all && count != columns.cells.len()) || count < columns.cells.len() {
                    // Where a cell is missing or there is one too many, the others may have slipped.
                    return Err(RejectReason::MissingFields.into());
                }
            }
            Shape::Pairs => {
                let mut any = false;
                for (name, value) in Pairs::listed(line) {
                    any = true;
                    self.take(
                        &mut values,
                        &mut |wanted| same_name(name, wanted),
                        Cow::Borrowed(value),
                    );
                }
                if !any {
                    return Err(RejectReason::WrongShape.into());
                }
            }
            Shape::Json => {
                let whole = json::leaves(line, &mut |path, leaf| {
                    let value = match leaf.text() {
                        Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
                        Cow::Owned(value) => Cow::Owned(value.into_bytes()),
                    };
                    self.take(&mut values, &mut |wanted| same_path(path, wanted), value);
                });
                if !whole {
                    return Err(RejectReason::WrongShape.into());
                }
            }
        }
        let order = match self.day_first {
            true => DayOrder::DayFirst,
            false => DayOrder::MonthFirst,
        };
        values.record(self, order, clock)
    }

    fn take<'a>(
        &self,
        values: &mut Values<'a>,
        is_named: &mut dyn FnMut(&str) -> bool,
        value: Cow<'a, [u8]>,
    ) {
        for (field, choices) in self.fields {
            for (rank, column) in choices.iter().enumerate() {
                if let Column::Named(wanted) = column
                    && is_named(wanted)
                {
                    values.put(*field as usize, rank, value.clone());
                }
            }
        }
    }

    /// What a word of the source means: as the description says, else the word itself.
    fn meaning<'w>(&self, word: &'w str) -> &'w str {
        self.words
            .iter()
            .find(|(theirs, _)| theirs.eq_ignore_ascii_case(word))
            .map_or(word, |(_, ours)| ours)
    }
}

impl LineReader for Reader {
    fn read<'a>(&mut self, frame: &Frame<'a>, out: &mut dyn FnMut(Event<'a>)) -> Outcome {
        let line = frame.bytes;
        let is_comment = line.starts_with(b"#");
        // A line that is a record is no heading: where a record has its moment, a heading has a name.
        let read = match is_comment {
            true => Err(OTHER),
            false => self.mapping.read(self.columns.as_ref(), line, &self.clock),
        };
        match read {
            Ok(event) => {
                out(event);
                Outcome::Records
            }
            Err(passed) => match self.mapping.heading(line) {
                Some(columns) => {
                    self.columns = Some(columns);
                    Outcome::Ignored(IgnoreReason::Comment)
                }
                None if is_comment => Outcome::Ignored(IgnoreReason::Comment),
                None => Passed::into(passed),
            },
        }
    }
}

/// Whether the names that lead to a value are these, joined by dots.
fn same_path(path: &[&[u8]], wanted: &str) -> bool {
    let mut names = wanted.split('.');
    path.iter().all(|name| {
        names
            .next()
            .is_some_and(|wanted| text(name).eq_ignore_ascii_case(wanted))
    }) && names.next().is_none()
}

/// What each described column that a table has not takes from its likeness to a layout that came with the program.
pub(super) const MISSING_COLUMN: u8 = 2;

/// Columns that tables of requests and connections have.
const TRAFFIC: [&str; 9] = [
    "URL",
    "Requested URL",
    "Site",
    "Domain",
    "Host",
    "Destination IP",
    "Bytes",
    "Bytes Sent",
    "Bytes Received",
];

/// More columns than any table has.
const MOST_COLUMNS: usize = 1024;

#[cfg(test)]
mod tests;
