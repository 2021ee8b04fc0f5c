//! LEEF, QRadar's log event extended format, from whatever product, by its predefined attributes: `LEEF:1.0|vendor|product|version|event|
//! src=...<tab>dst=...`, or 2.0 with a mark of its own.

use super::cef;
use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::actions::action_of;
use crate::logs::said::judge::sign_in_of;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Basis, Event};

/// LEEF from any product.
pub(super) static LEEF: LineFormat<ReadLines> = LineFormat {
    name: "leef",
    title: "LEEF (QRadar log event extended format)",
    extensions: &["log", "leef"],
    is_ours: |line| {
        memchr::memmem::find(line, b"LEEF:").is_some_and(|at| {
            line.get(at..)
                .is_some_and(|rest| rest.iter().filter(|byte| **byte == b'|').count() >= 4)
        })
    },
    read,
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let (heading, said) = Said::of_leef(line, part).ok_or(WRONG_SHAPE)?;
    let time = match said.raw(Part::Time) {
        Some(value) => clock.stamp_or_yearless(value),
        None => Heading::of(line).time(clock),
    };
    let time = time.ok_or(BAD_TIME)?;
    if let Some(event) =
        sign_in_of(heading.event).filter(|_| said.account().is_some() && !cef::is_traffic(&said))
    {
        out(said.sign_in_event(time, event, Basis::Directory)?);
        return Ok(());
    }
    let action = said.action().or_else(|| action_of(heading.event));
    let ms = said.duration_ms(1_000)?;
    out(said.any_event(time, action, ms)?);
    Ok(())
}

/// LEEF's predefined attributes; CEF's names are in use too.
pub(super) fn part(key: &[u8]) -> Option<Part> {
    Some(match key {
        b"devTime" | b"dvcTime" | b"time" => Part::Time,
        b"srcPort" => Part::ClientPort,
        b"dstPort" => Part::ServerPort,
        b"usrName" | b"user" | b"username" => Part::User,
        b"domain" => Part::Realm,
        b"srcBytes" | b"bytesSent" => Part::Sent,
        b"dstBytes" | b"bytesReceived" => Part::Received,
        b"srcPackets" => Part::SentPackets,
        b"dstPackets" => Part::ReceivedPackets,
        b"url" | b"Url" | b"URL" | b"uri" => Part::Url,
        b"method" => Part::Method,
        b"userAgent" | b"useragent" => Part::Agent,
        b"action" | b"Action" | b"disposition" => Part::Action,
        b"httpStatus" | b"responseCode" | b"respcode" => Part::Status,
        b"referrer" | b"referer" => Part::Referrer,
        b"contentType" => Part::ContentType,
        b"category" | b"urlCategory" | b"cat_name" => Part::Category,
        b"policy" | b"policyName" | b"rule" => Part::Policy,
        b"duration" => Part::Duration,
        b"dstName" | b"hostname" | b"host" => Part::Host,
        b"rt" | b"start" | b"end" => return None,
        _ => return cef::part(key),
    })
}
