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

/// Part of each code that is a refusal: `TCP_DENIED`, `TCP_DENIED_REPLY`.
const DENIED: &[u8] = b"DENIED";
