//! `denial_of_service_source`: one device that floods another.

use super::super::counted::Counted;
use super::super::make::Score;
use crate::store::Sql;

/// The rule.
pub(super) static DENIAL_OF_SERVICE_SOURCE: Counted = Counted {
    sql: Sql::embedded(
        "detect/denial_of_service_source",
        include_str!("../../../queries/detect/denial_of_service_source.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            60,
            format!(
                "{} flows to one far end within ten minutes, most not answered",
                sum.widest
            ),
        );
        if sum.stretches >= 2 {
            score.add(20, format!("{} stretches of ten minutes", sum.stretches));
        }
        score
    },
    enough: 60,
    summary: |sum| format!("{} flows to one far end within ten minutes", sum.widest),
    innocent: |_| {
        vec!["malicious software that the user knows nothing of: it explains this better than intent; the device should be looked at first".to_owned(), "a mirror port that shows one side only: not told apart, see the counts of the capture".to_owned()]
    },
};
