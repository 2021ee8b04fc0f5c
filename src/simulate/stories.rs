//! Planted stories: what a rule must find, and an innocent twin that looks like it and must not be found.
//!
//! A story is one file below and its line in [`SCRIPTS`]. No story is cut to the windows in which its rule counts: it begins when somebody
//! happens to be there, and is told with so much that the rule must find it however it lies.

mod beaconing;
mod bulk_upload;
mod bypass_after_block;
mod category_hit;
mod clear_text_secrets;
mod denial_of_service_source;
mod dns_tunnel;
mod encrypted_dns;
mod filter_coverage_gap;
mod flow_storm;
mod foreign_resolver;
mod hidden_server_name;
mod leaver_active;
mod link_saturated;
mod malware_contact;
mod open_proxy;
mod password_guessing;
mod peer_to_peer;
mod remote_control_tunnel;
mod scanning;
mod sustained_high_volume;
mod tor_use;
mod unknown_encrypted_bulk;
mod vpn_tunnel;
mod web_proxy;

use std::net::Ipv4Addr;

use super::random::Random;
use super::web::Request;
use super::wire::Wire;

/// Every story that can be told.
pub(super) static SCRIPTS: &[&Script] = &[
    &category_hit::SCRIPT,
    &vpn_tunnel::SCRIPT,
    &sustained_high_volume::SCRIPT,
    &beaconing::SCRIPT,
    &bulk_upload::SCRIPT,
    &bypass_after_block::SCRIPT,
    &clear_text_secrets::SCRIPT,
    &denial_of_service_source::SCRIPT,
    &dns_tunnel::SCRIPT,
    &encrypted_dns::SCRIPT,
    &filter_coverage_gap::SCRIPT,
    &flow_storm::SCRIPT,
    &foreign_resolver::SCRIPT,
    &hidden_server_name::SCRIPT,
    &leaver_active::SCRIPT,
    &link_saturated::SCRIPT,
    &malware_contact::SCRIPT,
    &open_proxy::SCRIPT,
    &password_guessing::SCRIPT,
    &peer_to_peer::SCRIPT,
    &remote_control_tunnel::SCRIPT,
    &scanning::SCRIPT,
    &tor_use::SCRIPT,
    &unknown_encrypted_bulk::SCRIPT,
    &web_proxy::SCRIPT,
];

/// How a story goes, and its twin.
#[derive(Debug)]
pub(super) struct Script {
    /// The rule that must find it.
    pub(super) rule: &'static str,
    /// Rules that find the same, rightly.
    pub(super) also: &'static [&'static str],
    /// Where it can take place.
    pub(super) place: Place,
    /// How long it takes at least, and its twin, in milliseconds.
    pub(super) least: [i64; 2],
    /// Whether it ends then, or goes on while the person is there.
    pub(super) is_short: bool,
    /// Whether it is told of the establishment, and names nobody.
    pub(super) names_nobody: bool,
    /// Whether it goes on on all days, since it is the account that is wrong and not what is done with it.
    pub(super) is_always: bool,
    /// Whether the register says that the person has left.
    pub(super) has_left: bool,
    /// What is asked of the proxy, and when.
    pub(super) requests: fn(&Story) -> Vec<(i64, Request)>,
    /// What passes the mirror port; the address is the person's.
    pub(super) packets: fn(&Story, Ipv4Addr, &mut Random, &mut Wire),
    /// Sign-ins that fail: when, and for which account.
    pub(super) failures: fn(&Story) -> Vec<(i64, String)>,
}

/// Where a story can take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    /// Lines of schools are too wide for one user to fill with what a capture of this size holds.
    Residential,
    /// The same, between 08:00 and 16:00, and the story and its twin apart.
    ResidentialByDay,
    /// Where there is a directory, and where a large capture does not stand in each establishment.
    Secondary,
    /// Wherever people sign in.
    SignIn,
    /// The story in establishments of even numbers, its twin in the others.
    Apart,
}

impl Script {
    /// A story that is told by nothing yet; each says by what it is.
    const PLAIN: Script = Script {
        rule: "",
        also: &[],
        place: Place::Anywhere,
        least: [0, 0],
        is_short: false,
        names_nobody: false,
        is_always: false,
        has_left: false,
        requests: |_| Vec::new(),
        packets: |_, _, _, _| {},
        failures: |_| Vec::new(),
    };
}

/// A story.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) id: String,
    pub(super) script: &'static Script,
    pub(super) twin: bool,
    /// The stay in which it happens.
    pub(super) stay: usize,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) account: String,
}

impl Story {
    /// So many moments, evenly from its beginning to its end.
    fn moments(&self, number: i64) -> impl Iterator<Item = i64> + use<> {
        let (from, step) = (self.from, (self.to - self.from) / number.max(1));
        (0..number).map(move |at| from + at * step)
    }

    /// One number for the story, another for its twin.
    fn of<T>(&self, story: T, twin: T) -> T {
        if self.twin { twin } else { story }
    }
}

/// The lists that the stories meet: name, which is the category, too, and content.
pub(super) const LISTS: &[(&str, &str)] = &[
    ("gambling", category_hit::LIST),
    ("malware", malware_contact::LIST),
    ("proxy", web_proxy::LIST),
];

/// Far ends that are known and in order, as the operator has them in the configuration.
pub(super) const KNOWN_RESOLVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
pub(super) const KNOWN_PROXY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
pub(super) const KNOWN_SUPPORT: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 40);

/// A page that is fetched in clear.
fn page(host: &str, path: &str, media: &'static str, status: u16) -> Request {
    Request {
        elapsed: 120,
        status,
        size: 9000,
        method: "GET",
        url: format!("http://{host}/{path}"),
        media,
        server: Ipv4Addr::new(192, 0, 2, 77),
    }
}
