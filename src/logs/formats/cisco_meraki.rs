//! Cisco Meraki's access points and appliances through syslog: 802.1X and splash sign-ins, VPN clients, connections,
//! leases, and requests for URLs.
//!
//! `<134>1 1772446500.123456789 ap1 events type=8021x_eap_success identity='j.bloggs' client_mac='02:..'`: the heading has the moment, the device and the kind.

use crate::logs::envelope::without_priority;
use crate::logs::fields::{Words, address, address_and_port, after, between, card, contains, text};
use crate::logs::lines::{LineFormat, OTHER, Passed, Read, ReadLines, lease, sign_in};
use crate::logs::pairs::Pairs;
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::squid::put_url;
use crate::logs::stamps::stamp;
use crate::logs::times::LocalClock;
use crate::record::{
    AccountText, Action, Basis, EndReason, Event, Lease, LeaseEvent, RejectReason, SignIn,
    SignInEvent, Timestamp, Translation, WebHit,
};

pub(super) static CISCO_MERAKI: LineFormat<ReadLines> = LineFormat {
    name: "cisco_meraki",
    title: "Cisco Meraki (802.1X, splash, VPN, flows, leases, URLs)",
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
            | b"bridge_anyconnect_client_vpn_firewall"
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

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let [time, device, kind, message] = heading(line).ok_or(RejectReason::WrongShape)?;
    let time = stamp(time, clock).0.moment()?;
    out(match kind {
        b"urls" => url(message, time),
        b"events" if contains(message, "dhcp lease of ip ") => leased(message, time),
        b"events" if contains(message, "vpn_") && contains(message, " local ip ") => {
            tunnel(message, device, time)
        }
        b"events" => event(message, device, time),
        b"flows" | b"ip_flow_start" | b"ip_flow_end" => {
            return flow(message, kind, time, out);
        }
        _ if kind.ends_with(b"firewall") => return flow(message, kind, time, out),
        _ => Err(OTHER),
    }?);
    Ok(())
}

/// `client_vpn_connect user id 'NAME' local ip 10.1.99.5 connected from 203.0.113.9`: the address given out inside; the far end stands for
/// the session, and is nobody's.
fn tunnel<'a>(message: &'a [u8], device: &'a [u8], time: Timestamp) -> Read<'a> {
    let event = match Words::of(message).next() {
        Some(b"client_vpn_connect" | b"anyconnect_vpn_connect") => SignInEvent::Start,
        Some(b"client_vpn_disconnect" | b"anyconnect_vpn_disconnect") => SignInEvent::Stop,
        _ => return Err(OTHER),
    };
    let word = |before: &str| after(message, before).and_then(|rest| Words::of(rest).next());
    let ip = word(" local ip ").ok_or(RejectReason::MissingFields)?;
    Ok(Event::SignIn(SignIn {
        account_token: between(message, "user id '", "'")
            .map(text)
            .and_then(AccountText::new),
        ip: Some(address(ip).ok_or(RejectReason::BadAddress)?),
        session: text(word("connected from ").unwrap_or_default()).into(),
        nas: text(device).into(),
        ..sign_in(time, event, Basis::Directory)
    }))
}

const PART: Named = |key| {
    Some(match key {
        b"src" => Part::ClientIp,
        b"dst" => Part::ServerIp,
        b"sport" => Part::ClientPort,
        b"dport" => Part::ServerPort,
        b"protocol" => Part::Protocol,
        b"translated_src_ip" => Part::NatIp,
        b"translated_port" => Part::NatPort,
        _ => return None,
    })
};

/// A connection as the firewall's rules met it, or its beginning or end; no bytes are told.
fn flow<'a>(
    message: &'a [u8],
    kind: &[u8],
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let said = Said::of_pairs(message, PART)?;
    // `flows allow src=..`, or `pattern: deny (..)`, `pattern: Group Policy Allow`; what a number there means no document says.
    let rule = after(message, "pattern: ").unwrap_or_else(|| {
        let first = memchr::memmem::find(message, b"src=").unwrap_or(0);
        message.get(..first).unwrap_or_default()
    });
    let rule = rule.split(|byte| *byte == b'(').next().unwrap_or_default();
    let has = |word: &[u8]| Words::of(rule).any(|said| said.eq_ignore_ascii_case(word));
    let (action, end) = match kind {
        b"ip_flow_start" => (Some(Action::Allowed), EndReason::Active),
        b"ip_flow_end" => (Some(Action::Allowed), EndReason::End),
        _ if has(b"deny") => (Some(Action::Blocked), EndReason::Forced),
        _ if has(b"allow") => (Some(Action::Allowed), EndReason::Active),
        _ => (None, EndReason::Active),
    };
    let event = said.flow_event(time, action, None, end)?;
    let outside = said.ip(Part::NatIp)?;
    let port = said.port(Part::NatPort)?;
    let nat = match (&event, outside) {
        (Event::Flow(flow), Some(outside_ip)) => Some(Translation {
            from: time,
            to: (end == EndReason::End).then_some(time),
            protocol: flow.protocol,
            inside_ip: flow.src_ip,
            inside_port: Some(flow.src_port).filter(|port| *port != 0),
            outside_ip,
            outside_port_first: port,
            outside_port_last: port,
        }),
        _ => None,
    };
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
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
    let mac = match pairs
        .value(b"client_mac")
        .or(pairs.value(b"mac"))
        .filter(|mac| !mac.is_empty())
    {
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
        ip: ip.filter(|ip| !ip.is_unspecified()),
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
