//! `flow_storm`: so many small flows of one device that the network is busy with them alone.

use super::super::counted::Counted;
use super::super::make::Score;
use crate::store::Sql;

/// The rule.
pub(super) static FLOW_STORM: Counted = Counted {
    sql: Sql::embedded(
        "detect/flow_storm",
        include_str!("../../../queries/detect/flow_storm.sql"),
    ),
    score: |sum| {
        let mut score = Score::default();
        score.add(40, format!("{} small flows within ten minutes", sum.widest));
        if sum.stretches >= 3 {
            score.add(20, format!("{} stretches of ten minutes", sum.stretches));
        }
        score
    },
    enough: 40,
    summary: |sum| format!("{} small flows within ten minutes", sum.widest),
    innocent: |_| {
        vec!["an address that stands for many devices (translation) or serves them (a resolver): not checked, the register of devices does not say it".to_owned()]
    },
};
