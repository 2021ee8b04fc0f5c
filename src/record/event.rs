//! Any event, and an event with its place.

use super::{
    DnsQuery, Encoder, Flow, Lease, MailEvent, Place, Record, Reject, SignIn, Table, Timestamp,
    Translation, WebHit,
};

/// One of the seven kinds of event, or what could not become one. Texts may point into the frame they were read from.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "an event lives on the stack, one at a time, and is never kept"
)]
pub enum Event<'a> {
    /// A flow.
    Flow(Box<Flow>),
    /// A web request.
    WebHit(WebHit<'a>),
    /// A DNS question.
    DnsQuery(DnsQuery<'a>),
    /// A mail.
    MailEvent(MailEvent<'a>),
    /// A sign-in.
    SignIn(SignIn<'a>),
    /// A lease.
    Lease(Lease<'a>),
    /// A translation.
    Translation(Translation),
    /// A frame that was rejected.
    Reject(Reject),
}

/// An event and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<'a> {
    /// Where it stands.
    pub place: Place,
    /// The event.
    pub event: Event<'a>,
}

impl Event<'_> {
    /// When it happened; for a flow, when it ended.
    pub fn time(&self) -> Option<Timestamp> {
        match self {
            Event::Flow(flow) => Some(flow.end),
            Event::WebHit(hit) => Some(hit.time),
            Event::DnsQuery(query) => Some(query.time),
            Event::MailEvent(mail) => Some(mail.time),
            Event::SignIn(sign_in) => Some(sign_in.time),
            Event::Lease(lease) => Some(lease.time),
            Event::Translation(translation) => Some(translation.from),
            Event::Reject(reject) => reject.time,
        }
    }
}

impl Record for Event<'_> {
    fn table(&self) -> &'static Table {
        match self {
            Event::Flow(flow) => flow.table(),
            Event::WebHit(hit) => hit.table(),
            Event::DnsQuery(query) => query.table(),
            Event::MailEvent(mail) => mail.table(),
            Event::SignIn(sign_in) => sign_in.table(),
            Event::Lease(lease) => lease.table(),
            Event::Translation(translation) => translation.table(),
            Event::Reject(reject) => reject.table(),
        }
    }

    fn write<E: Encoder>(&self, encoder: &mut E) {
        match self {
            Event::Flow(flow) => flow.write(encoder),
            Event::WebHit(hit) => hit.write(encoder),
            Event::DnsQuery(query) => query.write(encoder),
            Event::MailEvent(mail) => mail.write(encoder),
            Event::SignIn(sign_in) => sign_in.write(encoder),
            Event::Lease(lease) => lease.write(encoder),
            Event::Translation(translation) => translation.write(encoder),
            Event::Reject(reject) => reject.write(encoder),
        }
    }
}
