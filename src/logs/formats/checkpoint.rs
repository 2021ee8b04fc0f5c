//! Check Point (R80 and later) by its Log Exporter: `[action:"Accept"; src:"10.1.2.3"; ...]` in syslog, and the generic and Splunk layouts with
//! `key=value|key=value`. CEF and LEEF from it are read by those formats.
//!
//! The exporter tells of a connection again whenever its record is updated, under the same `loguid` and with the totals so far: what is
//! counted is what came since.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, Passed, RememberingFormat, WRONG_SHAPE};
use crate::logs::pairs::Pairs;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::logs::totals::Totals;
use crate::record::{Action, Basis, EndReason, Event, SignInEvent, Timestamp, Translation};

/// Check Point's Log Exporter.
pub(super) static CHECKPOINT: RememberingFormat<Totals> = RememberingFormat {
    name: "checkpoint",
    title: "Check Point (Log Exporter)",
    extensions: &["log"],
    is_ours: |line| {
        let has = |part: &[u8]| memmem::find(line, part).is_some();
        has(b"CheckPoint ") && has(b":\"")
            || has(b"loguid") && (has(b"product:\"") || has(b"product="))
            || has(b"|ifdir=")
            || has(b"ifdir:\"")
    },
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"time" => Part::Time,
        b"action" | b"Action" => Part::Action,
        b"src" => Part::ClientIp,
        b"s_port" => Part::ClientPort,
        b"dst" => Part::ServerIp,
        b"service" => Part::ServerPort,
        b"proto" => Part::Protocol,
        b"src_user_name" | b"user" => Part::User,
        b"domain_name" => Part::Realm,
        b"resource" => Part::Url,
        b"dst_domain_name" | b"tls_server_host_name" => Part::Host,
        b"method" => Part::Method,
        b"http_status" => Part::Status,
        b"web_client_type" | b"user_agent" => Part::Agent,
        b"referrer" => Part::Referrer,
        b"content_type" => Part::ContentType,
        b"matched_category" | b"categories" => Part::Category,
        b"rule_name" => Part::Policy,
        b"client_outbound_bytes" | b"sent_bytes" => Part::Sent,
        b"client_inbound_bytes" | b"received_bytes" => Part::Received,
        b"client_outbound_packets" => Part::SentPackets,
        b"client_inbound_packets" => Part::ReceivedPackets,
        b"elapsed" | b"duration" => Part::Duration,
        b"auth_status" => Part::Verdict,
        b"xlatesrc" => Part::NatIp,
        b"xlatesport" => Part::NatPort,
        b"session_uid" => Part::Session,
        b"src_machine_name" => Part::OtherUser,
        b"mac_source_address" => Part::Mac,
        b"domain" | b"dns_query" => Part::Qname,
        b"office_mode_ip" => Part::Answer,
        b"product" => Part::Kind,
        b"loguid" => Part::Rcode,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    totals: &mut Totals,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let mut said = fields(line)?;
    if said.raw(Part::Kind).is_none() && said.raw(Part::Action).is_none() {
        return Err(WRONG_SHAPE);
    }
    let stamp = said.raw(Part::Time);
    let time = stamp
        .map_or_else(|| Heading::of(line).time(clock), |stamp| clock.stamp(stamp))
        .ok_or(BAD_TIME)?;
    let number = said.bytes(Part::Rcode);
    said.replace(Part::Rcode, &[]);
    if said.bytes(Part::Kind) != b"DNS" {
        said.replace(Part::Qname, &[]);
    }
    if let Some(event) = signed_in(&said) {
        return sign_in(said, time, event, out);
    }
    let action = match said.bytes(Part::Action) {
        b"Encrypt" | b"Decrypt" | b"Inspect" | b"HTTPS Inspect" | b"Key Install" => {
            Some(Action::Allowed)
        }
        b"Ask User" | b"Inform User" => Some(Action::Warned),
        _ => said.action(),
    };
    // `1:02:03` or seconds.
    if said.bytes(Part::Duration).contains(&b':') {
        said.replace(Part::Duration, &[]);
    }
    let ms = said.duration_ms(1)?;
    // `service` is a port, or a name where the exporter resolves.
    if said
        .bytes(Part::ServerPort)
        .iter()
        .any(|byte| !byte.is_ascii_digit())
    {
        said.replace(Part::ServerPort, &[]);
    }
    let web = said.raw(Part::Url).is_some()
        || said.raw(Part::Host).is_some() && said.raw(Part::Category).is_some();
    let mut event = if web {
        said.web_event(time, action, ms)?
    } else {
        said.connection(time, action, ms)?
    };
    let nat = translation(&said, &event, time)?;
    if let Event::Flow(flow) = &mut event
        && !number.is_empty()
        && flow.end_reason == Some(EndReason::End)
    {
        totals.leave_news(number, flow);
    }
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

fn fields(line: &[u8]) -> Result<Said<'_>, Passed> {
    if let Some(at) = memmem::find(line, b":\"")
        .and_then(|_| memmem::rfind(line.get(..memmem::find(line, b":\"")?)?, b"["))
    {
        let inner = line.get(at + 1..).unwrap_or_default();
        let inner = inner
            .trim_ascii_end()
            .strip_suffix(b"]")
            .ok_or(WRONG_SHAPE)?;
        return Ok(Said::of_these(Pairs::with(inner, b':', b';'), PART)?);
    }
    let message = Heading::of(line).message;
    if message.contains(&b'|') {
        let mut said = Said::nothing(crate::logs::said::escapes::Escapes::None);
        for pair in message.split(|byte| *byte == b'|') {
            if let Some(at) = memchr::memchr(b'=', pair)
                && let (Some(key), Some(value)) = (pair.get(..at), pair.get(at + 1..))
                && let Some(part) = PART(key.rsplit(|byte| *byte == b' ').next().unwrap_or(key))
            {
                said.put(part, value);
            }
        }
        return Ok(said);
    }
    Ok(Said::of_pairs(message, PART)?)
}

