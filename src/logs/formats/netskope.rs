//! Netskope: events of applications, pages, connections and networks as its log shipper sends them, as JSON or CEF; and web transactions, whose
//! `#Fields:` heading makes them W3C's (`w3c`).

use super::{cef, leef};
use crate::logs::lines::{LineFormat, ReadLines};
use crate::logs::said::Part;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::read_named;

/// Netskope (cloud log shipper, web transactions).
pub(super) static NETSKOPE: LineFormat<ReadLines> = LineFormat {
    name: "netskope",
    title: "Netskope (cloud log shipper, web transactions)",
    extensions: &["json", "log"],
    is_ours: |line| {
        memmem(line, b"\"access_method\"")
            || memmem(line, b"\"traffic_type\"")
            || memmem(line, b"|Netskope|")
            || memmem(line, b"\"ur_normalized\"")
            || memmem(line, b"\"transaction_id\"")
                && memmem(line, b"\"category\"")
                && memmem(line, b"\"userip\"")
    },
    read: |line, clock, out| {
        out(read_named(line, clock, PART, 1)?);
        Ok(())
    },
};

/// Where the fields go; what is not here is CEF's, LEEF's or nothing of ours.
const PART: Named = |key| {
    Some(match key {
        b"timestamp" => Part::Epoch,
        b"user" | b"ur_normalized" | b"userkey" => Part::User,
        b"srcip" | b"src_ip" | b"userip" => Part::ClientIp,
        b"srcport" | b"src_port" => Part::ClientPort,
        b"dstip" | b"dst_ip" => Part::ServerIp,
        b"dstport" | b"dst_port" => Part::ServerPort,
        b"ip_protocol" => Part::Protocol,
        b"url" => Part::Url,
        b"domain" | b"hostname" | b"dst_host" => Part::Host,
        b"http_method" | b"req_method" => Part::Method,
        b"resp_code" | b"http_status" => Part::Status,
        b"action" => Part::Action,
        b"category" => Part::Category,
        b"policy" => Part::Policy,
        b"client_bytes" => Part::Sent,
        b"server_bytes" => Part::Received,
        b"client_packets" => Part::SentPackets,
        b"server_packets" => Part::ReceivedPackets,
        b"conn_duration" | b"session_duration" => Part::Duration,
        b"useragent" | b"user_agent" => Part::Agent,
        b"referer" => Part::Referrer,
        _ => return cef::part(key).or_else(|| leef::part(key)),
    })
};

fn memmem(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
