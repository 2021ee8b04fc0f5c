//! Access logs of web servers: the common and the combined layout (Apache, NGINX, Caddy, Traefik and others), with a virtual host before
//! them where one is logged, and whatever stands after them left alone.
//!
//! `[host] client ident user [time] "method target HTTP/version" status bytes ["referrer" "user agent"]`. A request that was no HTTP has
//! neither method nor path. A server's own log says nothing of a filter, so there is no action.

use memchr::{memchr, memchr2};

use crate::logs::envelope::Heading;
use crate::logs::fields::{address, find, number, unless_dash};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::{LocalClock, common_log};
use crate::record::{Action, Event, RejectReason};

/// Access logs of web servers.
pub(super) static COMBINED: LineFormat<ReadLines> = LineFormat {
    name: "combined",
    title: "Web server access log (common, combined)",
    extensions: &["log"],
    is_ours: |line| {
        split(line).is_some_and(|parts| matches!(parts.status, [b'1'..=b'5' | b'0', _, _]))
    },
    read,
};

/// The fields as they stand.
struct Parts<'a> {
    host: &'a [u8],
    client: &'a [u8],
    user: &'a [u8],
    time: &'a [u8],
    request: &'a [u8],
    status: &'a [u8],
    bytes: &'a [u8],
    rest: &'a [u8],
}

fn split(line: &[u8]) -> Option<Parts<'_>> {
    let open = find(line, b" [")?;
    let (before, after) = (line.get(..open)?, line.get(open + 2..)?);
    let close = memchr(b']', after)?;
    let time = after.get(..close)?;
    let after = after.get(close + 1..)?.trim_ascii_start();
    let (request, after) = request_and_after(after)?;
    let mut words = crate::logs::fields::Words::of(after);
    let (status, bytes) = (words.next()?, words.next().unwrap_or(b"-"));
    let mut heads = crate::logs::fields::Words::of(before);
    let (first, second) = (heads.next()?, heads.next()?);
    // With a host before it, the client is the second word.
    let host_first = is_client(second) && second != b"-" && !is_address(first);
    let (host, client) = if host_first {
        (first, second)
    } else {
        ([].as_slice(), first)
    };
    if host_first {
        heads.next()?;
    }
    if host_first && !is_client(client)
        || !host_first && !is_client(first) && first != b"-" && first.contains(&b'=')
    {
        return None;
    }
    Some(Parts {
        host,
        client,
        user: heads.rest(),
        time,
        request,
        status,
        bytes,
        rest: words.rest(),
    })
}

fn is_address(word: &[u8]) -> bool {
    address(word).is_some()
}

fn is_client(word: &[u8]) -> bool {
    is_address(word)
}

/// The request and what follows it. Some servers leave quotation marks in a request as they came: then it ends at the first that a status follows.
fn request_and_after(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (request, after) = quoted(text)?;
    if a_status_follows(after) {
        return Some((request, after));
    }
    let inner = text.get(1..)?;
    let at = memchr::memchr_iter(b'"', inner)
        .find(|at| inner.get(at + 1..).is_some_and(a_status_follows))?;
    Some((inner.get(..at)?, inner.get(at + 1..)?))
}

fn a_status_follows(after: &[u8]) -> bool {
    matches!(after, [b' ', a, _, _] | [b' ', a, _, _, b' ', ..] if a.is_ascii_digit())
}

/// What stands between the quotation mark that the text begins with and the next that no backslash protects; and what follows.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', inner.get(from..)?)?;
        if inner.get(at) == Some(&b'"') {
            return Some((inner.get(..at)?, inner.get(at + 1..)?));
        }
        from = at + 2;
    }
}

fn read<'a>(
    line: &'a [u8],
    _clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let message = Heading::of(line).message;
    if is_error(message) {
        return Err(OTHER);
    }
    let parts = split(message).ok_or(if memchr(b'"', message).is_some() {
        WRONG_SHAPE
    } else {
        MISSING
    })?;
    let (date, zone) = at_blank(parts.time).ok_or(BAD_TIME)?;
    let time = common_log(date, zone).ok_or(BAD_TIME)?;
    let mut said = Said::nothing(Escapes::Backslash);
    // A client by name instead of address: the server was told to look names up.
    if is_address(parts.client) {
        said.put(Part::ClientIp, parts.client);
    } else if parts
        .client
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return Err(RejectReason::BadAddress.into());
    }
    said.put(Part::Host, parts.host);
    said.put(
        Part::User,
        parts
            .user
            .strip_prefix(b"\"")
            .and_then(|user| user.strip_suffix(b"\""))
            .unwrap_or(parts.user),
    );
    if number(parts.status).is_none() {
        return Err(RejectReason::BadNumber.into());
    }
    said.put(Part::Status, parts.status);
    if let Some(bytes) = unless_dash(parts.bytes) {
        said.put(Part::Received, bytes);
    }
    put_request(&mut said, parts.request);
    if let Some((referrer, rest)) = quoted(parts.rest) {
        said.put(Part::Referrer, referrer);
        if let Some((agent, _)) = quoted(rest.trim_ascii_start()) {
            said.put(Part::Agent, agent);
        }
    }
    let action = (parts.status == b"407").then_some(Action::Authenticate);
    out(said.web_event(time, action, None)?);
    Ok(())
}

/// `GET /path HTTP/1.1`; anything else is kept out of the record.
fn put_request<'a>(said: &mut Said<'a>, request: &'a [u8]) {
    let Some((method, rest)) = at_blank(request) else {
        return;
    };
    let target = match memchr::memmem::rfind(rest, b" HTTP/") {
        Some(at) => rest.get(..at).unwrap_or_default(),
        // HTTP/0.9 names no version.
        None => rest,
    };
    if !method.is_empty()
        && method.len() <= 20
        && method
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-'))
    {
        said.put(Part::Method, method);
        let whole = find(target, b"://").is_some_and(|at| at < 8) || method == b"CONNECT";
        let sound = crate::logs::urls::Url::split(target).is_some()
            || crate::logs::urls::Url::split_connect(target).is_some();
        if whole && sound {
            said.put(Part::Url, target);
        } else {
            said.put(Part::Path, target);
        }
    }
}

fn at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr(b' ', text)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A line of an error log, which stands beside the access log in some streams.
fn is_error(message: &[u8]) -> bool {
    let nginx = message.get(..40).unwrap_or(message);
    message.starts_with(b"[")
        || find(nginx, b" [error] ").is_some()
        || find(nginx, b" [warn] ").is_some()
        || find(nginx, b" [crit] ").is_some()
        || find(nginx, b" [notice] ").is_some()
}
