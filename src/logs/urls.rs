//! URLs as proxies log them, split into what the records have columns for, and the words that were searched for.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memmem, memrchr};

use super::fields::{lower_case, number, percent_decoded, text};

/// The parts of a URL. User information (`user:password@`) is left out on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a [u8],
    /// Without brackets, and without the dot that may end a full name.
    pub(super) host: &'a [u8],
    pub(super) port: Option<u16>,
    /// From the first slash.
    pub(super) path: &'a [u8],
    /// Without its question mark.
    pub(super) query: &'a [u8],
}

impl<'a> Url<'a> {
    /// Splits `scheme://host:port/path?query`. `None` if there is no `://` or the host can not be read.
    #[inline]
    pub(super) fn split(url: &'a [u8]) -> Option<Self> {
        let colon = memchr(b':', url)?;
        let scheme = url.get(..colon)?;
        let rest = url.get(colon..)?.strip_prefix(b"://")?;
        if scheme.is_empty() || !scheme.iter().all(is_scheme_byte) {
            return None;
        }
        let parts = Url::split_bare(rest)?;
        Some(Url { scheme, ..parts })
    }

    /// Splits `host:port/path?query`, a URL whose scheme was left out.
    #[inline]
    pub(super) fn split_bare(rest: &'a [u8]) -> Option<Self> {
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
            .unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end)?;
        let (host, port) = split_host(authority)?;
        let (path, query) = split_target(target);
        Some(Url {
            scheme: &[],
            host,
            port,
            path,
            query,
        })
    }

    /// Splits what a `CONNECT` names: `host:port`.
    pub(super) fn split_connect(target: &'a [u8]) -> Option<Self> {
        let (host, port) = split_host(target)?;
        port.map(|port| Url {
            host,
            port: Some(port),
            ..Url::default()
        })
    }

    pub(super) fn host_text(&self) -> Cow<'a, str> {
        lower_case(self.host)
    }

    /// The words searched for, if this is a page of results: by [`SEARCHES`], or by any path that ends in `search` or `results`.
    /// What a browser asks for while somebody types is no search.
    pub(super) fn search_terms(&self) -> Cow<'a, str> {
        if self.query.is_empty() {
            return Cow::default();
        }
        let path = self.path.strip_suffix(b"/").unwrap_or(self.path);
        let engine = SEARCHES
            .iter()
            .find(|(label, at, _)| path == at.as_bytes() && has_label(self.host, label.as_bytes()));
        if let Some((_, _, parameter)) = engine {
            return parameter_of(self.query, parameter.as_bytes()).unwrap_or_default();
        }
        let page = memrchr(b'/', path).map_or(path, |at| path.get(at + 1..).unwrap_or_default());
        let typing =
            memmem::find(path, b"complete").is_some() || memmem::find(path, b"suggest").is_some();
        if typing || !SEARCH_PAGES.iter().any(|name| name.as_bytes() == page) {
            return Cow::default();
        }
        SEARCH_PARAMETERS
            .iter()
            .find_map(|name| parameter_of(self.query, name.as_bytes()))
            .unwrap_or_default()
    }
}

/// Splits what stands after a host: path and query. A fragment stays with the last of them.
#[inline]
pub(super) fn split_target(target: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b'?', target) {
        Some(at) => (
            target.get(..at).unwrap_or_default(),
            target.get(at + 1..).unwrap_or_default(),
        ),
        None => (target, &[]),
    }
}

/// Splits `user@host:port`, `host`, `[2001:db8::1]:443`.
#[inline]
fn split_host(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let authority = match memrchr(b'@', authority) {
        Some(at) => authority.get(at + 1..)?,
        None => authority,
    };
    let (host, port) = match authority {
        [b'[', rest @ ..] => {
            let end = memchr(b']', rest)?;
            let port = match rest.get(end + 1..)? {
                [] => None,
                [b':', port @ ..] => Some(port),
                _ => return None,
            };
            (rest.get(..end)?, port)
        }
        _ => match memrchr(b':', authority) {
            Some(at) => (authority.get(..at)?, Some(authority.get(at + 1..)?)),
            None => (authority, None),
        },
    };
    let host = host.strip_suffix(b".").unwrap_or(host);
    // What ends a host in a URL can not stand in one (RFC 3986, 3.2.2): a path that passed for part of a name
    // would be content in the place of a host, and would leave with communications data.
    let ends_a_host =
        |byte: &u8| *byte <= b' ' || matches!(byte, b'/' | b'?' | b'#' | b'\\' | 0x7f);
    if host.is_empty() || host.iter().any(ends_a_host) {
        return None;
    }
    let port = match port {
        None | Some([]) => None,
        Some(digits) => Some(u16::try_from(number(digits)?).ok()?),
    };
    Some((host, port))
}

