//! Puts into a record what lists say of it.

use crate::record::{ApplicationBasis, ApplicationClass, Event, Flow, Word};

use super::{ListIndex, Matches};

/// The categories of lists that tell what a server is for, and what a flow to it is then taken for.
const SERVER_CATEGORIES: &[(&str, ApplicationClass)] = &[
    ("vpn", ApplicationClass::Vpn),
    ("tor", ApplicationClass::Anonymiser),
    ("encrypted_dns", ApplicationClass::EncryptedDns),
    ("proxy", ApplicationClass::Proxy),
];

impl ListIndex {
    /// Puts the categories and lists that an event meets into it. Sign-ins, leases, translations and mail meet none.
    pub fn classify(&self, event: &mut Event<'_>) {
        if self.is_empty() {
            return;
        }
        match event {
            Event::WebHit(hit) => {
                let matches = self.request(&hit.host.0, &hit.path, hit.server_ip);
                (hit.categories, hit.lists) = words(&matches);
            }
            Event::DnsQuery(query) => {
                let matches = self.domain(&query.qname.0);
                (query.categories, query.lists) = words(&matches);
            }
            Event::Flow(flow) => self.classify_flow(flow),
            _ => {}
        }
    }

    /// A flow whose bytes have not told what it is, is what the list of its server's address says.
    pub fn classify_flow(&self, flow: &mut Flow) {
        // That bytes say nothing is no more than a port says.
        if flow.application.0 != "unknown_encrypted"
            && flow
                .application_basis
                .is_some_and(|basis| basis != ApplicationBasis::Port)
        {
            return;
        }
        let matches = self.address(flow.dst_ip);
        for category in matches.categories() {
            if let Some((name, class)) =
                SERVER_CATEGORIES.iter().find(|(name, _)| *name == category)
            {
                flow.application = (*name).into();
                flow.application_class = Some(*class);
                flow.application_basis = Some(ApplicationBasis::AddressList);
                return;
            }
        }
    }
}

/// Hits are few, so their words are copied: the event then lives as long as its frame, whatever becomes of the lists.
fn words(matches: &Matches<'_>) -> (Vec<Word<'static>>, Vec<Word<'static>>) {
    let owned = |texts: Vec<&str>| {
        let words = texts.into_iter().map(str::to_owned);
        words.map(Word::from).collect()
    };
    (owned(matches.categories()), owned(matches.labels()))
}
