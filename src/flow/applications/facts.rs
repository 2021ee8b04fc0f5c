//! What was learned of a flow by listening, held small: a flow may live for half an hour, and there may be a million.
//!
//! What nearly every flow has lies here; what only some have lies behind a box that is made when it is needed, and
//! what is needed for a few packets only is given back after them.

use std::borrow::Cow;

use super::Stand;
use super::client_hello::version_name;
use crate::record::{ApplicationBasis, ApplicationClass, Event, WebHit};

/// How many different names of a flow are kept.
const MOST_NAMES: usize = 64;

/// What was learned of a flow by listening.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Facts {
    pub(in crate::flow) application: &'static str,
    pub(in crate::flow) class: Option<ApplicationClass>,
    pub(in crate::flow) basis: Option<ApplicationBasis>,
    pub(in crate::flow) server_name: Box<str>,
    pub(in crate::flow) dns_queries: Names,
    hello: Option<Box<Hello>>,
    request: Option<Box<Request>>,
    passing: Option<Box<Passing>>,
    /// Where listening stands: here, since there is room for it, and there are many.
    pub(super) stand: Stand,
}

/// What a Client Hello and its answer told.
#[derive(Clone, Debug)]
pub(in crate::flow) struct Hello {
    pub(in crate::flow) alpn: Cow<'static, str>,
    /// The fingerprint, in ASCII; zeros as long as no hello was seen.
    pub(super) print: [u8; 36],
    /// The number of the version; 0 as long as none is known.
    pub(super) version: u16,
    pub(in crate::flow) ech: Option<bool>,
}

/// What a request of HTTP told.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Request {
    pub(in crate::flow) method: Cow<'static, str>,
    pub(in crate::flow) path: Box<str>,
    pub(in crate::flow) user_agent: Box<str>,
    /// The head of the first request has come whole.
    pub(super) is_head_read: bool,
}

/// What is needed for a while only.
#[derive(Clone, Debug, Default)]
pub(super) struct Passing {
    /// What happened that a log would tell of, too.
    events: Vec<Event<'static>>,
    /// HTTP: a request that names an account, until its answer comes.
    pub(super) asked: Option<Box<WebHit<'static>>>,
    /// Pieces of a hello that is not whole yet, with their offsets.
    pub(super) pieces: Vec<(usize, Vec<u8>)>,
    /// Questions that wait for their answers (RADIUS): number and question.
    pub(super) waiting: Vec<(u8, Vec<u8>)>,
}

impl Facts {
    /// Nothing is known yet.
    pub(super) fn beginning(stand: Stand) -> Facts {
        Facts {
            stand,
            ..Facts::default()
        }
    }

    /// The flow is this application's by its content.
    pub(super) fn name(&mut self, application: &'static str, class: ApplicationClass) {
        self.application = application;
        self.class = Some(class);
        self.basis = Some(ApplicationBasis::Content);
    }

    /// What Teredo itself says, and what it carries without a name of its own, is Teredo: a way past the filter.
    pub(in crate::flow) fn is_within_teredo(&mut self) {
        if matches!(self.class, None | Some(ApplicationClass::Network)) {
            self.name("teredo", ApplicationClass::Tunnel);
        }
    }

    /// Whether nothing was learned.
    pub(super) fn is_nothing(&self) -> bool {
        let has_more = self.hello.is_some() || self.request.is_some() || self.passing.is_some();
        self.application.is_empty()
            && self.server_name.is_empty()
            && self.dns_queries.0.is_empty()
            && !has_more
    }

    /// The same for the next record of the flow: the names asked for belong to the record before.
    pub(super) fn for_next_record(&self) -> Facts {
        let mut facts = Facts {
            dns_queries: Names::default(),
            ..self.clone()
        };
        facts.take_events();
        facts
    }

    pub(super) fn hello(&mut self) -> &mut Hello {
        self.hello.get_or_insert_default()
    }

    pub(super) fn request(&mut self) -> &mut Request {
        self.request.get_or_insert_default()
    }

    /// What is needed for a while only.
    pub(super) fn passing(&mut self) -> &mut Passing {
        self.passing.get_or_insert_default()
    }

    /// Whether a Client Hello was read.
    pub(super) fn has_hello(&self) -> bool {
        self.hello
            .as_ref()
            .is_some_and(|hello| hello.print != [0; 36])
    }

    /// Whether a request was read to the end of its head.
    pub(super) fn has_request(&self) -> bool {
        let request = self.request.as_ref();
        request.is_some_and(|request| request.is_head_read && !request.method.is_empty())
    }

