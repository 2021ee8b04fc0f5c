//! From one address sign-ins fail for many accounts; the twin has forgotten a password.

use super::super::clocks::MINUTE;
use super::{Place, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "password_guessing",
    place: Place::Secondary,
    least: [16 * MINUTE, 6 * MINUTE],
    is_short: true,
    failures: |story| {
        let tried = |(number, at)| match story.twin {
            false => (at, format!("guess{:02}", number % 30)),
            true => (at, story.account.clone()),
        };
        story
            .moments(story.of(120, 6))
            .enumerate()
            .map(tried)
            .collect()
    },
    ..Script::PLAIN
};
