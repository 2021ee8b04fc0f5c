//! What Squid's layouts have in common: the client, the URL, and what was done.

use std::net::IpAddr;

use super::fields::{address, text, unless_dash};
use super::urls::{Url, target_text};
use crate::record::{Action, RejectReason, WebHit};

/// The client's address. Requests of Squid's own have none.
pub(super) fn client_ip(field: &[u8]) -> Result<Option<IpAddr>, RejectReason> {
    let Some(field) = unless_dash(field) else {
        return Ok(None);
    };
    address(field).map(Some).ok_or(RejectReason::BadAddress)
}

/// Fills in what the URL says; the answer, whether it was one. What Squid writes for a request that it did not understand
/// (`error:invalid-request`) has no host.
pub(super) fn put_url<'a>(
    hit: &mut WebHit<'a>,
    method: &[u8],
    url: &'a [u8],
) -> Result<bool, RejectReason> {
    let parts = if method == b"CONNECT" {
        if url.starts_with(b"error:") {
            return Ok(false);
        }
        let parts = Url::split_connect(url).or_else(|| Url::split(url));
        parts.ok_or(RejectReason::BadUrl)?
    } else {
        match Url::split(url) {
            Some(parts) => parts,
            None if memchr::memmem::find(url, b"://").is_some() => {
                return Err(RejectReason::BadUrl);
            }
            None => return Ok(false),
        }
    };
    hit.scheme = text(parts.scheme).into();
    hit.host = parts.host_text().into();
    hit.port = parts.port;
    hit.path = target_text(parts.path);
    hit.query = target_text(parts.query);
    hit.search_terms = parts.search_terms();
    Ok(true)
}

/// What Squid did: 407 asks for a name, `DENIED` is a refusal; of a request that it did not understand nothing can be said.
pub(super) fn action(code: &[u8], status: u16, understood: bool) -> Option<Action> {
    if status == 407 {
        return Some(Action::Authenticate);
    }
    if code.windows(DENIED.len()).any(|part| part == DENIED) {
        return Some(Action::Blocked);
    }
    understood.then_some(Action::Allowed)
}

/// The server's address from the word of the hierarchy and the peer, where the peer is the server itself and not another
/// proxy. A word of another shape says that the fields have slipped (a blank in the URL or the name), and then none of
/// them can be trusted, the name least.
pub(super) fn peer_of(how: &[u8], peer: &[u8]) -> Result<Option<IpAddr>, RejectReason> {
    match how {
        b"HIER_NONE" => return Ok(None),
        b"HIER_DIRECT" => return Ok(address(peer)),
        _ => {}
    }
    let is_code = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    if how.is_empty() || !how.iter().all(is_code) {
        return Err(RejectReason::WrongShape);
    }
    let how = how.strip_prefix(b"TIMEOUT_").unwrap_or(how);
    let how = how.strip_prefix(b"HIER_").unwrap_or(how);
    let direct = DIRECT.iter().any(|word| word.as_bytes() == how);
    Ok(if direct { address(peer) } else { None })
}

/// Words of the hierarchy after which the server's own address stands.
static DIRECT: &[&str] = &["DIRECT", "ORIGINAL_DST", "PINNED"];

/// Part of each code that is a refusal: `TCP_DENIED`, `TCP_DENIED_REPLY`.
const DENIED: &[u8] = b"DENIED";
