//! FortiGate (FortiOS 5 to 7), `key=value` as it goes to syslog and disk, and FortiOS's CEF: traffic, web filter, application control, DNS,
//! sign-ins and leases, by the fields of Fortinet's "FortiOS Log Message Reference". FortiProxy writes the same.
//!
//! The time is `eventtime` (seconds, thousandths, millionths or billionths since 1970, by its digits), else `date`, `time` and `tz`.
//! A traffic record is written when the session ends, so it began `duration` seconds earlier; the records of a session that goes on
//! (`logid` ..20, "long-lived session statistics") carry totals so far and are marked `active`.

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::actions::action_of;
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Action, Basis, EndReason, Event, Lease, LeaseEvent, Mac, RejectReason, SignInEvent, Timestamp,
    Translation,
};

/// FortiGate's log.
pub(super) static FORTIGATE: LineFormat<ReadLines> = LineFormat {
    name: "fortigate",
    title: "Fortinet FortiGate, FortiProxy",
    extensions: &["log"],
    is_ours: |line| {
        let contains = |part: &[u8]| memchr::memmem::find(line, part).is_some();
        (has_key(line, b"logid") || has_key(line, b"log_id") || has_key(line, b"devid"))
            && has_key(line, b"type")
            && (has_key(line, b"subtype") || has_key(line, b"vd"))
            || contains(b"|Fortinet|Forti")
    },
    read,
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let said = if memchr::memmem::find(line, b"|Fortinet|").is_some() {
        let (_, said) = Said::of_cef(line, cef_part).ok_or(WRONG_SHAPE)?;
        said
    } else {
        Said::of_pairs(Heading::of(line).message, PART)?
    };
    let kind = said.bytes(Part::Kind);
    let (kind, within) = match memchr::memchr(b':', kind) {
        Some(at) => (
            kind.get(..at).unwrap_or_default(),
            kind.get(at + 1..).unwrap_or_default(),
        ),
        None => (kind, [].as_slice()),
    };
    let subkind = said.raw(Part::Subkind).unwrap_or(within);
    let moment = || time(&said, line, clock).ok_or(BAD_TIME);
    match (kind, subkind) {
        (b"traffic", _) => traffic(&said, moment()?, out),
        (b"dns", _) | (b"utm", b"dns") => dns(&said, moment()?, out),
        (
            b"utm" | b"webfilter" | b"app-ctrl" | b"virus" | b"ips" | b"dlp" | b"emailfilter"
            | b"attack" | b"anomaly",
            _,
        ) => utm(&said, moment()?, out),
        (b"event", _) if said.raw(Part::Message) == Some(b"Ack") => lease(&said, moment()?, out),
        (b"event", _) => event(&said, moment()?, out),
        (b"", _) => Err(WRONG_SHAPE),
        _ => Err(OTHER),
    }
}

/// Where the fields go.
const PART: Named = |key| {
    Some(match key {
        b"date" => Part::Date,
        b"time" => Part::Clock,
        b"tz" => Part::Zone,
        b"eventtime" => Part::Epoch,
        b"type" => Part::Kind,
        b"subtype" => Part::Subkind,
        b"action" => Part::Action,
        b"status" => Part::Verdict,
        b"srcip" | b"src" => Part::ClientIp,
        b"remip" => Part::NatIp,
        b"srcport" | b"src_port" => Part::ClientPort,
        b"dstip" | b"dst" => Part::ServerIp,
        b"dstport" | b"dst_port" => Part::ServerPort,
        b"transip" => Part::Path,
        b"transport" => Part::NatPort,
        b"tunnelip" | b"assignip" | b"assigned" => Part::Query,
        b"proto" => Part::Protocol,
        b"user" | b"xauthuser" => Part::User,
        b"unauthuser" => Part::OtherUser,
        b"hostname" => Part::Host,
        b"url" => Part::Url,
        b"httpmethod" => Part::Method,
        b"agent" => Part::Agent,
        b"referralurl" => Part::Referrer,
        b"catdesc" => Part::Category,
        b"profile" => Part::Policy,
        b"sentbyte" | b"sent" => Part::Sent,
        b"rcvdbyte" | b"rcvd" => Part::Received,
        b"sentpkt" => Part::SentPackets,
        b"rcvdpkt" => Part::ReceivedPackets,
        b"duration" => Part::Duration,
        b"service" => Part::Scheme,
        b"qname" => Part::Qname,
        b"qtype" => Part::Qtype,
        b"ipaddr" => Part::Answer,
        b"rcode" => Part::Rcode,
        b"dhcp_msg" => Part::Message,
        b"ip" | b"ui" => Part::Server,
        b"mac" | b"srcmac" => Part::Mac,
        b"lease" => Part::Status,
        b"logid" | b"log_id" => Part::Session,
        b"logdesc" => Part::Application,
        _ => return None,
    })
};

