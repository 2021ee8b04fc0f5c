//! Barracuda CloudGen Firewall: its activity log, `Detect|Allow|Block|... type=FWD|proto=TCP|srcIF=...|srcIP=...` or the same values with bars alone;
//! and Barracuda Web Security Gateway, `http_scan[pid]: seconds 1 client server type url bytes BYF ALLOWED|BLOCKED ...`.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address};
use crate::logs::lines::{
    BAD_TIME, LineFormat, MISSING, OTHER, Passed, Read, ReadLines, WRONG_SHAPE,
};
use crate::logs::said::actions::action_of;
use crate::logs::said::containers::Named;
use crate::logs::said::escapes::Escapes;
use crate::logs::said::{Part, Said};
use crate::logs::times::{LocalClock, epoch};
use crate::record::{Action, Event, RejectReason, Timestamp};

/// Barracuda's gateways.
pub(super) static BARRACUDA: LineFormat<ReadLines> = LineFormat {
    name: "barracuda",
    title: "Barracuda (CloudGen Firewall, Web Security Gateway)",
    extensions: &["log"],
    is_ours: |line| {
        memmem::find(line, b"|srcIP=").is_some()
            || memmem::find(line, b"http_scan").is_some()
            || activity(line).is_some()
    },
    read,
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let event = if let Some(at) = memmem::find(line, b"http_scan") {
        scanned(line.get(at..).unwrap_or_default())?
    } else {
        let time = Heading::of(line).time(clock);
        let said = if memmem::find(line, b"|srcIP=").is_some() {
            by_name(line)
        } else {
            activity(line).ok_or(WRONG_SHAPE)?
        };
        let action = match said.bytes(Part::Verdict) {
            b"Detect" | b"Remove" | b"Session" => Some(Action::Allowed),
            b"Fail" | b"Drop" => Some(Action::Blocked),
            word => action_of(word),
        };
        connection(&said, time.ok_or(BAD_TIME)?, action)?
    };
    out(event);
    Ok(())
}

fn connection<'a>(said: &Said<'a>, time: Timestamp, action: Option<Action>) -> Read<'a> {
    let ms = said.duration_ms(1_000)?;
    said.raw(Part::ClientIp).ok_or(MISSING)?;
    said.connection(time, action, ms)
}

const PART: Named = |key| {
    Some(match key {
        b"srcIP" => Part::ClientIp,
        b"srcPort" => Part::ClientPort,
        b"dstIP" => Part::ServerIp,
        b"dstPort" => Part::ServerPort,
        b"proto" => Part::Protocol,
        b"user" => Part::User,
        b"rule" => Part::Policy,
        b"duration" => Part::Duration,
        b"fwdBytes" | b"sentBytes" => Part::Sent,
        b"revBytes" | b"receivedBytes" => Part::Received,
        b"fwdPkts" => Part::SentPackets,
        b"revPkts" => Part::ReceivedPackets,
        _ => return None,
    })
};

/// `Allow: type=FWD|proto=TCP|srcIF=eth1|srcIP=10.1.2.3|...`.
fn by_name(line: &[u8]) -> Said<'_> {
    let mut said = Said::nothing(Escapes::None);
    for (at, pair) in line.split(|byte| *byte == b'|').enumerate() {
        if at == 0 {
            // `... Allow: type=FWD`: the word before the first pair.
            let head = memchr::memchr(b'=', pair)
                .and_then(|at| pair.get(..at))
                .unwrap_or_default();
            let word = Words::of(head)
                .filter_map(|word| word.strip_suffix(b":"))
                .last();
            said.put(Part::Verdict, word.unwrap_or_default());
        }
        if let Some(at) = memchr::memchr(b'=', pair)
            && let (Some(key), Some(value)) = (pair.get(..at), pair.get(at + 1..))
            && let Some(part) = PART(key.trim_ascii())
        {
            said.put(part, value);
        }
    }
    said
}

/// `Info gw1 Allow: FWD|TCP|eth1|10.1.2.3|51000|00:..|192.0.2.7|443|https|eth0|rule|...`, values alone in the order of the manual.
fn activity(line: &[u8]) -> Option<Said<'_>> {
    let bar = memchr::memchr(b'|', line)?;
    let head = line.get(..bar)?;
    let mut words = Words::of(head).collect::<Vec<_>>().into_iter().rev();
    let (kind, verdict) = (words.next()?, words.next()?.strip_suffix(b":")?);
    matches!(
        kind,
        b"FWD" | b"LIN" | b"LOUT" | b"PXY" | b"BRIDGE" | b"IFWD"
    )
    .then_some(())?;
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::Verdict, verdict);
    for (part, value) in PLACES
        .iter()
        .zip(line.get(bar + 1..)?.split(|byte| *byte == b'|'))
    {
        if let Some(part) = part {
            said.put(*part, value);
        }
    }
    Some(said)
}

static PLACES: [Option<Part>; 10] = [
    Some(Part::Protocol),
    None,
    Some(Part::ClientIp),
    Some(Part::ClientPort),
    None,
    Some(Part::ServerIp),
    Some(Part::ServerPort),
    None,
    None,
    Some(Part::Policy),
];

/// `http_scan[7]: 1772446500 1 10.1.2.3 192.0.2.8 text/html 10.1.2.3 http://maths.example/ 9000 BYF ALLOWED CLEAN 2 1 0 1 3 (-) 1 (Education) 0 - 0
/// maths.example - [ldap0:j.bloggs] http://maths.example/ - - 0`.
fn scanned(message: &[u8]) -> Read<'_> {
    let mut words = Words::of(message);
    let _program = words.next();
    let mut word = || words.next().ok_or(MISSING);
    let (time, _one, client, server, content_type) = (word()?, word()?, word()?, word()?, word()?);
    let time = epoch(time).ok_or(BAD_TIME)?;
    let mut said = Said::nothing(Escapes::None);
    said.put(Part::ClientIp, client);
    said.put(Part::ServerIp, server);
    said.put(Part::ContentType, content_type);
    let mut next = word()?;
    if address(next).is_some() {
        next = word()?;
    }
    said.put(Part::Url, next);
    said.put(Part::Received, word()?);
    let _backyard = word()?;
    let verdict = word()?;
    let action = action_of(verdict).ok_or(RejectReason::UnknownWord)?;
    // The category stands in brackets, the account in square ones after the name of its directory.
    let rest = words.rest();
    let category = rest
        .split(|byte| *byte == b'(')
        .skip(1)
        .filter_map(|part| part.split(|byte| *byte == b')').next())
        .find(|name| *name != b"-");
    said.put(Part::Category, category.unwrap_or_default());
    let account = memchr::memchr(b'[', rest)
        .and_then(|at| rest.get(at + 1..)?.split(|byte| *byte == b']').next());
    let account = account.map(|name| {
        memchr::memchr(b':', name).map_or(name, |at| name.get(at + 1..).unwrap_or_default())
    });
    said.put(Part::User, account.unwrap_or_default());
    if said.raw(Part::Url).is_none() {
        return Err(OTHER);
    }
    Ok(said.web_event(time, Some(action), None)?)
}
