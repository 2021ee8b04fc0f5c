//! HTTP in clear: the method and the host of the first request; its path and agent where content may be kept.

use std::borrow::Cow;

use super::http_request::{answered, hit, status};
use super::{Answer, Application, Facts, Hearing, Over, Talk};
use crate::record::{ApplicationClass, Event};

pub(super) struct Http;

/// Methods of RFC 9110, WebDAV and a few services of the local network.
pub(super) const METHODS: &[&str] = &[
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
            tell(talk, facts);
        }
        if facts.has_request() {
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
        facts.request().is_head_read = end.is_some();
        match end {
            Some(_) if talk.asked() == request => Hearing::PacketsAlone,
            Some(_) => Hearing::Enough,
            None => Hearing::GoOn,
        }
    }
}

/// Tells of a request; of one that names an account only when the proxy's answer shows whether it was believed.
fn tell(talk: &Talk<'_>, facts: &mut Facts) {
    if !talk.from_initiator {
        if let Some(status) = status(talk.packet)
            && let Some(asked) = facts.take_asked()
        {
            let hit = answered(*asked, Some(status));
            facts.tell(Event::WebHit(hit));
        }
        return;
    }
    let Some(hit) = hit(talk) else { return };
    if let Some(asked) = facts.take_asked() {
        let unanswered = answered(*asked, None);
        facts.tell(Event::WebHit(unanswered));
    }
    if hit.account_token.is_some() {
        facts.passing().asked = Some(Box::new(hit));
    } else {
        facts.tell(Event::WebHit(hit));
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
    if !facts.has_method() {
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
            facts.request().user_agent = text(value).into();
        }
    }
    let known = METHODS.iter().find(|known| **known == method);
    facts.server_name = host.into();
    let request = facts.request();
    request.method = known.map_or(Cow::Owned(method), |known| Cow::Borrowed(*known));
    if content {
        request.path = text(target).into();
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
pub(super) fn without_port(host: &str) -> String {
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
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
