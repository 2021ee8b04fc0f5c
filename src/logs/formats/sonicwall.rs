//! SonicWall (SonicOS) syslog, `key=value`: connections, web requests with their category, refusals, sign-ins. Ends are written
//! `address:port:interface:name`; `m=` is the number of the message, by SonicOS's "Log Event Reference Guide".

use crate::logs::envelope::Heading;
use crate::logs::fields::address;
use crate::logs::lines::{BAD_TIME, LineFormat, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::actions::action_of;
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Action, Basis, EndReason, Event, RejectReason, Translation};

/// SonicWall's log.
pub(super) static SONICWALL: LineFormat<ReadLines> = LineFormat {
    name: "sonicwall",
    title: "SonicWall (SonicOS)",
    extensions: &["log"],
    is_ours: |line| {
        has_key(line, b"sn")
            && has_key(line, b"m")
            && has_key(line, b"pri")
            && (has_key(line, b"c") || has_key(line, b"n"))
    },
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"time" => Part::Time,
        b"src" | b"srcV6" => Part::ClientIp,
        b"dst" | b"dstV6" => Part::ServerIp,
        b"natSrc" | b"natSrcV6" => Part::NatIp,
        b"proto" => Part::Protocol,
        b"usr" | b"user" => Part::User,
        b"op" => Part::Method,
        b"dstname" => Part::Host,
        b"arg" => Part::Path,
        b"result" => Part::Status,
        b"sent" => Part::Sent,
        b"rcvd" => Part::Received,
        b"spkt" => Part::SentPackets,
        b"rpkt" => Part::ReceivedPackets,
        b"cdur" => Part::Duration,
        b"Category" | b"category" => Part::Category,
        b"rule" => Part::Policy,
        b"fw_action" => Part::Action,
        b"msg" => Part::Message,
        b"m" => Part::Kind,
        b"srcMac" => Part::Mac,
        b"sn" => Part::Server,
        b"sess" => Part::Session,
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
    let kind = said.raw(Part::Kind).ok_or(WRONG_SHAPE)?;
    let time = match said.raw(Part::Time) {
        Some(time) => clock.stamp(time),
        None => envelope.time(clock),
    };
    let time = time.ok_or(BAD_TIME)?;
    split_end(&mut said, Part::ClientIp, Part::ClientPort)?;
    split_end(&mut said, Part::ServerIp, Part::ServerPort)?;
    split_end(&mut said, Part::NatIp, Part::NatPort)?;
    let message = said.bytes(Part::Message);
    let action = action(&said, kind, message);
    let method = match said.bytes(Part::Method) {
        b"1" => b"GET".as_slice(),
        b"2" => b"POST",
        b"3" => b"HEAD",
        word if word.iter().all(u8::is_ascii_uppercase) => word,
        _ => &[],
    };
    said.replace(Part::Method, method);
    if said.account().is_some()
        && said.raw(Part::ServerPort).is_none_or(|port| port != b"53")
        && said.raw(Part::Host).is_none()
        && said.raw(Part::Path).is_none()
        && let Ok(event) = with_far_end(said, message).sign_in_told(time, message, Basis::Directory)
    {
        out(event);
        return Ok(());
    }
    let ms = said.duration_ms(1_000)?;
    let web = said.raw(Part::Path).is_some()
        || said.raw(Part::Status).is_some()
        || matches!(kind, b"97" | b"14" | b"16" | b"703");
    if !web {
        said.replace(Part::Method, &[]);
    }
    let mut event = if web {
        said.web_event(time, action, ms)?
    } else {
        said.connection(time, action, ms)?
    };
    if let Event::Flow(flow) = &mut event
        && kind == b"98"
        && action != Some(Action::Blocked)
    {
        // "Connection opened": whatever was counted is counted again when it closes.
        flow.end_reason = Some(EndReason::Active);
    }
    let nat = translation(&said, &event)?;
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

/// The outside address and port that the connection had, where its source was translated.
fn translation(said: &Said<'_>, event: &Event<'_>) -> Result<Option<Translation>, Passed> {
    let (Some(outside_ip), Event::Flow(flow)) = (said.ip(Part::NatIp)?, event) else {
        return Ok(None);
    };
    let port = said.port(Part::NatPort)?;
    Ok(
        (outside_ip != flow.src_ip && !outside_ip.is_unspecified()).then(|| Translation {
            from: flow.start,
            to: (flow.end_reason == Some(EndReason::End)).then_some(flow.end),
            protocol: flow.protocol,
            inside_ip: flow.src_ip,
            inside_port: Some(flow.src_port).filter(|port| *port != 0),
            outside_ip,
            outside_port_first: port,
            outside_port_last: port,
        }),
    )
}

/// Who manages the device, or comes through its VPN, does so from an address that is nobody's inside: it stands for the session.
fn with_far_end<'a>(mut said: Said<'a>, message: &[u8]) -> Said<'a> {
    let far = [b"dministrator".as_slice(), b"VPN", b"CLI", b"WAN zone"];
    if far
        .iter()
        .any(|word| memchr::memmem::find(message, word).is_some())
    {
        said.replace(Part::Session, said.bytes(Part::ClientIp));
    }
    said
}

/// `10.1.2.3:51000:X0:name`, an address alone, or IPv6 with or without what follows.
fn split_end<'a>(said: &mut Said<'a>, ip: Part, port: Part) -> Result<(), Passed> {
    let Some(end) = said.raw(ip) else {
        return Ok(());
    };
    if address(end).is_some() {
        return Ok(());
    }
    let brackets = end.strip_prefix(b"[").and_then(|rest| {
        let at = memchr::memchr(b']', rest)?;
        Some((
            rest.get(..at)?,
            rest.get(at + 1..)?.strip_prefix(b":").unwrap_or_default(),
        ))
    });
    let (host, rest) = match brackets {
        Some(split) => split,
        None => {
            let at = memchr::memchr(b':', end).ok_or(RejectReason::BadAddress)?;
            (
                end.get(..at).unwrap_or_default(),
                end.get(at + 1..).unwrap_or_default(),
            )
        }
    };
    address(host).ok_or(RejectReason::BadAddress)?;
    said.replace(ip, host);
    let number = rest.split(|byte| *byte == b':').next().unwrap_or_default();
    said.replace(
        port,
        if number.iter().all(u8::is_ascii_digit) {
            number
        } else {
            &[]
        },
    );
    Ok(())
}

fn action(said: &Said<'_>, kind: &[u8], message: &[u8]) -> Option<Action> {
    if let Some(action) = said.raw(Part::Action).and_then(action_of) {
        return Some(action);
    }
    let has = |word: &[u8]| {
        message
            .windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
    };
    match kind {
        b"14" | b"16" | b"703" => Some(Action::Blocked),
        _ if has(b"denied") || has(b"dropped") || has(b"blocked") || has(b"rejected") => {
            Some(Action::Blocked)
        }
        b"97" | b"98" | b"537" => Some(Action::Allowed),
        _ if has(b"connection opened") || has(b"connection closed") => Some(Action::Allowed),
        _ => None,
    }
}
