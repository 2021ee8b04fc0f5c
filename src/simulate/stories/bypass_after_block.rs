//! After refusals in one minute after the other somebody brings a tunnel up; the twin's refusals are of one page, and what follows is a game.

use super::super::clocks::{MINUTE, SECOND};
use super::{Script, page, vpn_tunnel};

pub(super) static SCRIPT: Script = Script {
    rule: "bypass_after_block",
    also: &["vpn_tunnel"],
    least: [20 * MINUTE, 12 * MINUTE],
    requests: |story| {
        let apart = story.of(MINUTE, SECOND);
        (0..6)
            .map(|number| {
                let refused = page(
                    "chat-rooms.example",
                    &format!("room/{number}"),
                    "text/html",
                    403,
                );
                (story.from + 500 + number * apart, refused)
            })
            .collect()
    },
    packets: |story, ip, random, wire| match story.twin {
        false => vpn_tunnel::tunnel(story.from + 8 * MINUTE, story.to, ip, random, wire),
        true => vpn_tunnel::game(story, ip, random, wire),
    },
    ..Script::PLAIN
};
