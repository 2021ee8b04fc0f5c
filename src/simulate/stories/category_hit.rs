//! Somebody visits a place of a category that a list holds; the twin meets it in advertisements within other pages.

use super::{Script, page};

/// The list.
pub(super) const LIST: &str =
    "# Invented. One domain a line.\npoker-lounge.example\nlucky-slots.example\nbet-now.example\n";

pub(super) static SCRIPT: Script = Script {
    rule: "category_hit",
    requests: |story| {
        if story.twin {
            let part = |number| {
                page(
                    "bet-now.example",
                    &format!("banner{number}.png"),
                    "image/png",
                    200,
                )
            };
            return vec![
                (story.from + 1000, part(1)),
                (story.from + 200_000, part(2)),
            ];
        }
        let visit = |(number, at)| {
            let status = if number == 3 { 403 } else { 200 };
            (
                at + 1000,
                page(
                    "lucky-slots.example",
                    &format!("play/{number}"),
                    "text/html",
                    status,
                ),
            )
        };
        story.moments(12).enumerate().map(visit).collect()
    },
    ..Script::PLAIN
};