    /// Whether the method of a request is known.
    pub(super) fn has_method(&self) -> bool {
        let request = self.request.as_ref();
        request.is_some_and(|request| !request.method.is_empty())
    }

    /// Takes over the version that was agreed on.
    pub(super) fn agree(&mut self, version: u16) {
        self.hello().version = version;
    }

    pub(super) fn alpn(&self) -> &str {
        self.hello.as_ref().map_or("", |hello| &hello.alpn)
    }

    pub(in crate::flow) fn tls_version(&self) -> &'static str {
        let hello = self.hello.as_ref();
        version_name(hello.map_or(0, |hello| hello.version))
    }

    /// What the hello told, for the record.
    pub(in crate::flow) fn take_hello(&mut self) -> Hello {
        self.hello
            .take()
            .map_or_else(Hello::default, |hello| *hello)
    }

    /// What the request told, for the record.
    pub(in crate::flow) fn take_request(&mut self) -> Request {
        self.request
            .take()
            .map_or_else(Request::default, |request| *request)
    }

    /// Tells of what a log would tell of, too.
    pub(super) fn tell(&mut self, event: Event<'static>) {
        self.passing().events.push(event);
    }

    /// The request of an account that waits for its answer.
    pub(super) fn take_asked(&mut self) -> Option<Box<WebHit<'static>>> {
        self.passing.as_mut()?.asked.take()
    }

    /// What was told since this was asked last; gives back what is not needed any more.
    #[inline]
    pub(super) fn take_events(&mut self) -> Vec<Event<'static>> {
        let Some(passing) = &mut self.passing else {
            return Vec::new();
        };
        let events = std::mem::take(&mut passing.events);
        if passing.asked.is_none() && passing.pieces.is_empty() && passing.waiting.is_empty() {
            self.passing = None;
        }
        events
    }

    /// How many bytes wait in pieces and questions.
    pub(super) fn waits(&self) -> usize {
        let Some(passing) = &self.passing else {
            return 0;
        };
        let pieces = passing
            .pieces
            .iter()
            .map(|(_, piece)| piece.capacity() + 32);
        let waiting = passing.waiting.iter().map(|(_, said)| said.capacity() + 32);
        pieces.chain(waiting).sum()
    }

    /// Gives back what waits, whether or not it is needed.
    pub(super) fn forget_waiting(&mut self) {
        if let Some(passing) = &mut self.passing {
            passing.pieces = Vec::new();
            passing.waiting = Vec::new();
        }
    }
}

impl Default for Hello {
    fn default() -> Self {
        Hello {
            alpn: Cow::Borrowed(""),
            print: [0; 36],
            version: 0,
            ech: None,
        }
    }
}

impl Hello {
    /// The fingerprint as text; empty if there is none.
    pub(in crate::flow) fn ja4(&self) -> String {
        let print = self.print.iter().take_while(|byte| **byte != 0);
        print.map(|byte| char::from(*byte)).collect()
    }
}

/// Names that were asked for, each once, in one text: none has an end of line in it, as what is no printable character of a
/// label is written by its number.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Names(Box<str>);

impl Names {
    /// Keeps a name, once, as long as there is room.
    pub(super) fn keep(&mut self, name: &str) {
        let mut count = 0;
        if name.is_empty()
            || self.iter().any(|known| {
                count += 1;
                known == name
            })
            || count >= MOST_NAMES
        {
            return;
        }
        let mut names = std::mem::take(&mut self.0).into_string();
        let is_first = names.is_empty();
        names.reserve_exact(name.len() + usize::from(!is_first));
        if !is_first {
            names.push('\n');
        }
        names.push_str(name);
        self.0 = names.into_boxed_str();
    }

    pub(super) fn is_full(&self) -> bool {
        self.iter().count() >= MOST_NAMES
    }

    pub(in crate::flow) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split('\n').filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_no_more_than_the_bound() {
        let mut names = Names::default();
        for name in ["b.example", "a.example", "b.example", ""] {
            names.keep(name);
        }
        assert_eq!(names.iter().collect::<Vec<_>>(), ["b.example", "a.example"]);
        for number in 0..2 * MOST_NAMES {
            names.keep(&format!("{number}.example"));
        }
        assert_eq!(names.iter().count(), MOST_NAMES);
        assert!(names.is_full());
    }

    #[test]
    fn facts_are_small() {
        assert!(size_of::<Facts>() <= 80, "{}", size_of::<Facts>());
        assert!(size_of::<Hello>() <= 64, "{}", size_of::<Hello>());
    }
}
