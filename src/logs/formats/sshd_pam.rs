//! Sign-ins on Linux and other Unix machines through syslog: sshd's own messages, and what PAM says of any program's sessions.
//!
//! Who signs in at a server from a machine need not be who sits at that machine: an administrator's account, a job's, another person's.
//! So the far end stands in the session's number, by which attribution tells that it is nobody's address.

use crate::logs::envelope::Envelope;
use crate::logs::fields::{Words, address, after, between, contains, number, text};
use crate::logs::lines::{LineFormat, OTHER, Read, far_end, sign_in};
use crate::logs::pairs::Pairs;
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Basis, Event, RejectReason, SignIn, SignInEvent, Word};
use std::net::IpAddr;

pub(super) static SSHD_PAM: LineFormat = LineFormat {
    name: "sshd_pam",
    title: "sshd and PAM (auth.log, secure)",
    extensions: &["log"],
    is_ours,
    read,
};

fn is_ours(line: &[u8]) -> bool {
    [
        "sshd[",
        "sshd: ",
        "sshd-session[",
        "pam_unix(",
        "pam_sss(",
        "pam_krb5(",
    ]
    .iter()
    .any(|words| contains(line, words))
        || contains(line, " sshd ") && contains(line, "<")
}

fn read<'a>(line: &'a [u8], clock: &LocalClock) -> Read<'a> {
    let envelope = Envelope::of(line, clock);
    if envelope.program.is_empty() && !is_ours(line) {
        return Err(RejectReason::WrongShape.into());
    }
    let said = match envelope.program {
        _ if contains(envelope.message, "pam_") && contains(envelope.message, "): ") => {
            said_by_pam(envelope.message)
        }
        b"sshd" | b"sshd-session" | b"dropbear" => said_by_sshd(envelope.message),
        _ => None,
    };
    let said = said.ok_or(OTHER)?;
    let ip = match said.from {
        // A name may stand where an address is expected.
        Some(from) => address(from.trim_ascii()),
        None => None,
    };
    Ok(Event::SignIn(SignIn {
        account_token: said.user.map(text).and_then(AccountText::new),
        ip: ip.filter(|ip| !ip.is_loopback()),
        client_port: ip.and_then(|_| port(envelope.message)),
        session: session(line, ip, port(envelope.message)),
        nas: text(envelope.host).into(),
        ..sign_in(envelope.stamp.moment()?, said.event, Basis::Directory)
    }))
}

struct Said<'a> {
    event: SignInEvent,
    user: Option<&'a [u8]>,
    from: Option<&'a [u8]>,
}

fn said_by_sshd(message: &[u8]) -> Option<Said<'_>> {
    let message = message.strip_prefix(b"error: ").unwrap_or(message);
    if let Some(rest) = message.strip_prefix(b"Accepted ") {
        return user_from(after(rest, " for ")?, SignInEvent::Logon);
    }
    for start in ["Failed ", "Postponed "] {
        if let Some(rest) = message.strip_prefix(start.as_bytes()) {
            if start == "Postponed " {
                return None;
            }
            return user_from(after(rest, " for ")?, SignInEvent::Fail);
        }
    }
    for (start, event) in STARTS {
        if let Some(rest) = message.strip_prefix(start.as_bytes()) {
            return match contains(rest, " from ") {
                true => user_from(rest, *event),
                false => user_address(rest, *event),
            };
        }
    }
    if let Some(rest) = message.strip_prefix(b"refused connect from ") {
        let from = between(rest, "(", ")").or_else(|| Words::of(rest).next());
        return Some(Said {
            event: SignInEvent::Fail,
            user: None,
            from,
        });
    }
    None
}

/// `[invalid user ]NAME from ADDRESS port 1`: the last `from` ends the name, which may hold blanks.
fn user_from(rest: &[u8], event: SignInEvent) -> Option<Said<'_>> {
    let rest = rest
        .strip_prefix(b"invalid user ")
        .or(rest.strip_prefix(b"illegal user "))
        .unwrap_or(rest);
    let at = memchr::memmem::rfind(rest, b" from ").or(rest.starts_with(b"from ").then_some(0))?;
    let (user, from) = rest.split_at_checked(at)?;
    let from = Words::of(from).nth(1)?;
    Some(Said {
        event,
        user: Some(user.trim_ascii()),
        from: Some(from),
    })
}

