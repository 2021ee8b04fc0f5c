//! Cisco Meraki's access points and appliances through syslog: 802.1X and splash sign-ins, associations, leases, and requests for URLs.
//!
//! `<134>1 1772446500.123456789 ap1 events type=8021x_eap_success identity='j.bloggs' client_mac='02:..'`: the heading has the moment, the device and the kind.

use crate::logs::envelope::without_priority;
use crate::logs::fields::{Words, address, address_and_port, after, between, card, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Read, lease, sign_in};
use crate::logs::pairs::Pairs;
use crate::logs::squid::put_url;
use crate::logs::stamps::stamp;
use crate::logs::times::LocalClock;
use crate::record::{
    AccountText, Basis, Event, Lease, LeaseEvent, RejectReason, SignIn, SignInEvent, Timestamp,
    WebHit,
};

pub(super) static CISCO_MERAKI: LineFormat = LineFormat {
    name: "cisco_meraki",
    title: "Cisco Meraki (802.1X, splash, leases, URLs)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    heading(line).is_some()
}

/// The moment and the device as they stand, the kind, and the message. A relay may have put a heading of its own before it.
fn heading(line: &[u8]) -> Option<[&[u8]; 4]> {
    let bare = without_priority(line);
    let from = match bare.strip_prefix(b"1 ") {
        Some(from) => from,
        None => after(bare, " 1 ")?,
    };
    let mut words = Words::of(from);
    let (time, device, kind) = (words.next()?, words.next()?, words.next()?);
    let is_time = memchr::memchr(b'.', time).is_some_and(|dot| dot >= 9)
        && time
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let known = matches!(
        kind,
        b"events"
            | b"urls"
            | b"flows"
            | b"firewall"
            | b"cellular_firewall"
            | b"vpn_firewall"
            | b"ip_flow_start"
            | b"ip_flow_end"
            | b"security_event"
            | b"airmarshal_events"
            | b"ids-alerts"
            | b"security_filtering_file_scanned"
    );
    (is_time && known).then(|| [time, device, kind, words.rest()])
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let [time, device, kind, message] = heading(line).ok_or(RejectReason::WrongShape)?;
    let time = stamp(time, clock).0.moment()?;
    match kind {
        b"urls" => url(message, time),
        b"events" if contains(message, "dhcp lease of ip ") => leased(message, time),
        b"events" => event(message, device, time),
        _ => Err(OTHER),
    }
}

fn event<'a>(message: &'a [u8], device: &'a [u8], time: Timestamp) -> Read<'a> {
    let pairs = Pairs::of(message);
    let event = match pairs.value(b"type") {
        Some(b"8021x_eap_success" | b"8021x_auth" | b"wpa_auth" | b"splash_auth") => {
            SignInEvent::Logon
        }
        Some(b"8021x_eap_failure") => SignInEvent::Fail,
        Some(b"8021x_client_deauth" | b"8021x_deauth" | b"wpa_deauth" | b"disassociation") => {
            SignInEvent::Logoff
        }
        _ => return Err(OTHER),
    };
    let mac = match pairs.value(b"client_mac").filter(|mac| !mac.is_empty()) {
        Some(mac) => Some(card(mac).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    let ip = match pairs
        .value(b"client_ip")
        .or(pairs.value(b"ip"))
        .filter(|ip| !ip.is_empty())
    {
        Some(ip) => Some(address(ip).ok_or(RejectReason::BadAddress)?),
        None => None,
    };
    let user = pairs.value(b"identity").filter(|user| card(user).is_none());
    if mac.is_none() && ip.is_none() && user.is_none() {
        return Err(OTHER);
    }
    Ok(Event::SignIn(SignIn {
        account_token: user.map(text).and_then(AccountText::new),
        ip,
        mac,
        nas: text(device).into(),
        ..sign_in(time, event, Basis::Radius)
    }))
}

/// `dhcp lease of ip 10.1.2.3 from server mac 02:.. for client mac 02:.. with hostname ...`.
fn leased(message: &[u8], time: Timestamp) -> Read<'_> {
    let word = |before: &str| after(message, before).and_then(|rest| Words::of(rest).next());
    let ip = word("dhcp lease of ip ").ok_or(RejectReason::MissingFields)?;
    let mac = word(" client mac ").ok_or(RejectReason::MissingFields)?;
    let hostname = word(" hostname ").unwrap_or_default();
    let hostname = hostname
        .strip_prefix(b"'")
        .and_then(|name| name.strip_suffix(b"'"))
        .unwrap_or(hostname);
    Ok(Event::Lease(Lease {
        mac: Some(card(mac).ok_or(RejectReason::BadAddress)?),
        hostname: text(hostname),
        ..lease(
            time,
            LeaseEvent::Assign,
            address(ip).ok_or(RejectReason::BadAddress)?,
        )
    }))
}

/// `src=10.1.2.3:51234 dst=192.0.2.80:443 mac=02:.. agent='..' request: GET https://...`.
fn url(message: &[u8], time: Timestamp) -> Read<'_> {
    let pairs = Pairs::of(message);
    let ends = |name: &[u8]| {
        let value = pairs.value(name).ok_or(RejectReason::MissingFields)?;
        address_and_port(value).ok_or(RejectReason::BadAddress)
    };
    let (client, server) = (ends(b"src")?, ends(b"dst")?);
    let request = after(message, "request: ").ok_or(RejectReason::MissingFields)?;
    let mut words = Words::of(request);
    let (method, url) = (words.next(), words.next());
    let (Some(method), Some(url)) = (method, url) else {
        return Err(RejectReason::MissingFields.into());
    };
    let mut hit = WebHit::at(time);
    hit.client_ip = Some(client.0);
    hit.client_port = client.1;
    hit.server_ip = Some(server.0);
    hit.server_port = server.1;
    if method != b"UNKNOWN" {
        hit.method = text(method).into();
    }
    // Of what is encrypted only the host is known: `https://host/...`.
    let url = url.strip_suffix(b"...").unwrap_or(url);
    if !put_url(&mut hit, b"GET", url)? {
        return Err(RejectReason::BadUrl.into());
    }
    hit.user_agent = between(message, "agent='", "'")
        .map(text)
        .unwrap_or_default();
    Ok(Event::WebHit(hit))
}
