//! `dns_tunnel`: data carried within names that are asked for.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static DNS_TUNNEL: Counted = Counted {
    sql: Sql::embedded(
        "detect/dns_tunnel",
        include_str!("../../../queries/detect/dns_tunnel.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            60,
            format!(
                "{} different long names below one domain within ten minutes",
                sum.widest
            ),
        );
        if sum.widest >= 1000 {
            score.add(20, "a thousand or more of them");
        }
        if sum.stretches >= 3 {
            score.add(10, format!("{} stretches of ten minutes", sum.stretches));
        }
        score
    },
    enough: 60,
    summary: |sum| {
        format!(
            "{}, {} different below one domain within ten minutes,",
            counted(sum.rows, "question"),
            sum.widest
        )
    },
    innocent: |_| {
        vec!["a security product or a list of senders that works through names: those that are known are left out".to_owned(), "a content network with generated names: not told apart where its names are as long".to_owned()]
    },
};
