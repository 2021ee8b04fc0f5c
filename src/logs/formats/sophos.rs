//! Sophos Firewall (SFOS, XG, XGS), `key="value"` in the device's format and in Central's, and Sophos UTM (`httpproxy`, `ulogd`), by the
//! fields of Sophos's "Syslog guide" and "UTM log file formats": web filter, firewall, application filter, sign-ins, leases.
//!
//! A zone by a name that is not certain (`CEST`, `IST`) is not guessed at: then the line is rejected for its time.

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, Read, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{
    Action, Basis, EndReason, Event, Lease, LeaseEvent, Mac, RejectReason, SignInEvent, Timestamp,
    Translation,
};

/// Sophos's firewalls.
pub(super) static SOPHOS: LineFormat<ReadLines> = LineFormat {
    name: "sophos",
    title: "Sophos Firewall (SFOS, XG) and UTM",
    extensions: &["log"],
    is_ours: |line| {
        has_key(line, b"log_type") && has_key(line, b"log_component")
            || has_key(line, b"severity") && has_key(line, b"sys") && has_key(line, b"sub")
    },
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"date" => Part::Date,
        b"time" => Part::Clock,
        b"timezone" => Part::Zone,
        b"timestamp" => Part::Time,
        b"log_type" | b"sub" => Part::Kind,
        b"log_component" | b"sys" => Part::Subkind,
        b"log_subtype" | b"action" => Part::Action,
        b"status" => Part::Verdict,
        b"src_ip" | b"srcip" => Part::ClientIp,
        b"src_port" | b"srcport" => Part::ClientPort,
        b"dst_ip" | b"dstip" => Part::ServerIp,
        b"dst_port" | b"dstport" => Part::ServerPort,
        b"protocol" | b"proto" => Part::Protocol,
        b"user_name" | b"user" => Part::User,
        b"url" => Part::Url,
        b"domain" | b"domainname" => Part::Host,
        b"method" | b"http_method" => Part::Method,
        // UTM's `category` is a number beside the name.
        b"categoryname" | b"http_category" => Part::Category,
        b"category" => Part::Rcode,
        b"web_policy_id" | b"filteraction" => Part::Policy,
        b"httpresponsecode" | b"http_status" | b"statuscode" => Part::Status,
        b"sent_bytes" | b"bytes_sent" | b"length" => Part::Sent,
        b"recv_bytes" | b"bytes_received" | b"size" => Part::Received,
        b"sent_pkts" | b"packets_sent" => Part::SentPackets,
        b"recv_pkts" | b"packets_received" => Part::ReceivedPackets,
        b"duration" | b"con_duration" | b"lease_time" => Part::Duration,
        b"fullreqtime" => Part::Query,
        b"user_agent" | b"ua" => Part::Agent,
        b"referer" => Part::Referrer,
        b"contenttype" | b"content_type" | b"content-type" => Part::ContentType,
        b"tran_src_ip" | b"src_trans_ip" => Part::NatIp,
        b"tran_src_port" | b"src_trans_port" => Part::NatPort,
        b"ipaddress" | b"leased_ip" | b"reported_ip" => Part::Path,
        b"client_physical_address" | b"client_mac" | b"src_mac" => Part::Mac,
        b"client_host_name" | b"reported_host" => Part::OtherUser,
        b"message" => Part::Message,
        b"con_event" | b"connevent" => Part::Qtype,
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
    let time = time(&said, &envelope, clock).ok_or(BAD_TIME)?;
    if kind != b"http" {
        said.put(Part::Category, said.bytes(Part::Rcode));
    }
    let action = said.action();
    let event = match kind {
        b"http" => {
            if said.raw(Part::Url).is_none() {
                return Err(OTHER);
            }
            // Millionths of a second.
            said.replace(Part::Duration, said.bytes(Part::Query));
            said.replace(Part::Query, &[]);
            let ms = said.duration_ms(1_000_000)?;
            said.web_event(time, action, ms)?
        }
        b"packetfilter" => {
            let mut event = said.connection(time, action, None)?;
            if let Event::Flow(flow) = &mut event {
                flow.src_packets = 1;
            }
            event
        }
        b"Content Filtering" | b"Web Filter" => {
            for part in [Part::Path, Part::Query] {
                said.replace(part, &[]);
            }
            let ms = said.duration_ms(1)?;
            said.any_event(time, action, ms)?
        }
        b"Event" if memchr::memmem::find(said.bytes(Part::Subkind), b"DHCP").is_some() => {
            lease(&said, time)?
        }
        b"Event" => sign_in(&said, time)?,
        b"Firewall" | b"IDP" | b"ATP" | b"Application" | b"Application filter" | b"Anti-Virus" => {
            said.replace(Part::Query, &[]);
            said.replace(Part::Path, &[]);
            let ms = said.duration_ms(1)?;
            let web = kind == b"Anti-Virus" && said.raw(Part::Url).is_some();
            if web {
                said.web_event(time, action, ms)?
            } else {
                let mut event = said.connection(time, action, ms)?;
                // Its bytes are those so far: the whole comes with its end.
                let goes_on = matches!(said.bytes(Part::Qtype), b"Start" | b"Interim");
                if let Event::Flow(flow) = &mut event
                    && goes_on
                    && action != Some(Action::Blocked)
                {
                    flow.end_reason = Some(EndReason::Active);
                }
                event
            }
        }
        _ => return Err(OTHER),
    };
    let nat = translation(&said, &event)?;
    out(event);
    if let Some(nat) = nat {
        out(Event::Translation(nat));
    }
    Ok(())
}

