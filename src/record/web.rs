//! One request that a proxy, filter or firewall logged.

use std::borrow::Cow;
use std::net::IpAddr;

use super::columns::{Word, record};
use super::words::words;
use super::{AccountText, Timestamp};

words! {
    /// What the filter did with a request.
    Action {
        /// Let through.
        Allowed = "allowed",
        /// Refused.
        Blocked = "blocked",
        /// A page of warning was shown.
        Warned = "warned",
        /// Let through by an override.
        Overridden = "overridden",
        /// The client was asked to say who it is.
        Authenticate = "authenticate",
    }
}

record! {
    /// One web request as a log tells it.
    WebHit<'a>, "web_hits", "web_hit" {
        /// When the request began, or when the log says if the log knows no more.
        time: Timestamp, Icr, Captured;
        /// The client's address.
        client_ip: Option<IpAddr>, Icr, Captured;
        /// The client's port.
        client_port: Option<u16>, Icr, Captured;
        /// The server's address.
        server_ip: Option<IpAddr>, Icr, Captured;
        /// The server's port.
        server_port: Option<u16>, Icr, Captured;
        /// The account that the client signed in with.
        account_token as "account_text": Option<AccountText>, Entity, Captured;
        /// HTTP method.
        method: Word<'a>, Events, Captured;
        /// `http`, `https` and the like.
        scheme: Word<'a>, Events, Captured;
        /// The server's name, in lower case, without port.
        host: Word<'a>, Icr, Captured;
        /// The port named in the URL.
        port: Option<u16>, Icr, Captured;
        /// The path, from the first slash.
        path: Cow<'a, str>, Content, Captured;
        /// The query, without its question mark.
        query: Cow<'a, str>, Content, Captured;
        /// HTTP status.
        status: Option<u16>, Events, Captured;
        /// What the filter did.
        action: Option<Action>, Events, Derived;
        /// The category as the filter's vendor names it.
        vendor_category: Word<'a>, Local, Captured;
        /// The filter's policy or rule.
        policy: Word<'a>, Local, Captured;
        /// Bytes that the client sent.
        bytes_sent: Option<u64>, Icr, Captured;
        /// Bytes that the client received.
        bytes_received: Option<u64>, Icr, Captured;
        /// How long the request took, in milliseconds.
        duration_ms: Option<u32>, Events, Captured;
        /// The browser as it names itself.
        user_agent: Cow<'a, str>, Content, Captured;
        /// The page that led here.
        referrer: Cow<'a, str>, Content, Captured;
        /// Media type of the answer.
        content_type: Word<'a>, Content, Captured;
        /// The words searched for.
        search_terms: Cow<'a, str>, Content, Derived;
        /// Categories of the lists that this request met, ours.
        categories: Vec<Word<'a>>, Local, Derived;
        /// The lists that it met, each `name@version`.
        lists: Vec<Word<'a>>, Local, Derived;
    }
}

impl WebHit<'_> {
    /// A request at this moment, of which nothing else is known yet.
    pub fn at(time: Timestamp) -> Self {
        WebHit {
            time,
            client_ip: None,
            client_port: None,
            server_ip: None,
            server_port: None,
            account_token: None,
            method: Word::default(),
            scheme: Word::default(),
            host: Word::default(),
            port: None,
            path: Cow::default(),
            query: Cow::default(),
            status: None,
            action: None,
            vendor_category: Word::default(),
            policy: Word::default(),
            bytes_sent: None,
            bytes_received: None,
            duration_ms: None,
            user_agent: Cow::default(),
            referrer: Cow::default(),
            content_type: Word::default(),
            search_terms: Cow::default(),
            categories: Vec::new(),
            lists: Vec::new(),
        }
    }
}
