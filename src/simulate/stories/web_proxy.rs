//! Somebody reads pages through a page that fetches others; the twin found such a page by chance and left.

use super::super::clocks::MINUTE;
use super::{Script, page};

/// The list.
pub(super) const LIST: &str =
    "# Invented. One domain a line.\nside-door.example\nfetch-it-for-me.example\n";

pub(super) static SCRIPT: Script = Script {
    rule: "web_proxy",
    also: &["category_hit"],
    least: [20 * MINUTE, 5 * MINUTE],
    is_short: true,
    requests: |story| {
        if story.twin {
            return vec![(
                story.from + 1000,
                page("fetch-it-for-me.example", "", "text/html", 200),
            )];
        }
        let read = |(number, at)| {
            (
                at + 700,
                page(
                    "side-door.example",
                    &format!("read/{number}"),
                    "text/html",
                    200,
                ),
            )
        };
        story.moments(24).enumerate().map(read).collect()
    },
    ..Script::PLAIN
};