/// The same fields as FortiOS calls them in CEF: with `FTNTFGT` before them, or by CEF's own names.
fn cef_part(key: &[u8]) -> Option<Part> {
    if let Some(own) = key.strip_prefix(b"FTNTFGT").or(key.strip_prefix(b"ad.")) {
        return PART(own);
    }
    Some(match key {
        b"cat" => Part::Kind,
        b"act" => Part::Action,
        b"src" => Part::ClientIp,
        b"spt" => Part::ClientPort,
        b"dst" => Part::ServerIp,
        b"dpt" => Part::ServerPort,
        b"proto" => Part::Protocol,
        b"duser" | b"suser" => Part::User,
        b"dhost" => Part::Host,
        b"request" => Part::Url,
        b"app" => Part::Scheme,
        b"requestClientApplication" => Part::Agent,
        b"requestMethod" => Part::Method,
        b"out" => Part::Sent,
        b"in" => Part::Received,
        b"outcome" => Part::Verdict,
        b"sourceTranslatedAddress" => Part::Path,
        b"sourceTranslatedPort" => Part::NatPort,
        _ => return None,
    })
}

/// When it was logged.
fn time(said: &Said<'_>, line: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    if let Some(moment) = said.raw(Part::Epoch).and_then(|epoch| clock.stamp(epoch)) {
        return Some(moment);
    }
    match (said.raw(Part::Date), said.raw(Part::Clock)) {
        (Some(date), Some(time)) => clock.stamp_of(date, time, said.raw(Part::Zone)),
        _ => Heading::of(line).time(clock),
    }
}

type Out<'o, 'a> = &'o mut dyn FnMut(Event<'a>);

fn traffic<'a>(said: &Said<'a>, time: Timestamp, out: Out<'_, 'a>) -> Result<(), Passed> {
    let ms = said.duration_ms(1)?;
    let goes_on =
        said.bytes(Part::Session).ends_with(b"20") || said.raw(Part::Action) == Some(b"start");
    let action = match said.bytes(Part::Action) {
        // The session was let through; this says how it ended.
        b"ip-conn" | b"dns" => Some(Action::Allowed),
        word => action_of(word),
    };
    let end = match said.bytes(Part::Action) {
        _ if goes_on => EndReason::Active,
        b"timeout" => EndReason::Idle,
        _ if action == Some(Action::Blocked) => EndReason::Forced,
        _ => EndReason::End,
    };
    let event = said.flow_event(time, action, ms, end)?;
    let nat = translation(said, &event);
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

/// The outside address and port that the session had, where its source was translated.
fn translation(said: &Said<'_>, event: &Event<'_>) -> Option<Translation> {
    let Event::Flow(flow) = event else {
        return None;
    };
    let outside_ip = said.ip(Part::Path).ok()??;
    let port = said.port(Part::NatPort).ok()?;
    (outside_ip.is_ipv4() == flow.src_ip.is_ipv4() && !outside_ip.is_unspecified()).then_some(
        Translation {
            from: flow.start,
            to: (flow.end_reason != Some(EndReason::Active)).then_some(flow.end),
            protocol: flow.protocol,
            inside_ip: flow.src_ip,
            inside_port: Some(flow.src_port).filter(|port| *port != 0),
            outside_ip,
            outside_port_first: port,
            outside_port_last: port,
        },
    )
}

fn dns<'a>(said: &Said<'a>, time: Timestamp, out: Out<'_, 'a>) -> Result<(), Passed> {
    let action = match said.bytes(Part::Action) {
        b"" => None,
        word => action_of(word),
    };
    out(said.dns_event(time, action)?);
    Ok(())
}

fn utm<'a>(said: &Said<'a>, time: Timestamp, out: Out<'_, 'a>) -> Result<(), Passed> {
    let action = said.action();
    if said.raw(Part::Host).is_none() && said.raw(Part::Url).is_none() {
        let end = if action == Some(Action::Blocked) {
            EndReason::Forced
        } else {
            EndReason::Active
        };
        out(said.flow_event(time, action, None, end)?);
        return Ok(());
    }
    let mut said = *said;
    let scheme = match said.bytes(Part::Scheme) {
        b"HTTP" | b"HTTPS" => said.bytes(Part::Scheme),
        _ => &[],
    };
    said.replace(Part::Scheme, scheme);
    // Those parts are other things in other records.
    for part in [Part::Path, Part::Query, Part::Status] {
        said.replace(part, &[]);
    }
    out(said.web_event(time, action, None)?);
    Ok(())
}

