//! HAProxy's `option httplog` and `httpslog`: `client:port [accepted] frontend backend/server timers status bytes cookies state counters
//! queues {headers} "request"`. Lines of connections in TCP mode and of failed handshakes name no server and no request, and are passed over.

use memchr::memchr;

use crate::logs::envelope::Heading;
use crate::logs::fields::Words;
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::Event;

/// HAProxy's log of requests.
pub(super) static HAPROXY: LineFormat<ReadLines> = LineFormat {
    name: "haproxy",
    title: "HAProxy (HTTP log)",
    extensions: &["log"],
    is_ours: |line| heading(Heading::of(line).message).is_some(),
    read,
};

/// The client, its port and when it was accepted; and what follows.
fn heading(message: &[u8]) -> Option<([&[u8]; 3], &[u8])> {
    let at = memchr(b' ', message)?;
    let client = message.get(..at)?;
    let colon = memchr::memrchr(b':', client)?;
    let rest = message.get(at..)?.strip_prefix(b" [")?;
    let end = memchr(b']', rest)?;
    let time = rest.get(..end)?;
    let like_a_time = time.len() >= 20 && time.get(2) == Some(&b'/') && time.get(11) == Some(&b':');
    let port = client.get(colon + 1..)?;
    (like_a_time && !port.is_empty() && port.iter().all(u8::is_ascii_digit))
        .then(|| Some(([client.get(..colon)?, port, time], rest.get(end + 1..)?)))?
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let message = Heading::of(line).message;
    let Some(([ip, port, time], rest)) = heading(message) else {
        let about_itself = [
            b"Proxy ".as_slice(),
            b"Server ",
            b"backend ",
            b"Connect from ",
        ];
        let about_itself = about_itself.iter().any(|start| message.starts_with(start));
        return Err(if about_itself { OTHER } else { WRONG_SHAPE });
    };
    let mut words = Words::of(rest);
    let (_frontend, _backend) = (words.next().ok_or(MISSING)?, words.next().ok_or(OTHER)?);
    let timers = words.next().unwrap_or_default();
    let (status, bytes) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let slashes = timers.iter().filter(|byte| **byte == b'/').count();
    if slashes != 4 {
        // Three numbers are TCP's; words are a message about the connection.
        return Err(OTHER);
    }
    let time = clock.stamp(time).ok_or(BAD_TIME)?;
    let mut said = Said::nothing(Escapes::Backslash);
    said.put(Part::ClientIp, ip.strip_prefix(b"::ffff:").unwrap_or(ip));
    said.put(Part::ClientPort, port);
    said.put(Part::Received, bytes.strip_prefix(b"+").unwrap_or(bytes));
    if status != b"-1" {
        said.put(Part::Status, status);
    }
    // The last timer is the whole time; a plus says that it goes on, a minus that there is none.
    let whole = timers
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default();
    let whole = whole.strip_prefix(b"+").unwrap_or(whole);
    if whole != b"-1" {
        said.put(Part::Duration, whole);
    }
    let request = words.rest();
    let open = memchr(b'"', request).ok_or(MISSING)?;
    let request = request.get(open + 1..).unwrap_or_default();
    let request = memchr::memrchr(b'"', request)
        .and_then(|end| request.get(..end))
        .unwrap_or(request);
    let mut parts = Words::of(request);
    if let (Some(method), Some(target)) = (parts.next(), parts.next())
        && method.iter().all(u8::is_ascii_uppercase)
    {
        said.put(Part::Method, method);
        let whole = memchr::memmem::find(target, b"://").is_some_and(|at| at < 8);
        said.put(if whole { Part::Url } else { Part::Path }, target);
    }
    let ms = said.duration_ms(1_000)?;
    out(said.web_event(time, None, ms)?);
    Ok(())
}
