//! `leaver_active`: an account that was used after its holder had left.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static LEAVER_ACTIVE: Counted = Counted {
    sql: Sql::embedded(
        "detect/leaver_active",
        include_str!("../../../queries/detect/leaver_active.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            60,
            format!(
                "{} after the end that the register gives",
                counted(sum.rows, "sign-in")
            ),
        );
        score
    },
    enough: 60,
    summary: |sum| {
        format!(
            "{} of an account that the register says has ended",
            counted(sum.rows, "sign-in")
        )
    },
    innocent: |_| {
        vec![
            "another line of the register that still holds: no".to_owned(),
            "within a day of the end: no".to_owned(),
            "a register that was not brought up to date: not checked, ask who keeps it".to_owned(),
        ]
    },
};