fn is_scheme_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// Whether one of the labels of a host is this one: `google` in `www.google.co.uk`.
fn has_label(host: &[u8], label: &[u8]) -> bool {
    host.split(|byte| *byte == b'.')
        .any(|part| part.eq_ignore_ascii_case(label))
}

/// The value of a parameter of a query, decoded; `None` if it is not there or empty.
fn parameter_of<'a>(query: &'a [u8], name: &[u8]) -> Option<Cow<'a, str>> {
    let mut rest = query;
    while !rest.is_empty() {
        let end = memchr2(b'&', b'#', rest).unwrap_or(rest.len());
        let (pair, after) = rest.split_at_checked(end)?;
        rest = after.get(1..).unwrap_or_default();
        if let Some([b'=', value @ ..]) = pair.strip_prefix(name)
            && !value.is_empty()
        {
            return Some(percent_decoded(value, true));
        }
    }
    None
}

/// A path or query as text.
pub(super) fn target_text(bytes: &[u8]) -> Cow<'_, str> {
    text(bytes)
}

/// Search engines: a label of the host, the path of the page of results, the parameter that has the words.
static SEARCHES: &[(&str, &str, &str)] = &[
    ("google", "/search", "q"),
    ("bing", "/search", "q"),
    ("bing", "/images/search", "q"),
    ("bing", "/videos/search", "q"),
    ("yahoo", "/search", "p"),
    ("duckduckgo", "", "q"),
    ("duckduckgo", "/html", "q"),
    ("ecosia", "/search", "q"),
    ("youtube", "/results", "search_query"),
    ("wikipedia", "/w/index.php", "search"),
    ("tiktok", "/search", "q"),
    ("yandex", "/search", "text"),
    ("baidu", "/s", "wd"),
    ("startpage", "/sp/search", "query"),
];

/// How pages of results are called elsewhere.
static SEARCH_PAGES: &[&str] = &["search", "results"];

/// And the parameters that have the words there, in this order.
static SEARCH_PARAMETERS: &[&str] = &["q", "query", "search", "search_query", "p"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_passes_for_a_host() {
        for target in [
            "games.example/secret:443",
            "games.example?q=x:443",
            "games.example\\x:443",
        ] {
            assert!(Url::split_connect(target.as_bytes()).is_none(), "{target}");
        }
        let url = Url::split(b"http://games.example\\secret/").map(|url| url.host.to_vec());
        assert_eq!(url, None);
        assert!(Url::split_connect(b"games.example:443").is_some());
    }

    fn parts(url: &str) -> Option<(String, String, Option<u16>, String, String)> {
        let url = Url::split(url.as_bytes())?;
        let owned = |bytes: &[u8]| text(bytes).into_owned();
        Some((
            owned(url.scheme),
            url.host_text().into_owned(),
            url.port,
            owned(url.path),
            owned(url.query),
        ))
    }

    fn expected(
        scheme: &str,
        host: &str,
        port: Option<u16>,
        path: &str,
        query: &str,
    ) -> Option<(String, String, Option<u16>, String, String)> {
        Some((scheme.into(), host.into(), port, path.into(), query.into()))
    }

    #[test]
    fn a_url_is_split_and_its_user_information_left_out() {
        assert_eq!(
            parts("http://me:secret@WWW.Maths.example.:8080/a/b?x=1&y=?"),
            expected("http", "www.maths.example", Some(8080), "/a/b", "x=1&y=?")
        );
        assert_eq!(
            parts("https://[2001:db8::1]:8443/"),
            expected("https", "2001:db8::1", Some(8443), "/", "")
        );
        assert_eq!(
            parts("http://maths.example?x"),
            expected("http", "maths.example", None, "", "x")
        );
        for bad in [
            "maths.example",
            "://x",
            "http://",
            "http://:80/",
            "http://h:99999/",
            "http://[::1/",
            "error:x",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_connect_names_host_and_port() {
        let url = Url::split_connect(b"[2001:db8::1]:443").unwrap();
        assert_eq!((url.host, url.port), (&b"2001:db8::1"[..], Some(443)));
        let url = Url::split_connect(b"2001:db8::1:443").unwrap();
        assert_eq!((url.host, url.port), (&b"2001:db8::1"[..], Some(443)));
        assert_eq!(Url::split_connect(b"maths.example"), None);
    }

    #[test]
    fn searches_are_known_and_typing_is_not_searching() {
        let terms = |url: &str| {
            Url::split(url.as_bytes())
                .unwrap()
                .search_terms()
                .into_owned()
        };
        assert_eq!(
            terms("https://www.google.co.uk/search?hl=en&q=fair+trade%21"),
            "fair trade!"
        );
        assert_eq!(terms("https://find.example/search?p=&query=owls"), "owls");
        assert_eq!(terms("https://find.example/complete/search?q=ow"), "");
        assert_eq!(terms("https://shop.example/item?q=owls"), "");
        assert_eq!(terms("https://duckduckgo.com/?q=owls"), "owls");
    }
}
