//! `fronted_request`: a server's name on the wire and another's host within.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static FRONTED_REQUEST: Counted = Counted {
    sql: Sql::embedded(
        "detect/fronted_request",
        include_str!("../../../queries/detect/fronted_request.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            40,
            format!(
                "{} for another owner's host than the wire names",
                counted(sum.rows, "request")
            ),
        );
        if sum.rows >= 20 {
            score.add(20, "twenty or more of them");
        }
        score
    },
    enough: 40,
    summary: |sum| {
        format!(
            "{} within connections that name another server,",
            counted(sum.rows, "request")
        )
    },
    innocent: |_| {
        vec![
        "one connection for several hosts of one certificate: no pair that three or more addresses show counts; the certificate itself is not stored".to_owned(),
        "a content network that serves many owners: not told apart where few use it".to_owned(),
        "a port used again by another connection: no, the request fell into the connection's own time, to a second".to_owned(),
    ]
    },
};
