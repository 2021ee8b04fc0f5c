//! One question to a name server, and what was answered.

use std::net::IpAddr;

use super::columns::{Word, record};
use super::{Action, Timestamp};

record! {
    /// One DNS question as a resolver logged it.
    DnsQuery<'a>, "dns_queries", "dns_query" {
        /// When it was asked.
        time: Timestamp, Icr, Captured;
        /// Who asked.
        client_ip: Option<IpAddr>, Icr, Captured;
        /// The client's port.
        client_port: Option<u16>, Icr, Captured;
        /// Who was asked.
        server_ip: Option<IpAddr>, Icr, Captured;
        /// The name, in lower case, without the dot at its end.
        qname: Word<'a>, Icr, Captured;
        /// The type asked for, such as `A`.
        qtype: Word<'a>, Events, Captured;
        /// The answer's code, such as `NOERROR`.
        rcode: Word<'a>, Events, Captured;
        /// The answers, as text.
        answers: Vec<Word<'a>>, Events, Captured;
        /// What a filtering resolver did.
        action: Option<Action>, Events, Derived;
        /// Categories of the lists that the name met.
        categories: Vec<Word<'a>>, Local, Derived;
        /// The lists that it met, each `name@version`.
        lists: Vec<Word<'a>>, Local, Derived;
    }
}
