//! WireGuard by its paper (messages of type 1, 2 and 4) to a far network; the twin is a game on the same port.

use std::net::Ipv4Addr;

use super::super::clocks::SECOND;
use super::super::random::Random;
use super::super::wire::{Wire, said::chance};
use super::{Script, Story};

pub(super) static SCRIPT: Script = Script {
    rule: "vpn_tunnel",
    packets: |story, ip, random, wire| match story.twin {
        false => tunnel(story.from, story.to, ip, random, wire),
        true => game(story, ip, random, wire),
    },
    ..Script::PLAIN
};

const FAR: (Ipv4Addr, u16) = (Ipv4Addr::new(198, 51, 100, 240), 51_820);

/// A tunnel that is up between two moments.
pub(super) fn tunnel(from: i64, to: i64, ip: Ipv4Addr, random: &mut Random, wire: &mut Wire) {
    let near = (ip, 53_122);
    let (ours, theirs) = (chance(random, 4), chance(random, 4));
    let initiation = [
        &[1, 0, 0, 0],
        ours.as_slice(),
        &chance(random, 124),
        &[0; 16],
    ]
    .concat();
    let response = [
        &[2, 0, 0, 0],
        theirs.as_slice(),
        &ours,
        &chance(random, 64),
        &[0; 16],
    ]
    .concat();
    wire.datagram(from, near, FAR, initiation);
    wire.datagram(from + 20, FAR, near, response);
    let mut at = from + 60;
    let mut counter = 0_u64;
    while at < to {
        let up = counter.is_multiple_of(3);
        let (receiver, blocks) = if up { (&theirs, 16) } else { (&ours, 336) };
        let data = [
            &[4, 0, 0, 0],
            receiver.as_slice(),
            &counter.to_le_bytes(),
            &chance(random, blocks),
        ]
        .concat();
        let (from, to) = if up { (near, FAR) } else { (FAR, near) };
        wire.datagram(at, from, to, data);
        counter += 1;
        at += 2 * SECOND;
    }
}

/// A game on the same port.
pub(super) fn game(story: &Story, ip: Ipv4Addr, random: &mut Random, wire: &mut Wire) {
    let near = (ip, 53_122);
    for (counter, at) in story
        .moments((story.to - story.from) / (2 * SECOND))
        .enumerate()
    {
        let counter = u64::try_from(counter).unwrap_or(0);
        let word = [
            b"GAME\x01".as_slice(),
            &counter.to_be_bytes(),
            &chance(random, 40),
        ]
        .concat();
        let (from, to) = if counter.is_multiple_of(3) {
            (near, FAR)
        } else {
            (FAR, near)
        };
        wire.datagram(at, from, to, word);
    }
}
