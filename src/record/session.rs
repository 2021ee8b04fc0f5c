//! What ties an address to a person for a while: sign-ins, leases, translations.

use std::borrow::Cow;
use std::net::IpAddr;

use super::columns::{Word, record};
use super::words::words;
use super::{AccountText, Basis, Mac, Timestamp};

words! {
    /// What happened to a sign-in.
    SignInEvent {
        /// A session began (RADIUS accounting).
        Start = "start",
        /// A session goes on.
        Interim = "interim",
        /// A session ended.
        Stop = "stop",
        /// A person logged on (directory).
        Logon = "logon",
        /// A person logged off.
        Logoff = "logoff",
        /// An attempt that did not succeed.
        Fail = "fail",
        /// The access server came up or went down: whoever was signed in there is not any more.
        Restart = "restart",
    }
}

words! {
    /// What happened to a lease.
    LeaseEvent {
        /// The address was given out.
        Assign = "assign",
        /// The lease was prolonged.
        Renew = "renew",
        /// The client gave it back.
        Release = "release",
        /// It ran out.
        Expire = "expire",
        /// The client refused it.
        Decline = "decline",
    }
}

record! {
    /// One step in the life of a sign-in.
    SignIn<'a>, "sign_ins", "sign_in" {
        /// When it happened, with the delay that the source reports taken off.
        time: Timestamp, Entity, Captured;
        /// What happened.
        event: SignInEvent, Entity, Captured;
        /// The account.
        account_token as "account_text": Option<AccountText>, Entity, Captured;
        /// The address of the person's device.
        ip: Option<IpAddr>, Entity, Captured;
        /// The port that the client signed in from: behind a translator it tells which device that was.
        client_port: Option<u16>, Entity, Captured;
        /// The network card of the person's device.
        mac: Option<Mac>, Entity, Captured;
        /// The source's own number for the session.
        session: Word<'a>, Local, Captured;
        /// The access server.
        nas: Word<'a>, Local, Captured;
        /// The realm or domain of the account.
        realm: Word<'a>, Entity, Captured;
        /// What kind of evidence this is.
        basis: Basis, Local, Derived;
    }
}

record! {
    /// One step in the life of a lease.
    Lease<'a>, "leases", "lease" {
        /// When it happened.
        time: Timestamp, Entity, Captured;
        /// What happened.
        event: LeaseEvent, Entity, Captured;
        /// The address.
        ip: IpAddr, Entity, Captured;
        /// The network card.
        mac: Option<Mac>, Entity, Captured;
        /// The device as it names itself; often a person's name.
        hostname: Cow<'a, str>, Content, Captured;
        /// When it would run out, if the source says so.
        expires: Option<Timestamp>, Entity, Captured;
    }
}

record! {
    /// For a while, an outside address and ports stood for an inside address.
    Translation, "translations", "translation" {
        /// From when.
        from: Timestamp, Entity, Captured;
        /// Until when, if it is known.
        to: Option<Timestamp>, Entity, Captured;
        /// IANA protocol number; 0 for all.
        protocol: u8, Entity, Captured;
        /// The inside address.
        inside_ip: IpAddr, Entity, Captured;
        /// The inside port.
        inside_port: Option<u16>, Entity, Captured;
        /// The outside address.
        outside_ip: IpAddr, Entity, Captured;
        /// The first outside port.
        outside_port_first: Option<u16>, Entity, Captured;
        /// The last outside port.
        outside_port_last: Option<u16>, Entity, Captured;
    }
}
