//! Cisco Secure Web Appliance (WSA, IronPort): its access log in the Squid layout, `time elapsed client code/status bytes method url user
//! hierarchy/server type decision-policy-... <category,...> - ["user agent"]`, also behind a syslog heading.
//!
//! The decision tag says what the policy did; the proxy's own code alone does not tell a refusal by policy from one by the server.

use memchr::memmem;

use crate::logs::fields::{Words, percent_decoded};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::{LocalClock, epoch};
use crate::record::{AccountText, Action, Event, RejectReason};

/// Cisco's web appliance.
pub(super) static CISCO_WSA: LineFormat<ReadLines> = LineFormat {
    name: "cisco_wsa",
    title: "Cisco Secure Web Appliance (WSA access log)",
    extensions: &["log", "s"],
    is_ours: |line| tag(line).is_some() && body(line).is_some(),
    read,
};

/// The line from its time on: the first word that is seconds since 1970 with a fraction.
fn body(line: &[u8]) -> Option<&[u8]> {
    let mut words = Words::of(line);
    for _ in 0..8 {
        let rest = words.rest();
        let word = words.next()?;
        if word.len() >= 14 && word.get(10) == Some(&b'.') && epoch(word).is_some() {
            return Some(rest);
        }
    }
    None
}

/// The decision in `BLOCK_WEBCAT_11-DefaultGroup-...`, and what follows it.
fn tag(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let found = TAGS
        .iter()
        .filter_map(|(start, _)| memmem::find(line, start.as_bytes()))
        .min()?;
    let word = Words::of(line.get(found..)?).next()?;
    word.contains(&b'-')
        .then(|| Some((word, line.get(found + 1 + word.len()..)?)))?
}

/// How decision tags begin, with the blank before them.
static TAGS: &[(&str, Action)] = &[
    (" ALLOW_", Action::Allowed),
    (" DEFAULT_CASE", Action::Allowed),
    (" MONITOR_", Action::Allowed),
    (" PASSTHRU_", Action::Allowed),
    (" DECRYPT_", Action::Allowed),
    (" SAAS_", Action::Allowed),
    (" NO_AUTHORIZATION", Action::Blocked),
    (" BLOCK_", Action::Blocked),
    (" DROP_", Action::Blocked),
    (" REDIRECT_", Action::Blocked),
    (" WARN_", Action::Warned),
    (" NO_PASSWORD", Action::Authenticate),
    (" AUTH_", Action::Authenticate),
    (" OTHER-", Action::Allowed),
];

fn read<'a>(
    line: &'a [u8],
    _clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let rest = body(line).ok_or(WRONG_SHAPE)?;
    let mut words = Words::of(rest);
    let mut word = || words.next().ok_or(MISSING);
    let (ended, elapsed, client, result, bytes) = (word()?, word()?, word()?, word()?, word()?);
    let (method, url, user, peer, content_type) = (word()?, word()?, word()?, word()?, word()?);
    let ended = epoch(ended).ok_or(BAD_TIME)?;
    let (decision, after) = tag(rest).ok_or(MISSING)?;
    let mut said = Said::nothing(Escapes::None);
    for (part, value) in [
        (Part::Duration, elapsed),
        (Part::ClientIp, client),
        (Part::Received, bytes),
        (Part::Method, method),
        (Part::Url, url),
        (Part::ContentType, content_type),
    ] {
        said.put(part, value);
    }
    let at = memchr::memchr(b'/', result).ok_or(WRONG_SHAPE)?;
    said.put(Part::Status, result.get(at + 1..).unwrap_or_default());
    let ms = said.duration_ms(1_000)?;
    let action = TAGS
        .iter()
        .find(|(start, _)| decision.starts_with(start.trim_start().as_bytes()))
        .map(|(_, action)| *action);
    // `decision-access policy-identity-...`
    said.put(
        Part::Policy,
        decision
            .split(|byte| *byte == b'-')
            .nth(1)
            .unwrap_or_default(),
    );
    let mut verdict = Words::of(after);
    if let Some(scan) = verdict.next().and_then(|word| word.strip_prefix(b"<")) {
        let category = scan.split(|byte| *byte == b',').next().unwrap_or_default();
        said.put(
            Part::Category,
            category
                .strip_prefix(b"\"")
                .and_then(|category| category.strip_suffix(b"\""))
                .unwrap_or(category),
        );
    }
    // `DIRECT/maths.example`: a name is no address.
    let server = memchr::memchr(b'/', peer)
        .and_then(|at| peer.get(at + 1..))
        .filter(|_| peer.starts_with(b"DIRECT/"));
    said.put(
        Part::ServerIp,
        server
            .filter(|server| crate::logs::fields::address(server).is_some())
            .unwrap_or_default(),
    );
    let began = i64::try_from(ms.unwrap_or(0)).map_err(|_| RejectReason::BadNumber)?;
    let mut hit = said.web(ended.plus_micros(began.saturating_mul(-1_000)), action)?;
    hit.duration_ms = ms.and_then(|ms| u32::try_from(ms).ok());
    // `"SCHOOL\j.bloggs@realm"`
    let user = user
        .strip_prefix(b"\"")
        .and_then(|user| user.strip_suffix(b"\""))
        .unwrap_or(user);
    hit.account_token = AccountText::new(percent_decoded(user, false));
    out(Event::WebHit(hit));
    Ok(())
}
