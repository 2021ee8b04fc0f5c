//! One mail handed over, by counts and domains; mailboxes only as tokens.

use std::net::IpAddr;

use super::columns::{Word, record};
use super::words::words;
use super::{AccountText, Timestamp};

words! {
    /// Which way a mail went, seen from the establishment.
    Direction {
        /// To the outside.
        Outbound = "outbound",
        /// From the outside.
        Inbound = "inbound",
        /// Within.
        Internal = "internal",
    }
}

record! {
    /// One mail as a mail server logged it.
    MailEvent<'a>, "mail_events", "mail_event" {
        /// When the server logged it.
        time: Timestamp, Events, Captured;
        /// Which way it went.
        direction: Option<Direction>, Events, Derived;
        /// The client that handed it in.
        client_ip: Option<IpAddr>, Events, Captured;
        /// The sender's domain.
        from_domain: Word<'a>, Events, Captured;
        /// The recipients' domain, where there is one.
        to_domain: Word<'a>, Events, Captured;
        /// The sender's mailbox.
        from_token as "from_text": Option<AccountText>, Entity, Captured;
        /// The recipients' mailboxes.
        to_tokens as "to_texts": Vec<AccountText>, Entity, Captured;
        /// How many recipients.
        recipients: Option<u32>, Events, Captured;
        /// Size in bytes.
        size: Option<u64>, Events, Captured;
        /// What became of it, such as `sent` or `deferred`.
        status: Word<'a>, Events, Captured;
        /// The server's own number for it.
        queue_id: Word<'a>, Local, Captured;
    }
}
