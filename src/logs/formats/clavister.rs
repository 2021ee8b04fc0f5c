//! Clavister's cOS Core (and D-Link's firewalls of the same make) through syslog: connections, dropped packets, web requests and sign-ins, all as
//! `key=value` behind the category (`CONN: prio=1 id=00600004 event=conn_open ...`).
//!
//! `origsent` is what the side that opened the connection sent, `termsent` what came back; both stand where it closes.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::between;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Action, Basis, EndReason, Event, SignInEvent, Timestamp, Translation};

/// Clavister's log.
pub(super) static CLAVISTER: LineFormat<ReadLines> = LineFormat {
    name: "clavister",
    title: "Clavister (cOS Core)",
    extensions: &["log"],
    is_ours: |line| {
        has_key(line, b"prio") && has_key(line, b"id") && has_key(line, b"event")
            || has_key(line, b"connsrcip")
    },
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"event" => Part::Kind,
        b"conn" => Part::Subkind,
        b"action" => Part::Action,
        b"connsrcip" | b"srcip" | b"client_ip" => Part::ClientIp,
        b"connsrcport" | b"srcport" | b"client_port" => Part::ClientPort,
        b"conndestip" | b"destip" => Part::ServerIp,
        b"conndestport" | b"destport" => Part::ServerPort,
        b"connipproto" | b"ipproto" => Part::Protocol,
        b"connnewsrcip" => Part::NatIp,
        b"connnewsrcport" => Part::NatPort,
        b"connsrcidt" | b"username" | b"user" => Part::User,
        b"origsent" => Part::Sent,
        b"termsent" => Part::Received,
        b"conntime" => Part::Duration,
        b"rule" => Part::Policy,
        b"url" => Part::Url,
        b"categories" => Part::Category,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    if !(CLAVISTER.is_ours)(line) {
        return Err(WRONG_SHAPE);
    }
    let said = Said::of_pairs(line, PART)?;
    // The device's own moment, in brackets; else the heading's.
    let own = between(line, "[", "]").and_then(|stamp| clock.stamp(stamp));
    let time = || {
        own.or_else(|| Heading::of(line).time(clock))
            .ok_or(BAD_TIME)
    };
    let kind = said.bytes(Part::Kind);
    if said.raw(Part::Url).is_some() {
        out(said.web_event(time()?, said.action(), None)?);
        return Ok(());
    }
    if let Some(event) = signed_in(kind) {
        said.account().ok_or(OTHER)?;
        let mut said = said;
        if memmem::find(line, b"SYSTEM: ").is_some() || kind.starts_with(b"admin") {
            // Who manages the device is nobody's by that address: it stands for the session.
            said.replace(Part::Session, said.bytes(Part::ClientIp));
        }
        out(said.sign_in_event(time()?, event, Basis::Directory)?);
        return Ok(());
    }
    if said.raw(Part::ClientIp).is_none() || said.raw(Part::ServerIp).is_none() {
        return Err(OTHER);
    }
    connection(&said, time()?, out)
}

fn connection<'a>(
    said: &Said<'a>,
    time: Timestamp,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (action, end) = match said.bytes(Part::Subkind) {
        b"open" => (Some(Action::Allowed), EndReason::Active),
        b"close" => (Some(Action::Allowed), EndReason::End),
        _ => match said.action() {
            Some(Action::Blocked) => (Some(Action::Blocked), EndReason::Forced),
            action => (action, EndReason::Active),
        },
    };
    let ms = said.duration_ms(1)?;
    let event = said.flow_event(time, action, ms, end)?;
    let nat = translation(said, &event)?;
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

fn signed_in(event: &[u8]) -> Option<SignInEvent> {
    Some(match event {
        b"user_login" | b"admin_login" => SignInEvent::Logon,
        b"user_logout" | b"admin_logout" | b"user_timeout" => SignInEvent::Logoff,
        b"bad_user_credentials" | b"admin_login_failed" | b"user_login_failed" => SignInEvent::Fail,
        _ => return None,
    })
}

fn translation(said: &Said<'_>, event: &Event<'_>) -> Result<Option<Translation>, Passed> {
    let (Some(outside_ip), Event::Flow(flow)) = (said.ip(Part::NatIp)?, event) else {
        return Ok(None);
    };
    let port = said.port(Part::NatPort)?;
    Ok((outside_ip != flow.src_ip).then(|| Translation {
        from: flow.start,
        to: (flow.end_reason == Some(EndReason::End)).then_some(flow.end),
        protocol: flow.protocol,
        inside_ip: flow.src_ip,
        inside_port: Some(flow.src_port).filter(|port| *port != 0),
        outside_ip,
        outside_port_first: port,
        outside_port_last: port,
    }))
}
