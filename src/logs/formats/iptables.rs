//! What Linux's netfilter logs of a packet (`LOG`, `NFLOG`, ufw, Shorewall, Proxmox, UniFi gateways): `IN= OUT= MAC= SRC= DST= LEN= PROTO=
//! SPT= DPT=` after a prefix that the rule's writer chose. A line is one packet.
//!
//! The kernel does not say what became of the packet; the prefix does where it has one of the usual words or UniFi's letter.

use memchr::memmem;

use crate::logs::envelope::Heading;
use crate::logs::lines::{BAD_TIME, LineFormat, OTHER, Passed, ReadLines, WRONG_SHAPE};
use crate::logs::pairs::has_key;
use crate::logs::said::containers::Named;
use crate::logs::said::{Part, Said};
use crate::logs::times::LocalClock;
use crate::record::{Action, EndReason, Event, RejectReason, Timestamp};

/// Netfilter's log of packets.
pub(super) static IPTABLES: LineFormat<ReadLines> = LineFormat {
    name: "iptables",
    title: "Linux netfilter (iptables, nftables, ufw, UniFi, Proxmox)",
    extensions: &["log"],
    is_ours: |line| has_key(line, b"SRC") && has_key(line, b"DST") && has_key(line, b"PROTO"),
    read,
};

const PART: Named = |key| {
    Some(match key {
        b"SRC" => Part::ClientIp,
        b"DST" => Part::ServerIp,
        b"SPT" => Part::ClientPort,
        b"DPT" => Part::ServerPort,
        b"PROTO" => Part::Protocol,
        b"LEN" => Part::Sent,
        _ => return None,
    })
};

fn read<'a>(
    line: &'a [u8],
    clock: &LocalClock,
    out: &mut dyn FnMut(Event<'a>),
) -> Result<(), Passed> {
    let at = memmem::find(line, b"IN=").or_else(|| memmem::find(line, b" SRC="));
    let Some((before, packet)) = at.and_then(|at| line.split_at_checked(at)) else {
        let kernel = Heading::of(line).program == b"kernel";
        return Err(if kernel { OTHER } else { WRONG_SHAPE });
    };
    let said = Said::of_pairs(packet, PART)?;
    let time = Heading::of(line)
        .time(clock)
        .or_else(|| time_within(before, clock))
        .ok_or(BAD_TIME)?;
    // The name of the machine that wrote it is no verdict, whatever words are in it (`block-c`).
    let message = Heading::of(line).message;
    let prefix = before.len().saturating_sub(line.len() - message.len());
    let prefix = before.get(before.len() - prefix..).unwrap_or(before);
    let action = verdict(prefix);
    let end = if action == Some(Action::Blocked) {
        EndReason::Forced
    } else {
        EndReason::Active
    };
    let mut flow = said.flow(time, end)?;
    flow.action = action;
    flow.src_packets = 1;
    if said.raw(Part::Sent).is_none() {
        return Err(RejectReason::MissingFields.into());
    }
    flow.src_tcp_flags = FLAGS
        .iter()
        .filter(|(name, _)| memmem::find(packet, name.as_bytes()).is_some())
        .fold(0, |flags, (_, flag)| flags | flag);
    out(Event::Flow(Box::new(flow)));
    Ok(())
}

/// Proxmox writes its own heading: `101 1 tap101i0-IN 20/Jun/2022:13:09:14 +0200 DROP: `.
fn time_within(before: &[u8], clock: &LocalClock) -> Option<Timestamp> {
    let mut words = crate::logs::fields::Words::of(before);
    while let Some(word) = words.next() {
        if word.len() == 20 && word.get(2) == Some(&b'/') {
            let zone = words.next()?;
            return crate::logs::times::common_log(word, zone).or_else(|| clock.stamp(word));
        }
    }
    None
}

/// What the prefix says was done.
fn verdict(before: &[u8]) -> Option<Action> {
    let has = |words: &[&str]| {
        words.iter().any(|word| {
            before
                .windows(word.len())
                .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    if has(&["drop", "reject", "block", "deny", "denied"]) || ends_with_letter(before, b"DR") {
        return Some(Action::Blocked);
    }
    if has(&["accept", "allow", "pass", "permit"]) || ends_with_letter(before, b"A") {
        return Some(Action::Allowed);
    }
    None
}

/// UniFi's prefix `[WAN_IN-2000-A]`: accepted, dropped, rejected.
fn ends_with_letter(before: &[u8], letters: &[u8]) -> bool {
    let Some(end) = memchr::memrchr(b']', before) else {
        return false;
    };
    matches!(before.get(..end), Some([.., b'-', letter]) if letters.contains(letter))
}

/// TCP's flags as the kernel prints them, each a word.
static FLAGS: &[(&str, u8)] = &[
    (" FIN ", 0x01),
    (" SYN ", 0x02),
    (" RST ", 0x04),
    (" PSH ", 0x08),
    (" ACK ", 0x10),
    (" URG ", 0x20),
    (" ECE ", 0x40),
    (" CWR ", 0x80),
];