fn signed_in(said: &Said<'_>) -> Option<SignInEvent> {
    said.account()?;
    match said.bytes(Part::Action) {
        b"Log In" => Some(SignInEvent::Logon),
        b"Log Out" => Some(SignInEvent::Logoff),
        b"Failed Log In" => Some(SignInEvent::Fail),
        _ => said.raw(Part::Verdict).and_then(sign_in_of),
    }
}

/// A sign-in; one that comes through the VPN or the portal is nobody's by its far end, which stands for the session, but by the address that
/// it was given inside.
fn sign_in<'a>(
    mut said: Said<'a>,
    time: Timestamp,
    event: SignInEvent,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let product = said.bytes(Part::Kind);
    let far = [b"VPN".as_slice(), b"Mobile Access", b"Web-UI", b"Smart"];
    let is_far = far.iter().any(|word| memmem::find(product, word).is_some());
    let far_end = match is_far {
        true => said.bytes(Part::ClientIp),
        false => &[],
    };
    said.replace(Part::Session, far_end);
    out(said.sign_in_event(time, event, Basis::Directory)?);
    if let Some(inside) = said.raw(Part::Answer) {
        said.replace(Part::ClientIp, inside);
        if let Ok(second) = said.sign_in_event(time, event, Basis::Directory) {
            out(second);
        }
    }
    Ok(())
}

fn translation(
    said: &Said<'_>,
    event: &Event<'_>,
    time: Timestamp,
) -> Result<Option<Translation>, Passed> {
    let (Some(outside_ip), Event::Flow(flow)) = (said.ip(Part::NatIp)?, event) else {
        return Ok(None);
    };
    let port = said.port(Part::NatPort)?;
    Ok(
        (outside_ip != flow.src_ip && !outside_ip.is_unspecified()).then(|| Translation {
            from: flow.start,
            to: (flow.end_reason == Some(EndReason::End)).then_some(time),
            protocol: flow.protocol,
            inside_ip: flow.src_ip,
            inside_port: Some(flow.src_port).filter(|port| *port != 0),
            outside_ip,
            outside_port_first: port,
            outside_port_last: port,
        }),
    )
}
