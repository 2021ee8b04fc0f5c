//! HTTP in clear: the method and the host of the first request; its path and agent where content may be kept.

use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::{ApplicationClass, Event, WebHit, Word, from_store_ip};

pub(super) struct Http;

/// Methods of RFC 9110, WebDAV and a few services of the local network.
const METHODS: &[&str] = &[
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "BITS_POST",
    "CCM_POST",
];
/// How long the request line may be before it is no longer waited for.
const LONGEST_LINE: usize = 8_192;

impl Application for Http {
    fn over(&self) -> Over {
        Over::Tcp
    }

    fn begins(&self, first: u8) -> bool {
        first.is_ascii_uppercase()
    }

    fn probe(&self, talk: &Talk<'_>) -> Answer {
        if !talk.is_tcp() {
            return Answer::NotMine;
        }
        let said = talk.now();
        if said.is_empty() || (said.len() < 9 && b"HTTP/1.1 ".starts_with(said)) {
            return Answer::NeedMore;
        }
        if said.starts_with(b"HTTP/1.") || said.starts_with(b"HTTP/0.9") {
            return Answer::Mine;
        }
        let Some(blank) = memchr::memchr(b' ', said.get(..16).unwrap_or(said)) else {
            let may_become = METHODS
                .iter()
                .any(|method| method.as_bytes().starts_with(said));
            return if may_become {
                Answer::NeedMore
            } else {
                Answer::NotMine
            };
        };
        let method = said.get(..blank).unwrap_or_default();
        if !METHODS.iter().any(|known| known.as_bytes() == method) {
            return Answer::NotMine;
        }
        match memchr::memchr(b'\n', said) {
            Some(end) => {
                let line = said.get(..end).unwrap_or_default();
                let is_request = memchr::memmem::find(line, b" HTTP/").is_some();
                if is_request {
                    Answer::Mine
                } else {
                    Answer::NotMine
                }
            }
            None if said.len() < LONGEST_LINE => Answer::NeedMore,
            None => Answer::Mine,
        }
    }

    fn read(&self, talk: &Talk<'_>, facts: &mut Facts) -> Hearing {
        if facts.application.is_empty() {
            facts.name("http", ApplicationClass::Web);
        }
        // What is read now is known by its method alone; the head may go on in the next packet, and then there is no hit.
        if talk.is_new {
            facts.events.extend(hit(talk).map(Event::WebHit));
        }
        if !facts.http_method.is_empty() && facts.is_head_read {
            return Hearing::PacketsAlone;
        }
        let request = if is_request(talk.asked()) {
            talk.asked()
        } else if is_request(talk.answered()) {
            talk.answered()
        } else {
            return Hearing::GoOn;
        };
        let end = memchr::memmem::find(request, b"\r\n\r\n")
            .or_else(|| memchr::memmem::find(request, b"\n\n"));
        let head = end.and_then(|end| request.get(..end)).unwrap_or(request);
        take_over(head, talk.content, facts);
        facts.is_head_read = end.is_some();
        match end {
            Some(_) if talk.asked() == request => Hearing::PacketsAlone,
            Some(_) => Hearing::Enough,
            None => Hearing::GoOn,
        }
    }
}

/// The request whose head ends in this packet, as a log would tell of it.
///
/// A head in one packet is read where it stands. Only the first of a connection is waited for over several, since
/// nothing is kept of a connection after it.
fn hit(talk: &Talk<'_>) -> Option<WebHit<'static>> {
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
    if talk.content {
        let (path, query) = parts.path.split_once('?').unwrap_or((&parts.path, ""));
        hit.path = path.to_owned().into();
        hit.query = query.to_owned().into();
        hit.user_agent = parts.agent.into();
        hit.referrer = parts.referrer.into();
    }
    Some(hit)
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

fn is_request(said: &[u8]) -> bool {
    !said.is_empty() && !said.starts_with(b"HTTP/")
}

/// Reads a request's head as far as it has come.
fn take_over(head: &[u8], content: bool, facts: &mut Facts) {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut words = lines
        .next()
        .unwrap_or_default()
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let method = text(words.next().unwrap_or_default());
    let target = words.next().unwrap_or_default();
    if facts.http_method.is_empty() {
        if method == "CONNECT" {
            facts.name("http_connect", ApplicationClass::Proxy);
        } else if target.starts_with(b"http://") {
            facts.name("http_proxy", ApplicationClass::Proxy);
        }
    }
    let mut host = named_host(&method, target);
    for line in lines {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if host.is_empty() && name.eq_ignore_ascii_case(b"host") {
            host = without_port(&text(value));
        } else if content && name.eq_ignore_ascii_case(b"user-agent") {
            facts.http_user_agent = text(value);
        }
    }
    facts.http_method = method;
    facts.server_name = host;
    if content {
        facts.http_path = text(target);
    }
}

/// The host in the request's own target, as proxies are asked.
fn named_host(method: &str, target: &[u8]) -> String {
    let target = text(target);
    if method == "CONNECT" {
        return without_port(&target);
    }
    target
        .strip_prefix("http://")
        .and_then(|rest| rest.split(['/', '?']).next())
        .map(|authority| without_port(authority.rsplit('@').next().unwrap_or(authority)))
        .unwrap_or_default()
}

/// A host in lower case without its port.
fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if !bare.contains(':') || bare.ends_with(']') => {
            if port.bytes().all(|byte| byte.is_ascii_digit()) {
                bare
            } else {
                host
            }
        }
        _ => host,
    };
    bare.trim_end_matches('.').to_lowercase()
}

/// Bytes as text; what is no UTF-8 is replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
