//! Stormshield Network Security (and NETASQ before it), WELF `key=value` as its "Description of audit logs" has it: connections, filter,
//! web and authentication logs. Times are the appliance's own, with its offset in `tz`.

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Basis, EndReason, Event, SignInEvent, Timestamp, Translation};

/// Stormshield's audit logs.
pub(super) static STORMSHIELD: LineFormat<ReadLines> = LineFormat {
    name: "stormshield",
    title: "Stormshield Network Security",
    extensions: &["log"],
    is_ours: |line| {
        has_key(line, b"id")
            && has_key(line, b"fw")
            && (has_key(line, b"startime") || has_key(line, b"logtype"))
    },
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"time" => Part::Time,
        b"startime" => Part::Date,
        b"tz" => Part::Zone,
        b"logtype" => Part::Kind,
        b"src" => Part::ClientIp,
        b"srcport" => Part::ClientPort,
        b"dst" => Part::ServerIp,
        b"dstport" => Part::ServerPort,
        b"ipproto" => Part::Protocol,
        b"proto" => Part::Scheme,
        b"user" => Part::User,
        b"domain" => Part::Realm,
        b"op" => Part::Method,
        b"dstname" => Part::Host,
        b"arg" => Part::Path,
        b"result" => Part::Status,
        b"sent" => Part::Sent,
        b"rcvd" => Part::Received,
        b"duration" => Part::Duration,
        b"cat_site" => Part::Category,
        b"rulename" | b"ruleid" => Part::Policy,
        b"action" => Part::Action,
        b"error" => Part::Verdict,
        b"msg" => Part::Message,
        b"modsrc" => Part::NatIp,
        b"modsrcport" => Part::NatPort,
        b"agent" => Part::Agent,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let envelope = Heading::of(line);
    let mut said = Said::of_pairs(envelope.message, PART)?;
    let ended = moment(&said, Part::Time, clock).ok_or(if said.raw(Part::Time).is_some() {
        BAD_TIME
    } else {
        WRONG_SHAPE
    })?;
    match said.bytes(Part::Kind) {
        b"web" | b"ssl" if said.raw(Part::Path).is_some() || said.raw(Part::Host).is_some() => {
            let start = moment(&said, Part::Date, clock).unwrap_or(ended);
            let ms = said.duration_ms(1)?;
            said.replace(Part::Policy, &[]);
            let action = said.action();
            out(said.web_event(start, action, ms)?);
        }
        b"auth" | b"xvpn" | b"vpn" => {
            let event = match said.bytes(Part::Verdict) {
                b"" => sign_in_of(said.bytes(Part::Message)).ok_or(OTHER)?,
                b"0" => sign_in_of(said.bytes(Part::Message)).unwrap_or(SignInEvent::Logon),
                _ => SignInEvent::Fail,
            };
            said.account().ok_or(OTHER)?;
            out(said.sign_in_event(ended, event, Basis::Directory)?);
        }
        _ => {
            said.replace(Part::Host, &[]);
            let ms = said.duration_ms(1)?;
            let action = said.action();
            let event = said.connection(ended, action, ms)?;
            let nat = translation(&said, &event)?;
            out(event);
            if let Some(nat) = nat {
                out(Event::Translation(nat));
            }
        }
    }
    Ok(())
}

/// A time with the offset that the line names for all its times.
fn moment(said: &Said<'_>, part: Part, clock: &LocalClock) -> Option<Timestamp> {
    let text = said.raw(part)?;
    let at = text.iter().position(|byte| matches!(byte, b' ' | b'T'))?;
    clock.stamp_of(text.get(..at)?, text.get(at + 1..)?, said.raw(Part::Zone))
}

fn translation(said: &Said<'_>, event: &Event<'_>) -> Result<Option<Translation>, Passed> {
    let (Some(outside_ip), Event::Flow(flow)) = (said.ip(Part::NatIp)?, event) else {
        return Ok(None);
    };
    if outside_ip == flow.src_ip {
        return Ok(None);
    }
    let port = said.port(Part::NatPort)?;
    Ok(Some(Translation {
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
