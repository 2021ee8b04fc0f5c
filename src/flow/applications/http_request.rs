//! Requests in clear, as the log of a proxy would tell of them; beside `http`, which says what the flow is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::http::{METHODS, text, without_port};
use super::{Talk, ntlm};
use crate::record::{AccountText, Action, WebHit, Word, from_store_ip};

/// Nothing longer is taken apart in search of a name.
const LONGEST_SIGN_IN: usize = 4_096;

/// A proxy's answer to one who has not signed in, or not rightly (RFC 9110, 15.5.8).
const SIGN_IN_FIRST: u16 = 407;

/// The request whose head ends in this packet, as a log would tell of it.
///
/// A head in one packet is read where it stands. Only the first of a connection is waited for over several, since
/// nothing is kept of a connection after it.
pub(super) fn hit(talk: &Talk<'_>) -> Option<WebHit<'static>> {
    if !talk.from_initiator {
        return None;
    }
    let said = talk.asked();
    let is_first = !said.is_empty() && find_end(said).is_some();
    let (head, length) = if is_first {
        let end = find_end(said)?;
        // The packet that brought the end of the first head, and none after it.
        let before = said.len().saturating_sub(talk.packet.len());
        let is_now = end + 2 > before;
        match is_now {
            true => (said.get(..end)?, end),
            false => (talk.packet, find_end(talk.packet)?),
        }
    } else {
        (talk.packet, find_end(talk.packet)?)
    };
    let head = head.get(..length.min(head.len()))?;
    let mut parts = Parts::of(head)?;
    let [client, server] = talk.addresses;
    let [client_port, server_port] = talk.ports;
    let mut hit = WebHit::at(talk.time);
    hit.client_ip = Some(from_store_ip(client.into()));
    hit.client_port = Some(client_port);
    hit.server_ip = Some(from_store_ip(server.into()));
    hit.server_port = Some(server_port);
    hit.scheme = Word::from(if parts.method == "CONNECT" {
        "https"
    } else {
        "http"
    });
    hit.host = Word::from(std::mem::take(&mut parts.host));
    hit.port = parts.port;
    hit.method = Word::from(parts.method);
    hit.account_token = parts.account;
    if talk.content {
        let (path, query) = parts.path.split_once('?').unwrap_or((&parts.path, ""));
        hit.path = path.to_owned().into();
        hit.query = query.to_owned().into();
        hit.user_agent = parts.agent.into();
        hit.referrer = parts.referrer.into();
    }
    Some(hit)
}

/// The request with what became of it. A name that was not believed, or of which nobody knows whether it was, is nobody's.
pub(super) fn answered(mut hit: WebHit<'static>, status: Option<u16>) -> WebHit<'static> {
    hit.status = status;
    if matches!(status, None | Some(SIGN_IN_FIRST)) {
        hit.account_token = None;
    }
    if status == Some(SIGN_IN_FIRST) {
        hit.action = Some(Action::Authenticate);
    }
    hit
}

/// The status in an answer's first line.
pub(super) fn status(packet: &[u8]) -> Option<u16> {
    let line = packet.strip_prefix(b"HTTP/1.")?;
    let digits = line.get(2..5)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Where a head ends.
fn find_end(said: &[u8]) -> Option<usize> {
    memchr::memmem::find(said, b"\r\n\r\n").or_else(|| memchr::memmem::find(said, b"\n\n"))
}

/// What a request's head says.
#[derive(Default)]
struct Parts {
    method: String,
    host: String,
    port: Option<u16>,
    /// From the first slash.
    path: String,
    agent: String,
    referrer: String,
    /// Who signed in to the proxy.
    account: Option<AccountText>,
}

impl Parts {
    fn of(head: &[u8]) -> Option<Parts> {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let mut words = lines
            .next()?
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty());
        let method = std::str::from_utf8(words.next()?).ok()?;
        let target = text(words.next()?);
        let is_http = words.next()?.starts_with(b"HTTP/");
        if !is_http || !METHODS.contains(&method) {
            return None;
        }
        let mut parts = Parts {
            method: method.to_owned(),
            ..Parts::default()
        };
        let mut authority = String::new();
        for line in lines {
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if authority.is_empty() && name.eq_ignore_ascii_case(b"host") {
                authority = text(value);
            } else if name.eq_ignore_ascii_case(b"user-agent") {
                parts.agent = text(value);
            } else if name.eq_ignore_ascii_case(b"referer") {
                parts.referrer = text(value);
            } else if name.eq_ignore_ascii_case(b"proxy-authorization") {
                parts.account = account(value);
            }
        }
        if method == "CONNECT" {
            authority = target;
        } else if let Some(rest) = target.strip_prefix("http://") {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (named, path) = rest.split_at_checked(end)?;
            authority = named.rsplit('@').next().unwrap_or(named).to_owned();
            parts.path = path.to_owned();
        } else {
            parts.path = target;
        }
        let bare = without_port(&authority);
        let after = authority.get(bare.len()..).unwrap_or_default();
        parts.port = after.strip_prefix(':').and_then(|port| port.parse().ok());
        parts.host = bare;
        Some(parts)
    }
}

/// The name by which somebody signs in to a proxy: in clear (RFC 7617), of which the password is dropped here, or by NTLM's
/// last message. A name for a web site of its own is nobody's account here, and is not read.
fn account(value: &[u8]) -> Option<AccountText> {
    let blank = memchr::memchr(b' ', value)?;
    let (scheme, sealed) = value.split_at_checked(blank)?;
    let sealed = sealed.trim_ascii();
    if sealed.len() > LONGEST_SIGN_IN {
        return None;
    }
    let said = STANDARD.decode(sealed).ok()?;
    if scheme.eq_ignore_ascii_case(b"basic") {
        let end = memchr::memchr(b':', &said)?;
        return AccountText::new(text(said.get(..end)?));
    }
    // NTLM by its own name or within what negotiates it.
    let (domain, user) = ntlm::who(&said)?;
    AccountText::new(match domain.as_str() {
        "" => user,
        domain => format!("{domain}\\{user}"),
    })
}
