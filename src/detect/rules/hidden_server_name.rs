//! `hidden_server_name`: sealed connections that name no server, or one that hides others.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static HIDDEN_SERVER_NAME: Counted = Counted {
    sql: Sql::embedded(
        "detect/hidden_server_name",
        include_str!("../../../queries/detect/hidden_server_name.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            40,
            format!(
                "{} within the day, in hours with 20 or more",
                counted(sum.rows, "flow")
            ),
        );
        if sum.stretches >= 3 {
            score.add(10, format!("{} hours", sum.stretches));
        }
        if sum.widest >= 10 {
            score.add(10, format!("{} far ends within an hour", sum.widest));
        }
        score
    },
    enough: 40,
    summary: |sum| {
        format!(
            "{} that did not say to which server, to {} within an hour,",
            counted(sum.rows, "sealed flow"),
            counted(sum.widest, "far end")
        )
    },
    innocent: |_| {
        vec![
        "a program that calls its servers by address, with certificates for addresses: not told apart, the maker of the far end says more".to_owned(),
        "a browser that hides names as it comes: not told apart; a decoy with the true name outside is left out".to_owned(),
        "a connection that was caught in its middle: no, each began with a greeting that was read in full".to_owned(),
        "registered support, backup and tunnels: no, their far ends are left out".to_owned(),
    ]
    },
};
