//! Cloudflare Gateway as Logpush delivers it: DNS, HTTP and network sessions, a JSON object a line, by the fields of Cloudflare's Logpush
//! datasets `gateway_dns`, `gateway_http`, `gateway_network`.

use super::{cef, leef};
use crate::logs::lines::{LineFormat, ReadLines};
use crate::logs::said::Part;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::read_named;

/// Cloudflare Gateway (Logpush: DNS, HTTP, network).
pub(super) static CLOUDFLARE_GATEWAY: LineFormat<ReadLines> = LineFormat {
    name: "cloudflare_gateway",
    title: "Cloudflare Gateway (Logpush: DNS, HTTP, network)",
    extensions: &["json", "log"],
    is_ours: |line| {
        memmem(line, b"\"Datetime\"")
            && (memmem(line, b"\"PolicyID\"")
                || memmem(line, b"\"DeviceID\"")
                || memmem(line, b"\"QueryName\"")
                || memmem(line, b"\"UserID\""))
    },
    read: |line, clock, out| {
        out(read_named(line, clock, PART, 1000)?);
        Ok(())
    },
};

/// Where the fields go; what is not here is CEF's, LEEF's or nothing of ours.
const PART: Named = |key| {
    Some(match key {
        b"Datetime" => Part::Epoch,
        b"Email" => Part::User,
        b"SrcIP" | b"SourceIP" => Part::ClientIp,
        b"SrcPort" | b"SourcePort" => Part::ClientPort,
        b"DstIP" | b"DestinationIP" => Part::ServerIp,
        b"DstPort" | b"DestinationPort" => Part::ServerPort,
        b"Transport" | b"Protocol" => Part::Protocol,
        b"URL" => Part::Url,
        b"HTTPHost" | b"HTTPHostname" | b"SNI" => Part::Host,
        b"HTTPMethod" => Part::Method,
        b"HTTPStatusCode" => Part::Status,
        b"UserAgent" => Part::Agent,
        b"Referer" => Part::Referrer,
        b"Action" | b"ResolverDecision" => Part::Action,
        b"PolicyName" => Part::Policy,
        b"CategoryNames" | b"QueryCategoryNames" => Part::Category,
        b"QueryName" => Part::Qname,
        b"QueryTypeName" => Part::Qtype,
        b"RData" => return None,
        b"ResolvedIPs" => Part::Answer,
        _ => return cef::part(key).or_else(|| leef::part(key)),
    })
};

fn memmem(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
