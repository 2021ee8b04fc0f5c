//! Zscaler Internet Access as its Nanolog Streaming Service feeds it: web, firewall and DNS logs, as JSON, as pairs with tabs between, as CEF or
//! LEEF. The feed's fields and their names are the operator's choice; these are the names that Zscaler's own templates give them.
//!
//! Times without zone are in the zone that the feed was given, which is the source's.

use super::{cef, leef};
use crate::logs::lines::{LineFormat, ReadLines};
use crate::logs::pairs::has_key;
use crate::logs::said::Part;
use crate::logs::said::containers::Named;
use crate::logs::said::judge::read_named;

/// Zscaler Internet Access (NSS, Cloud NSS).
pub(super) static ZSCALER: LineFormat<ReadLines> = LineFormat {
    name: "zscaler",
    title: "Zscaler Internet Access (NSS, Cloud NSS)",
    extensions: &["json", "log"],
    is_ours: |line| {
        memmem(line, b"Zscaler")
            || memmem(line, b"zscalernss")
            || memmem(line, b"\"reqmethod\"") && memmem(line, b"\"urlcat\"")
            || memmem(line, b"\"cdfqdn\"")
            || has_key(line, b"urlsupercategory") && has_key(line, b"requestsize")
    },
    read: |line, clock, out| {
        out(read_named(line, clock, PART, 1000)?);
        Ok(())
    },
};

/// Where the fields go; what is not here is CEF's, LEEF's or nothing of ours.
const PART: Named = |key| {
    Some(match key {
        b"epochtime" | b"epoch" => Part::Epoch,
        b"datetime" | b"time" => Part::Time,
        b"login" | b"user" | b"elogin" => Part::User,
        b"eurl" | b"url" => Part::Url,
        b"host" | b"ehost" | b"hostname" | b"cdfqdn" => Part::Host,
        b"action" => Part::Action,
        b"reason" => Part::Verdict,
        b"proto" | b"protocol" | b"ipproto" | b"nwsvc" => Part::Protocol,
        b"reqsize" | b"requestsize" | b"outbytes" => Part::Sent,
        b"respsize" | b"responsesize" | b"inbytes" => Part::Received,
        b"clienttranstime" | b"ctime" | b"durationms" => Part::Duration,
        b"urlcat" | b"urlcategory" | b"ipcat" => Part::Category,
        b"rulelabel" | b"rule" => Part::Policy,
        b"ClientIP" | b"clientip" | b"cip" | b"cintip" | b"csip" | b"clt_sip" => Part::ClientIp,
        b"clientpublicIP" | b"cpubip" => Part::NatIp,
        b"csport" => Part::ClientPort,
        b"serverip" | b"sip" | b"cdip" | b"srv_dip" => Part::ServerIp,
        b"cdport" | b"srv_dport" => Part::ServerPort,
        b"requestmethod" | b"reqmethod" => Part::Method,
        b"status" | b"respcode" => Part::Status,
        b"useragent" | b"ua" | b"eua" => Part::Agent,
        b"refererURL" | b"ereferer" | b"referer" => Part::Referrer,
        b"contenttype" | b"content_type" => Part::ContentType,
        b"dns_req" | b"req" => Part::Qname,
        b"dns_reqtype" | b"reqtype" => Part::Qtype,
        b"dns_resp" | b"res" => Part::Answer,
        _ => return cef::part(key).or_else(|| leef::part(key)),
    })
};

fn memmem(line: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(line, part).is_some()
}
