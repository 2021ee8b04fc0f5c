//! `password_guessing`: many sign-ins that failed, from one address.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static PASSWORD_GUESSING: Counted = Counted {
    sql: Sql::embedded(
        "detect/password_guessing",
        include_str!("../../../queries/detect/password_guessing.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            30,
            format!(
                "{} within ten minutes or for many accounts",
                counted(sum.rows, "failed sign-in")
            ),
        );
        if sum.widest >= 10 {
            score.add(40, format!("{} accounts tried", sum.widest));
        }
        if sum.rows >= 300 {
            score.add(10, "three hundred or more in the day");
        }
        score
    },
    enough: 30,
    summary: |sum| {
        format!(
            "{}, up to {} within ten minutes,",
            counted(sum.rows, "failed sign-in"),
            counted(sum.widest, "account")
        )
    },
    innocent: |_| {
        vec!["a device that keeps trying an old password: likely where one account alone was tried".to_owned(), "a class that signs in after a reset: not checked, the timetable is not known to this rule".to_owned()]
    },
};