fn time(said: &Said<'_>, envelope: &Heading<'_>, clock: &LocalClock) -> Option<Timestamp> {
    if let Some(stamp) = said.raw(Part::Time) {
        return clock.stamp(stamp);
    }
    match (said.raw(Part::Date), said.raw(Part::Clock)) {
        (Some(date), Some(time)) => clock.stamp_of(date, time, said.raw(Part::Zone)),
        _ => envelope.time(clock),
    }
}

fn sign_in<'a>(said: &Said<'a>, time: Timestamp) -> Read<'a> {
    let event = match said.bytes(Part::Verdict) {
        b"Successful" | b"Established" | b"Connected" => {
            sign_in_of(said.bytes(Part::Message)).unwrap_or(SignInEvent::Logon)
        }
        b"Failed" => SignInEvent::Fail,
        b"Terminated" | b"Disconnected" => SignInEvent::Logoff,
        b"Interim" => SignInEvent::Interim,
        _ => return Err(OTHER),
    };
    said.account().ok_or(OTHER)?;
    let mut said = *said;
    // The card in it is the last router's where there is one between.
    for part in [Part::Server, Part::Mac] {
        said.replace(part, &[]);
    }
    let far = [b"VPN".as_slice(), b"GUI", b"CLI", b"Console", b"IPSec"];
    let has = |word: &&[u8]| memchr::memmem::find(said.bytes(Part::Subkind), word).is_some();
    if far.iter().any(has) {
        // The far end of a tunnel, or of whoever manages the device, stands for the session: by that it is told to be no address of a person.
        said.replace(Part::Session, said.bytes(Part::ClientIp));
    }
    Ok(said.sign_in_event(time, event, Basis::Directory)?)
}

fn lease<'a>(said: &Said<'a>, time: Timestamp) -> Read<'a> {
    let event = match said.bytes(Part::Verdict) {
        b"Assign" | b"Lease" | b"Successful" => LeaseEvent::Assign,
        b"Renew" => LeaseEvent::Renew,
        b"Release" => LeaseEvent::Release,
        b"Expire" => LeaseEvent::Expire,
        _ => return Err(OTHER),
    };
    let ip = said.ip(Part::Path)?.ok_or(RejectReason::MissingFields)?;
    Ok(Event::Lease(Lease {
        time,
        event,
        ip,
        mac: Mac::parse(&said.text(Part::Mac)),
        hostname: said.text(Part::OtherUser),
        expires: said
            .count(Part::Duration)?
            .and_then(|seconds| i64::try_from(seconds).ok())
            .filter(|seconds| (1..=LONGEST_LEASE).contains(seconds))
            .map(|seconds| time.plus_seconds(seconds)),
    }))
}

/// The protocol counts a lease in 32 bits.
const LONGEST_LEASE: i64 = 0xffff_ffff;

fn translation(said: &Said<'_>, event: &Event<'_>) -> Result<Option<Translation>, Passed> {
    let (Some(outside_ip), Event::Flow(flow)) = (said.ip(Part::NatIp)?, event) else {
        return Ok(None);
    };
    if outside_ip == flow.src_ip || outside_ip.is_unspecified() {
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
