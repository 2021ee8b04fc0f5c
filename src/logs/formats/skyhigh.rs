//! Skyhigh Secure Web Gateway (McAfee Web Gateway before it): its default access log, `[time] "user" client status "request" "category" "reputation"
//! "type" bytes "agent" "virus" "number"`, the columns of which an operator may change; and CEF or LEEF from it.

use super::{cef, leef};
use crate::logs::cells::Fields;
use crate::logs::envelope::Heading;
use crate::logs::fields::Words;
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::containers::Named;
use crate::logs::said::escapes::Escapes;
use crate::logs::said::judge::read_named;
use crate::logs::said::{Part, Said};
use crate::logs::times::{LocalClock, common_log};
use crate::record::{Action, Event};

/// Skyhigh's access log.
pub(super) static SKYHIGH: LineFormat<ReadLines> = LineFormat {
    name: "skyhigh",
    title: "Skyhigh Secure Web Gateway (McAfee Web Gateway)",
    extensions: &["log"],
    is_ours: |line| {
        let message = Heading::of(line).message;
        let maker = |name: &[u8]| memchr::memmem::find(line, name).is_some();
        maker(b"|McAfee|Web Gateway|")
            || maker(b"|Skyhigh")
            || message.starts_with(b"[")
                && columns(message).is_some_and(|(_, columns)| columns.len() >= 5)
    },
    read,
};

const PART: Named = |key| cef::part(key).or_else(|| leef::part(key));

/// The time in brackets, and the columns after it: words, and texts in quotation marks.
fn columns(message: &[u8]) -> Option<(&[u8], Vec<&[u8]>)> {
    let inner = message.strip_prefix(b"[")?;
    let end = memchr::memchr(b']', inner)?;
    let mut rest = inner.get(end + 1..)?.trim_ascii();
    rest.starts_with(b"\"").then_some(())?;
    let mut columns = Vec::with_capacity(16);
    while !rest.is_empty() && columns.len() < 40 {
        let mut fields = Fields::of(rest, b' ');
        let word = fields.next()?;
        if fields.torn {
            return None;
        }
        let taken = word.len() + if rest.starts_with(b"\"") { 2 } else { 0 };
        columns.push(word);
        rest = rest.get(taken..)?.trim_ascii_start();
    }
    Some((inner.get(..end)?, columns))
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let message = Heading::of(line).message;
    if !message.starts_with(b"[") {
        out(read_named(line, clock, PART, 1_000)?);
        return Ok(());
    }
    let (time, columns) = columns(message).ok_or(WRONG_SHAPE)?;
    let at = memchr::memchr(b' ', time).ok_or(BAD_TIME)?;
    let time = common_log(
        time.get(..at).unwrap_or_default(),
        time.get(at + 1..).unwrap_or_default(),
    )
    .ok_or(BAD_TIME)?;
    let [user, client, status, request, rest @ ..] = columns.as_slice() else {
        return Err(MISSING);
    };
    let mut said = Said::nothing(Escapes::Doubled);
    for (part, value) in [
        (Part::User, user),
        (Part::ClientIp, client),
        (Part::Status, status),
    ] {
        said.put(part, value);
    }
    let mut words = Words::of(request);
    said.put(Part::Method, words.next().ok_or(MISSING)?);
    said.put(Part::Url, words.next().unwrap_or_default());
    let order = [
        Part::Category,
        Part::Rcode,
        Part::ContentType,
        Part::Received,
        Part::Agent,
    ];
    for (part, value) in order.into_iter().zip(rest) {
        said.put(part, value);
    }
    let status = said.count(Part::Status)?.unwrap_or(0);
    // The default log has no word for what was done; the gateway answers a refusal with 403.
    let action = match status {
        403 => Some(Action::Blocked),
        407 => Some(Action::Authenticate),
        _ => None,
    };
    out(said.web_event(time, action, None)?);
    Ok(())
}
