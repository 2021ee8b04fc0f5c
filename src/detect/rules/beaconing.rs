//! `beaconing`: small connections to one far end at a steady pace.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static BEACONING: Counted = Counted {
    sql: Sql::embedded(
        "detect/beaconing",
        include_str!("../../../queries/detect/beaconing.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            40,
            format!(
                "{} of 100 pauses within a fifth of the usual one",
                sum.widest
            ),
        );
        if sum.widest >= 95 {
            score.add(20, "hardly any that differs");
        }
        if sum.rows >= 200 {
            score.add(10, "two hundred or more of them");
        }
        score
    },
    enough: 40,
    summary: |sum| {
        format!(
            "{} at a steady pace to a far end that few others know,",
            counted(sum.rows, "small connection")
        )
    },
    innocent: |_| {
        vec![
        "updates, messages and the clock: no, what is told to be one of these is left out, and so is what five or more addresses call".to_owned(),
        "registered support, monitoring and backup: no, their far ends are left out".to_owned(),
        "a device of the building, or a rare program that reports to its maker: not told apart, ask what the device is".to_owned(),
        "a page left open that renews itself: not told apart, the content is not read".to_owned(),
    ]
    },
};
