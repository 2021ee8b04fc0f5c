//! Events as they pass by: what a list says of one is written into it.

use std::net::IpAddr;

use super::index::{ListIndex, Matches};
use crate::record::{ApplicationBasis, ApplicationClass, DnsQuery, Event, Flow, WebHit, Word};

impl ListIndex {
    /// Writes into an event which lists and categories it meets. Sign-ins, leases, translations and mail meet none.
    pub fn classify(&self, event: &mut Event<'_>) {
        if self.is_empty() {
            return;
        }
        match event {
            Event::WebHit(hit) => self.web_hit(hit),
            Event::DnsQuery(query) => self.dns_query(query),
            Event::Flow(flow) => self.flow(flow),
            _ => {}
        }
    }

    fn web_hit(&self, hit: &mut WebHit<'_>) {
        let matches = self.request(&hit.host.0, &hit.path, hit.server_ip);
        if !matches.is_empty() {
            (hit.categories, hit.lists) = words(&matches);
        }
    }

    fn dns_query(&self, query: &mut DnsQuery<'_>) {
        let matches = self.domain(&query.qname.0);
        if !matches.is_empty() {
            (query.categories, query.lists) = words(&matches);
        }
    }

    /// A flow has no column for categories; a list of networks whose category is a class of application (`vpn`, `anonymiser`) says
    /// what a flow is that shows nothing better itself.
    fn flow(&self, flow: &mut Flow) {
        let known = flow.application_class.is_some_and(|class| {
            !matches!(
                class,
                ApplicationClass::Unknown | ApplicationClass::UnknownEncrypted
            )
        });
        if known && flow.application_basis != Some(ApplicationBasis::Port) {
            return;
        }
        let class = [flow.dst_ip, flow.src_ip]
            .into_iter()
            .find_map(|ip| self.class_of(ip));
        if class.is_some() {
            flow.application_class = class;
            flow.application_basis = Some(ApplicationBasis::AddressList);
        }
    }

    fn class_of(&self, ip: IpAddr) -> Option<ApplicationClass> {
        let matches = self.address(ip);
        let categories = matches.categories();
        categories.into_iter().find_map(ApplicationClass::parse)
    }
}

/// Hits are few, so their words are copied: the event then lives as long as its frame, whatever becomes of the lists.
fn words(matches: &Matches<'_>) -> (Vec<Word<'static>>, Vec<Word<'static>>) {
    let owned = |texts: Vec<&str>| {
        texts
            .into_iter()
            .map(|text| text.to_owned().into())
            .collect()
    };
    (owned(matches.categories()), owned(matches.labels()))
}
