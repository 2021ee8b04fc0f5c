//! Sessions of FTP in clear with a sign-in; the twin's end at the greeting.

use std::net::Ipv4Addr;

use super::super::clocks::MINUTE;
use super::super::wire::{CLIENT, SERVER};
use super::Script;

pub(super) static SCRIPT: Script = Script {
    rule: "clear_text_secrets",
    least: [5 * MINUTE, 5 * MINUTE],
    is_short: true,
    packets: |story, ip, random, wire| {
        let far = (Ipv4Addr::new(198, 51, 100, 21), 21);
        for (port, at) in (45_000..).zip(story.moments(3)) {
            let mut talk = wire.connect(random, at, (ip, port), far);
            talk.says(SERVER, b"220 files.example ready\r\n");
            if story.twin {
                talk.says(CLIENT, b"QUIT\r\n")
                    .says(SERVER, b"221 bye\r\n")
                    .ends();
                continue;
            }
            talk.says(CLIENT, b"USER visitor-of-the-archive\r\n");
            talk.says(SERVER, b"331 say the password\r\n");
            talk.says(CLIENT, b"PASS invented-and-in-clear\r\n");
            talk.says(SERVER, b"230 signed in\r\n");
            talk.says(CLIENT, b"CWD /work\r\n")
                .says(SERVER, b"250 there\r\n");
            talk.says(CLIENT, b"QUIT\r\n")
                .says(SERVER, b"221 bye\r\n")
                .ends();
        }
    },
    ..Script::PLAIN
};
