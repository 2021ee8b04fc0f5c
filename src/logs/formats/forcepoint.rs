//! Forcepoint Web Security (Websense before it) by its SIEM integration: `key=value` pairs, CEF or LEEF; and Forcepoint NGFW (Stonesoft) in CEF or
//! LEEF. The disposition `permitted` or `blocked` stands in the action or in its number, of which 1025 and above are refusals.

use super::{cef, leef};
use crate::logs::lines::{LineFormat, ReadLines};
use crate::logs::said::Part;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::read_named;

/// Forcepoint (Websense) web security and NGFW.
pub(super) static FORCEPOINT: LineFormat<ReadLines> = LineFormat {
    name: "forcepoint",
    title: "Forcepoint (Websense) web security and NGFW",
    extensions: &["log"],
    is_ours: |line| {
        memmem(line, b"Forcepoint")
            || memmem(line, b"vendor=Websense")
            || memmem(line, b"|Websense|")
            || memmem(line, b"|FORCEPOINT|")
    },
    read: |line, clock, out| {
        out(read_named(line, clock, PART, 1000)?);
        Ok(())
    },
};

/// Where the fields go; what is not here is CEF's, LEEF's or nothing of ours.
const PART: Named = |key| {
    Some(match key {
        b"event_time" | b"receipt_time" => Part::Epoch,
        b"src_host" | b"source_ip" | b"src_ip" => Part::ClientIp,
        b"src_port" => Part::ClientPort,
        b"dst_ip" | b"destination_ip" => Part::ServerIp,
        b"dst_port" => Part::ServerPort,
        b"dst_host" | b"dstname" => Part::Host,
        b"user" | b"user_name" | b"loginID" | b"usrName" => Part::User,
        b"url" => Part::Url,
        b"method" | b"http_method" => Part::Method,
        b"http_response" | b"http_status" => Part::Status,
        b"http_user_agent" | b"user_agent" => Part::Agent,
        b"http_content_type" => Part::ContentType,
        b"category" | b"categoryName" => Part::Category,
        b"action" | b"disposition_text" => Part::Action,
        b"policy" => Part::Policy,
        b"bytes_out" => Part::Sent,
        b"bytes_in" => Part::Received,
        b"duration" => Part::Duration,
        _ => return cef::part(key).or_else(|| leef::part(key)),
    })
};

fn memmem(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
