//! The nouns that travel: seven kinds of event, the registers, the findings, and the words that go with them.
//!
//! Everything that is read becomes one of these; nothing here reads, writes, looks at a clock or
//! knows where a record came from beyond its [`Place`]. Each column is declared once, in the
//! `record!` block of its record, with its type in the store, its class for disclosure and its nature.

mod columns;
mod encode;

mod account;
mod address;
pub mod calendar;
mod counts;
mod dns;
mod event;
mod finding;
mod flow;
mod mail;
mod packet;
mod realms;
mod reject;
mod register;
mod session;
mod source;
mod subject;
mod time;
mod web;
mod words;

pub use account::{AccountText, AccountToken, Tokens};
pub use address::{Mac, Network, from_store_ip, to_store_ip};
pub use columns::{Class, Column, ColumnValue, Encoder, Nature, Record, Table, Tabled, Word};
pub use counts::{Counts, SumsDoNotAddUp};
pub use dns::DnsQuery;
pub use encode::{CsvRow, JsonRow, RowBinary};
pub use event::{Event, Placed};
pub use finding::{Finding, FindingId, Severity};
pub use flow::{ApplicationBasis, ApplicationClass, EndReason, Flow};
pub use mail::{Direction, MailEvent};
pub use packet::Packet;
pub use realms::{Realms, RealmsError};
pub use register::{
    AccountLine, DeviceLine, EstablishmentLine, LinkLine, NetworkLine, RegisterKind, RegisterLine,
};
pub use reject::{IgnoreReason, Reject, RejectReason};
pub use session::{Lease, LeaseEvent, SignIn, SignInEvent, Translation};
pub use source::{Place, SourceId, SourceKind, SourceLine};
pub use subject::{Basis, Verdict};
pub use time::{TimeError, Timestamp};
pub use web::{Action, WebHit};

/// All tables that hold events, in the order of the design.
pub static EVENT_TABLES: &[&Table] = &[
    Flow::TABLE,
    WebHit::TABLE,
    DnsQuery::TABLE,
    MailEvent::TABLE,
    SignIn::TABLE,
    Lease::TABLE,
    Translation::TABLE,
    Reject::TABLE,
];

/// The tables of the registers.
pub static REGISTER_TABLES: &[&Table] = &[
    EstablishmentLine::TABLE,
    NetworkLine::TABLE,
    LinkLine::TABLE,
    AccountLine::TABLE,
    DeviceLine::TABLE,
];

/// The tables whose rows have no place: findings, and the sources themselves.
pub static PLACELESS_TABLES: &[&Table] = &[Finding::TABLE, SourceLine::TABLE];

impl Table {
    /// Whether its rows begin with `source_id`, `frame` and `ordinal`.
    pub fn has_place(&self) -> bool {
        !PLACELESS_TABLES.iter().any(|table| table.name == self.name)
    }
}

/// The table with this name, of whatever kind.
pub fn table(name: &str) -> Option<&'static Table> {
    EVENT_TABLES
        .iter()
        .chain(REGISTER_TABLES)
        .chain(PLACELESS_TABLES)
        .copied()
        .find(|table| table.name == name)
}
