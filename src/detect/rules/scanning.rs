//! `scanning`: one device that tries many others, or many doors of one.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static SCANNING: Counted = Counted {
    sql: Sql::embedded(
        "detect/scanning",
        include_str!("../../../queries/detect/scanning.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            40,
            format!("{} targets or doors within ten minutes", sum.widest),
        );
        if sum.widest >= 1000 {
            score.add(20, "a thousand or more of them");
        }
        if sum.stretches >= 3 {
            score.add(20, format!("{} stretches of ten minutes", sum.stretches));
        }
        score
    },
    enough: 40,
    summary: |sum| {
        format!(
            "{} that nobody answered, {} targets or doors within ten minutes,",
            counted(sum.rows, "attempt"),
            sum.widest
        )
    },
    innocent: |_| {
        vec!["inventory or monitoring by staff: not checked, there is no register of approvals yet".to_owned(), "malicious software that the user knows nothing of: it explains this as well as intent does; the device should be looked at first".to_owned(), "exchange between peers, which tries many strangers: left out".to_owned()]
    },
};
