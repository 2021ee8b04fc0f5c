//! `bypass_after_block`: a way round the filter, taken soon after the filter had refused requests again and again.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static BYPASS_AFTER_BLOCK: Counted = Counted {
    sql: Sql::embedded(
        "detect/bypass_after_block",
        include_str!("../../../queries/detect/bypass_after_block.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            60,
            format!(
                "{} within fifteen minutes after refusals",
                counted(sum.rows, "flow")
            ),
        );
        if sum.stretches >= 2 {
            score.add(20, format!("{} times in the day", sum.stretches));
        }
        score
    },
    enough: 60,
    summary: |sum| {
        format!(
            "{} round the filter soon after refusals",
            counted(sum.rows, "flow")
        )
    },
    innocent: |_| {
        vec![
            "somebody else came to the address between the two: no, or nobody would be named"
                .to_owned(),
            "advertisements within one page: no, the refusals are of three different minutes or more"
                .to_owned(),
        ]
    },
};
