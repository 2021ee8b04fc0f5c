//! `web_proxy`: pages that fetch other pages, by list, category or form.

use super::super::counted::Counted;
use super::super::make::{Score, counted};
use crate::store::Sql;

/// The rule.
pub(super) static WEB_PROXY: Counted = Counted {
    sql: Sql::embedded(
        "detect/web_proxy",
        include_str!("../../../queries/detect/web_proxy.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(
            50,
            format!(
                "{}, three or more within ten minutes",
                counted(sum.rows, "request")
            ),
        );
        if sum.rows >= 20 {
            score.add(20, "twenty or more of them");
        }
        if sum.widest >= 2 {
            score.add(10, format!("{} such pages within ten minutes", sum.widest));
        }
        score
    },
    enough: 50,
    summary: |sum| {
        format!(
            "{} through pages that fetch other pages,",
            counted(sum.rows, "request")
        )
    },
    innocent: |_| {
        vec![
        "a page found by chance and left: no, three or more requests within ten minutes".to_owned(),
        "a translator of pages or an archive: no, those that are known are left out".to_owned(),
        "a refusal by the filter: no, what was refused does not count".to_owned(),
        "a page of a library that fetches for its members: not told apart, unless it is on no list".to_owned(),
    ]
    },
};
