//! pfSense's and OPNsense's `filterlog`: a packet that a rule with logging met, as fields set apart by commas (the layout of Netgate's
//! manual, "Raw Filter Log Format"); and `pf` in words, as OpenBSD's `tcpdump` prints what the filter logged.
//!
//! A line is one packet, so a flow of one packet. IPv6 has protocol name and number the other way round.

use memchr::memmem;

use crate::logs::cells::Fields;
use crate::logs::envelope::Heading;
use crate::logs::fields::{Words, address, number};
use crate::logs::lines::{BAD_TIME, LineFormat, MISSING, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::said::actions::{action_of, protocol_of};
use crate::logs::said::bare_flow;
use crate::logs::times::LocalClock;
use crate::record::{Action, EndReason, Event, Flow, RejectReason, Timestamp};

/// The packet filter's log.
pub(super) static PFSENSE_FILTERLOG: LineFormat<ReadLines> = LineFormat {
    name: "pfsense_filterlog",
    title: "pfSense, OPNsense filterlog; pf",
    extensions: &["log"],
    is_ours: |line| {
        let envelope = Heading::of(line);
        matches!(envelope.program, b"filterlog" | b"pf")
            || memmem::find(envelope.message, b"(match").is_some()
            || looks_like_fields(envelope.message)
    },
    read,
};

/// Whether the seventh to ninth field are an action, a direction and a version of IP.
fn looks_like_fields(message: &[u8]) -> bool {
    let mut fields = Fields::of(message, b',').skip(6);
    let action = fields
        .next()
        .is_some_and(|word| matches!(word, b"pass" | b"block" | b"match" | b"reject"));
    action
        && matches!(fields.next(), Some(b"in" | b"out"))
        && matches!(fields.next(), Some(b"4" | b"6"))
}

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let envelope = Heading::of(line);
    let named = matches!(envelope.program, b"filterlog" | b"pf" | b"");
    if !named {
        return Err(OTHER);
    }
    let in_words = envelope.message.starts_with(b"rule ") || envelope.program == b"pf";
    let time = || envelope.time(clock).ok_or(BAD_TIME);
    let flow = if in_words {
        words(envelope.message, time()?)?
    } else {
        let (columns, count) = Fields::columns::<32>(envelope.message, b',').ok_or(WRONG_SHAPE)?;
        if count < 9 {
            return Err(WRONG_SHAPE);
        }
        fields(&columns, time()?)?
    };
    out(Event::Flow(Box::new(flow)));
    Ok(())
}

fn fields(columns: &[&[u8]; 32], time: Timestamp) -> Result<Flow, Passed> {
    let [_, _, _, _, _, _, action, _direction, version, rest @ ..] = columns;
    let (protocol, length, src, dst, after) = match (*version, rest.as_slice()) {
        (b"4", [_, _, _, _, _, _, protocol, _, length, src, dst, after @ ..])
        | (b"6", [_, _, _, _, protocol, length, src, dst, after @ ..]) => {
            (protocol, length, src, dst, after)
        }
        _ => return Err(WRONG_SHAPE),
    };
    if src.is_empty() || dst.is_empty() {
        return Err(MISSING);
    }
    let src = address(src).ok_or(RejectReason::BadAddress)?;
    let dst = address(dst).ok_or(RejectReason::BadAddress)?;
    let mut flow = bare_flow(time, src, dst, EndReason::Active);
    flow.protocol = number(protocol)
        .and_then(|protocol| u8::try_from(protocol).ok())
        .ok_or(RejectReason::BadNumber)?;
    flow.src_packets = 1;
    flow.src_bytes = number(length).ok_or(RejectReason::BadNumber)?;
    judge(&mut flow, action);
    if let (6 | 17 | 132, [src_port, dst_port, payload, flags, ..]) = (flow.protocol, after) {
        flow.src_port = port(src_port)?;
        flow.dst_port = port(dst_port)?;
        flow.src_payload_bytes = number(payload).unwrap_or(0);
        if flow.protocol == 6 {
            flow.src_tcp_flags = tcp_flags(flags);
        }
    }
    Ok(flow)
}

fn judge(flow: &mut Flow, action: &[u8]) {
    flow.action = match action {
        // A rule that only matches, translates or normalises has decided nothing.
        b"match" | b"nat" | b"rdr" | b"binat" | b"scrub" => None,
        action => action_of(action),
    };
    if flow.action == Some(Action::Blocked) {
        flow.end_reason = Some(EndReason::Forced);
    }
}

fn port(field: &[u8]) -> Result<u16, RejectReason> {
    number(field)
        .and_then(|port| u16::try_from(port).ok())
        .ok_or(RejectReason::BadNumber)
}

fn tcp_flags(letters: &[u8]) -> u8 {
    letters.iter().fold(0, |flags, letter| {
        flags
            | match letter {
                b'F' => 0x01,
                b'S' => 0x02,
                b'R' => 0x04,
                b'P' => 0x08,
                b'A' | b'.' => 0x10,
                b'U' => 0x20,
                b'E' => 0x40,
                b'C' | b'W' => 0x80,
                _ => 0,
            }
    })
}

/// `rule 5/0(match) [uid 0, pid 9]: block in on em0: 10.1.2.3.1234 > 192.0.2.7.80: ...`.
fn words(message: &[u8], time: Timestamp) -> Result<Flow, Passed> {
    let on = memmem::find(message, b" in on ").or_else(|| memmem::find(message, b" out on "));
    let (before, after) = on
        .and_then(|at| message.split_at_checked(at))
        .ok_or(WRONG_SHAPE)?;
    let action = Words::of(before).last().ok_or(MISSING)?;
    let mut words = Words::of(after);
    let (_direction, _on, _interface) = (words.next(), words.next(), words.next());
    let mut word = words.next().ok_or(MISSING)?;
    // Newer versions say how long the header is and what lies within.
    if word.starts_with(b"(") || word == b"IP" || word == b"IP6" {
        word = words
            .find(|word| word.contains(&b'.') || word.contains(&b':'))
            .ok_or(MISSING)?;
    }
    let (src, src_port) = end(word)?;
    if words.next() != Some(b">") {
        return Err(WRONG_SHAPE);
    }
    let word = words.next().ok_or(MISSING)?;
    let (dst, dst_port) = end(word.strip_suffix(b":").unwrap_or(word))?;
    let mut flow = bare_flow(time, src, dst, EndReason::Active);
    (flow.src_port, flow.dst_port) = (src_port, dst_port);
    flow.src_packets = 1;
    let next = words.next().unwrap_or_default();
    flow.protocol = match next {
        b"Flags" => 6,
        next if !next.is_empty() && next.iter().all(|byte| b"SFRP.".contains(byte)) => 6,
        next => protocol_of(
            next.strip_suffix(b":")
                .unwrap_or(next)
                .strip_suffix(b",")
                .unwrap_or(next),
        )
        .unwrap_or(0),
    };
    judge(&mut flow, action);
    Ok(flow)
}

/// `10.1.2.3.1234` or `2001:db8::1.1234`: the port after the last dot, where there is one more than the address has.
fn end(word: &[u8]) -> Result<(std::net::IpAddr, u16), RejectReason> {
    if let Some(whole) = address(word) {
        return Ok((whole, 0));
    }
    let at = memchr::memrchr(b'.', word).ok_or(RejectReason::BadAddress)?;
    let ip = word
        .get(..at)
        .and_then(address)
        .ok_or(RejectReason::BadAddress)?;
    Ok((ip, port(word.get(at + 1..).unwrap_or_default())?))
}
