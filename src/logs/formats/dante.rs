//! Dante (`danted`, `sockd`), a SOCKS server: `info: pass(1): tcp/connect [: 10.1.2.3.51000 10.1.0.1.1080 -> 198.51.100.2.20000 192.0.2.7.443`.
//! Ports stand after the last dot. The first address is the client's, the last the server's; what lies between are the proxy's own ends.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::actions::{action_of, protocol_of};
use crate::logs::said::bare_flow;
use crate::logs::times::LocalClock;
use crate::record::{AccountText, Action, EndReason, Event, RejectReason};

/// Dante's log.
pub(super) static DANTE: LineFormat<ReadLines> = LineFormat {
    name: "dante",
    title: "Dante (SOCKS server)",
    extensions: &["log"],
    is_ours: |line| command(line).is_some(),
    read,
};

/// What was done, the protocol and its step, and what follows.
fn command(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let at = memmem::find(line, b"): tcp/").or_else(|| memmem::find(line, b"): udp/"))?;
    let open = memchr::memrchr(b'(', line.get(..at)?)?;
    let verdict = Words::of(line.get(..open)?).last()?;
    let mut words = Words::of(line.get(at + 3..)?);
    let step = words.next()?;
    matches!(verdict, b"pass" | b"block").then(|| (verdict, step, words.rest()))
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let Some((verdict, step, rest)) = command(line) else {
        let own = matches!(Heading::of(line).program, b"danted" | b"sockd");
        return Err(if own { OTHER } else { WRONG_SHAPE });
    };
    let time = Heading::of(line).time(clock);
    let time = time.or_else(|| {
        // `Mar  2 10:15:00 (1772446500.123456) danted[7]: ...`
        let at = memchr::memchr(b'(', line)?;
        let inner = line.get(at + 1..)?;
        clock.stamp(inner.get(..memchr::memchr(b')', inner)?)?)
    });
    let time = time.ok_or(BAD_TIME)?;
    // `[:` opens a session, `]:` ends one and says how much was sent.
    let mark = rest.first().copied().unwrap_or_default();
    // Between the first end and the last stand the proxy's own; `]:` lines have counts of bytes among them.
    let mut client = None;
    let mut server = None;
    for word in Words::of(rest) {
        let word = word
            .strip_suffix(b",")
            .or(word.strip_suffix(b":"))
            .unwrap_or(word);
        let (name, word) = named(word);
        if looks_like_an_end(word) {
            let end = end(word)?;
            if client.is_none() {
                client = Some((name, end));
            } else {
                server = Some(end);
            }
        }
    }
    let ((name, src), dst) = client.zip(server).ok_or(MISSING)?;
    let action = action_of(verdict);
    let reason = match (action, mark) {
        (Some(Action::Blocked), _) => EndReason::Forced,
        (_, b']') => EndReason::End,
        _ => EndReason::Active,
    };
    let mut flow = bare_flow(time, src.0, dst.0, reason);
    (flow.src_port, flow.dst_port) = (src.1, dst.1);
    flow.protocol = protocol_of(step).unwrap_or(0);
    flow.action = action;
    flow.account_token = name.and_then(|name| AccountText::new(crate::logs::fields::text(name)));
    out(Event::Flow(Box::new(flow)));
    Ok(())
}

/// `username%j.bloggs@10.1.2.3.51000`: the name that the client proved, and its end.
fn named(word: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let Some(at) = memchr::memrchr(b'@', word) else {
        return (None, word);
    };
    let name = word.get(..at).unwrap_or_default();
    let name = memchr::memchr(b'%', name).map_or(name, |at| name.get(at + 1..).unwrap_or_default());
    (Some(name), word.get(at + 1..).unwrap_or_default())
}

/// `10.1.2.3.51000`, `2001:db8::5.51000`: digits after the last dot, and an address before it.
fn looks_like_an_end(word: &[u8]) -> bool {
    let Some((ip, port)) = memchr::memrchr(b'.', word).and_then(|at| word.split_at_checked(at))
    else {
        return false;
    };
    let digits = port
        .get(1..)
        .is_some_and(|port| !port.is_empty() && port.iter().all(u8::is_ascii_digit));
    let marks = ip.iter().filter(|byte| matches!(byte, b'.' | b':')).count();
    digits
        && marks >= 2
        && ip
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'))
}

fn end(word: &[u8]) -> Result<(std::net::IpAddr, u16), RejectReason> {
    let at = memchr::memrchr(b'.', word).ok_or(RejectReason::BadAddress)?;
    let ip = word
        .get(..at)
        .and_then(address)
        .ok_or(RejectReason::BadAddress)?;
    let port = word
        .get(at + 1..)
        .and_then(number)
        .and_then(|port| u16::try_from(port).ok());
    Ok((ip, port.ok_or(RejectReason::BadNumber)?))
}
