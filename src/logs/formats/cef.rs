//! CEF, ArcSight's common event format, from whatever product, by the dictionary of its extension: `CEF:0|vendor|product|version|event|name|
//! severity|src=... dst=...`. Fields of a product's own that say more are known by their names or labels.

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::stamps::utc_stamp;
use crate::logs::times::LocalClock;
use crate::record::{Basis, Event, Timestamp};

/// CEF from any product.
pub(super) static CEF: LineFormat<ReadLines> = LineFormat {
    name: "cef",
    title: "CEF (ArcSight common event format)",
    extensions: &["log", "cef"],
    is_ours: |line| {
        memchr::memmem::find(line, b"CEF:").is_some_and(|at| {
            line.get(at..)
                .is_some_and(|rest| rest.iter().filter(|byte| **byte == b'|').count() >= 7)
        })
    },
    read,
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (heading, mut said) = Said::of_cef(line, part).ok_or(WRONG_SHAPE)?;
    let time = time(&said, line, clock).ok_or(BAD_TIME)?;
    if heading.vendor == b"Palo Alto Networks" {
        // Its own template gives `in` what the client sent and `out` what it received.
        let (sent, received) = (said.bytes(Part::Received), said.bytes(Part::Sent));
        said.replace(Part::Sent, sent);
        said.replace(Part::Received, received);
    }
    if said.raw(Part::User).is_none() {
        said.put(Part::User, said.bytes(Part::OtherUser));
    }
    if let Some(event) =
        sign_in_of(heading.name).filter(|_| said.account().is_some() && !is_traffic(&said))
    {
        out(said.sign_in_event(time, event, Basis::Directory)?);
        return Ok(());
    }
    let ms = said.duration_ms(1_000)?;
    let action = said.action().or_else(|| {
        said.raw(Part::Verdict)
            .and_then(crate::logs::said::actions::action_of)
    });
    // A host in `dhost` is the other end of a connection unless something says that a page was asked for.
    let web = [Part::Url, Part::Method]
        .iter()
        .any(|part| said.raw(*part).is_some())
        || said.raw(Part::Host).is_some()
            && (said.raw(Part::ServerIp).is_none() || said.raw(Part::Category).is_some());
    out(if web || said.raw(Part::Qname).is_some() {
        said.any_event(time, action, ms)?
    } else {
        said.connection(time, action, ms)?
    });
    Ok(())
}

/// Whether it tells of a page or counts bytes: words such as "session ended" are then about a connection, and nobody signed in or out.
pub(super) fn is_traffic(said: &Said<'_>) -> bool {
    [Part::Url, Part::Sent, Part::Received]
        .iter()
        .any(|part| said.raw(*part).is_some())
}

/// When it happened: the receipt by the device, else the beginning, else the end, else the line's heading.
fn time(said: &Said<'_>, line: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    for part in [Part::Time, Part::Date, Part::Clock] {
        if let Some(value) = said.raw(part) {
            let value = said_text(value);
            return clock
                .stamp(value)
                .or_else(|| clock.stamp_or_yearless(value))
                .or_else(|| utc_stamp(value));
        }
    }
    Heading::of(line).time(clock)
}

fn said_text(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// CEF's dictionary, and what products call the rest.
pub(super) fn part(key: &[u8]) -> Option<Part> {
    Some(match key {
        b"rt" | b"deviceReceiptTime" | b"UNIFIutcTime" | b"start_time" => Part::Time,
        b"start" => Part::Date,
        b"end" => Part::Clock,
        b"src" | b"sourceAddress" | b"c6a2" => Part::ClientIp,
        b"spt" | b"sourcePort" => Part::ClientPort,
        b"dst" | b"destinationAddress" | b"c6a3" => Part::ServerIp,
        b"dpt" | b"destinationPort" => Part::ServerPort,
        b"proto" | b"transportProtocol" => Part::Protocol,
        b"suser" | b"sourceUserName" | b"UNIFIadmin" => Part::User,
        b"duser" | b"destinationUserName" => Part::OtherUser,
        b"sntdom" => Part::Realm,
        b"request" | b"requestURL" | b"requestUrl" | b"URL" => Part::Url,
        b"requestMethod" => Part::Method,
        b"requestClientApplication" => Part::Agent,
        b"requestContext" | b"Referer" => Part::Referrer,
        b"dhost" | b"destinationDnsDomain" | b"Host" => Part::Host,
        b"act" | b"deviceAction" => Part::Action,
        b"outcome" | b"categoryOutcome" => Part::Verdict,
        b"out" | b"bytesOut" => Part::Sent,
        b"in" | b"bytesIn" => Part::Received,
        b"smac" | b"sourceMacAddress" => Part::Mac,
        b"URL Category" | b"Category" | b"Web Category" | b"URLCategory" => Part::Category,
        b"Rule" | b"Policy" | b"Rule Name" | b"Policy Name" | b"policyName" => Part::Policy,
        b"Status Code" | b"HTTP Status" | b"HTTP Response Code" | b"responseCode" => Part::Status,
        b"Query" | b"dnsQuery" | b"DNS Query" => Part::Qname,
        _ => return None,
    })
}
