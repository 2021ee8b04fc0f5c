//! `bulk_upload`: much sent to file lockers and paste sites.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static BULK_UPLOAD: Counted = Counted {
    sql: Sql::embedded(
        "detect/bulk_upload",
        include_str!("../../../queries/detect/bulk_upload.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            40,
            format!("up to {} sent within an hour", size(sum.widest)),
        );
        if sum.widest >= 500_000 {
            score.add(20, "five hundred million or more");
        }
        if sum.stretches >= 3 {
            score.add(10, format!("{} such hours or ways", sum.stretches));
        }
        score
    },
    enough: 40,
    summary: |sum| {
        format!(
            "up to {} within an hour to a file locker or a paste site, in {},",
            size(sum.widest),
            counted(sum.rows, "event")
        )
    },
    innocent: |_| {
        vec![
        "work handed in, or sent to a supplier by agreement: not checked, there is no register of agreements".to_owned(),
        "a download that was taken for an upload: no, only bytes sent from here count".to_owned(),
        "a service that the establishment buys: no, those of Microsoft, Google and Apple are not among them; others are not known".to_owned(),
    ]
    },
};

/// A sum of bytes, of which the thousands are told.
fn size(thousands: u64) -> String {
    match thousands / 1000 {
        0 => format!("{thousands} thousand bytes"),
        millions => format!("{millions} million bytes"),
    }
}