/// A lease that the FortiGate gave out: `dhcp_msg="Ack"`.
fn lease<'a>(said: &Said<'a>, time: Timestamp, out: Out<'_, 'a>) -> Result<(), Passed> {
    let ip = said.ip(Part::Server)?.ok_or(RejectReason::MissingFields)?;
    let mac = Mac::parse(&said.text(Part::Mac)).ok_or(RejectReason::BadAddress)?;
    let seconds = said
        .count(Part::Status)?
        .and_then(|seconds| i64::try_from(seconds).ok());
    out(Event::Lease(Lease {
        time,
        event: LeaseEvent::Assign,
        ip,
        mac: Some(mac),
        hostname: said.text(Part::Host),
        expires: seconds.map(|seconds| time.plus_seconds(seconds)),
    }));
    Ok(())
}

/// Sign-ins at the firewall, its portal and its VPN; a tunnel has a second address, by which the person is seen inside.
fn event<'a>(said: &Said<'a>, time: Timestamp, out: Out<'_, 'a>) -> Result<(), Passed> {
    let Some(event) = sign_in(said) else {
        return Err(OTHER);
    };
    let mut outside = *said;
    if let Some(ip) = outside.raw(Part::NatIp) {
        outside.replace(Part::ClientIp, ip);
    } else if let Some(ui) = outside
        .raw(Part::Server)
        .filter(|_| outside.raw(Part::ClientIp).is_none())
    {
        // `https(10.1.2.3)`, `ssh(10.1.2.3)`: where an administrator came from.
        let within = memchr::memchr(b'(', ui).and_then(|at| ui.get(at + 1..)?.strip_suffix(b")"));
        outside.replace(Part::ClientIp, within.unwrap_or_default());
    }
    outside.replace(Part::Server, &[]);
    // The far end of a tunnel, or of whoever manages the device, stands for the session: it is told to be nobody's address by that, and
    // joins the two.
    let manages = said.bytes(Part::Subkind) == b"system" && said.raw(Part::NatIp).is_none();
    let far = if manages { Part::ClientIp } else { Part::NatIp };
    outside.replace(Part::Session, outside.bytes(far));
    if outside.account().is_none() && outside.raw(Part::ClientIp).is_none() {
        return Err(OTHER);
    }
    let mut inside = outside;
    out(outside.sign_in_event(time, event, Basis::Directory)?);
    if let Some(ip) = said
        .raw(Part::Query)
        .filter(|ip| *ip != b"0.0.0.0" && Some(*ip) != outside.raw(Part::ClientIp))
    {
        inside.replace(Part::ClientIp, ip);
        if let Ok(second) = inside.sign_in_event(time, event, Basis::Directory) {
            out(second);
        }
    }
    Ok(())
}

/// What happened to a sign-in, by the action and how it went.
fn sign_in(said: &Said<'_>) -> Option<SignInEvent> {
    let action = said.bytes(Part::Action);
    let failed = matches!(
        said.bytes(Part::Verdict),
        b"failure" | b"failed" | b"fail" | b"error" | b"timed_out"
    );
    let event = match action {
        b"login" | b"auth-logon" | b"logon" | b"FSSO-logon" | b"RSSO-logon" | b"tunnel-up"
        | b"ssl-new-con" | b"authentication" | b"authenticate" | b"ssl-login" | b"auth-success" => {
            SignInEvent::Logon
        }
        b"logout" | b"auth-logout" | b"logoff" | b"FSSO-logoff" | b"RSSO-logoff"
        | b"tunnel-down" | b"auth-timeout" | b"ssl-exit" => SignInEvent::Logoff,
        b"tunnel-stats" => SignInEvent::Interim,
        b"ssl-login-fail" | b"auth-fail" | b"login-fail" | b"ssl-exit-fail" => SignInEvent::Fail,
        _ => return None,
    };
    if event == SignInEvent::Logon
        && (action == b"ssl-new-con" || action == b"tunnel-up" && said.account().is_none())
    {
        return None;
    }
    Some(if failed { SignInEvent::Fail } else { event })
}
