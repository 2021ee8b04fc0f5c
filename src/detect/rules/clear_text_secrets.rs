//! `clear_text_secrets`: services that are signed in to in clear.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static CLEAR_TEXT_SECRETS: Counted = Counted {
    sql: Sql::embedded(
        "detect/clear_text_secrets",
        include_str!("../../../queries/detect/clear_text_secrets.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            30,
            format!(
                "{} of a service that asks for a password, nothing sealed",
                counted(sum.rows, "session")
            ),
        );
        if sum.rows >= 10 {
            score.add(10, "ten or more of them");
        }
        score
    },
    enough: 30,
    summary: |sum| {
        format!(
            "{} in clear with a service that is signed in to",
            counted(sum.rows, "session")
        )
    },
    innocent: |_| {
        vec![
        "files offered to all without an account: not told apart, what was said is not kept".to_owned(),
        "mail signed in to by a proof that does not show the password: not told apart".to_owned(),
        "a session that was sealed after its greeting: no, such a session is another application".to_owned(),
        "a session that ended at its greeting: no, both ends said more".to_owned(),
    ]
    },
};