/// `NAME ADDRESS port 1 [preauth]`.
fn user_address(rest: &[u8], event: SignInEvent) -> Option<Said<'_>> {
    let rest = rest.strip_prefix(b"invalid user ").unwrap_or(rest);
    let at = memchr::memmem::rfind(rest, b" port ")?;
    let front = rest.get(..at)?;
    match memchr::memrchr(b' ', front) {
        Some(blank) => Some(Said {
            event,
            user: front.get(..blank),
            from: front.get(blank + 1..),
        }),
        None => Some(Said {
            event,
            user: None,
            from: Some(front),
        }),
    }
}

/// `pam_unix(sshd:session): session opened for user NAME(uid=1000) by (uid=0)`.
fn said_by_pam(message: &[u8]) -> Option<Said<'_>> {
    let service = between(message, "(", ")")?;
    let rest = after(message, "): ")?;
    // Programs that act for another person are no sign-in of that person.
    if ["sudo:", "su:", "su-l:", "cron:", "systemd-user:", "polkit"]
        .iter()
        .any(|name| service.starts_with(name.as_bytes()))
    {
        return None;
    }
    if let Some(rest) = rest.strip_prefix(b"session opened for user ") {
        // sshd has told of this with the address already.
        if service.starts_with(b"sshd:") {
            return None;
        }
        return Some(Said {
            event: SignInEvent::Logon,
            user: name(rest),
            from: None,
        });
    }
    if let Some(rest) = rest.strip_prefix(b"session closed for user ") {
        return Some(Said {
            event: SignInEvent::Logoff,
            user: name(rest),
            from: None,
        });
    }
    if rest.starts_with(b"authentication failure;") {
        let pairs = Pairs::of(rest);
        let from = pairs.value(b"rhost").filter(|from| !from.is_empty());
        return Some(Said {
            event: SignInEvent::Fail,
            user: pairs.value(b"user"),
            from,
        });
    }
    None
}

/// `... from ADDRESS port 52234 ssh2`: the last, since a name may hold anything.
fn port(message: &[u8]) -> Option<u16> {
    let at = memchr::memmem::rfind(message, b" port ")?;
    let port = Words::of(message.get(at..)?).nth(1)?;
    u16::try_from(number(port)?).ok()
}

fn name(rest: &[u8]) -> Option<&[u8]> {
    rest.split(|byte| matches!(byte, b' ' | b'(')).next()
}

/// The far end where it is known, else the number of the process: one a session.
fn session<'a>(line: &'a [u8], from: Option<IpAddr>, port: Option<u16>) -> Word<'a> {
    match from {
        Some(ip) => far_end(ip, port).into(),
        None => process(line).map(text).unwrap_or_default().into(),
    }
}

/// The number of the process.
fn process(line: &[u8]) -> Option<&[u8]> {
    let number = between(line, "[", "]:")?;
    number.iter().all(u8::is_ascii_digit).then_some(number)
}

static STARTS: &[(&str, SignInEvent)] = &[
    ("Invalid user ", SignInEvent::Fail),
    ("Illegal user ", SignInEvent::Fail),
    ("PAM: Authentication failure for ", SignInEvent::Fail),
    (
        "maximum authentication attempts exceeded for ",
        SignInEvent::Fail,
    ),
    (
        "Connection closed by authenticating user ",
        SignInEvent::Fail,
    ),
    ("Connection closed by invalid user ", SignInEvent::Fail),
    ("Disconnected from authenticating user ", SignInEvent::Fail),
    ("Disconnected from invalid user ", SignInEvent::Fail),
    (
        "Connection reset by authenticating user ",
        SignInEvent::Fail,
    ),
    ("Disconnected from user ", SignInEvent::Logoff),
    ("Bad password attempt for ", SignInEvent::Fail),
    ("Password auth succeeded for ", SignInEvent::Logon),
];
