//! `invigil who --explain`: what the answer would be near the moment, as text and as JSON.

use serde_json::{Value, json};

use super::{account, seconds};
use crate::attribute::{Answer, Outcome, Sensitivity};
use crate::record::Timestamp;

/// The lines that are printed below the answer, each with its label.
pub(super) fn lines(
    at: Timestamp,
    answer: &Answer,
    near: &Sensitivity,
) -> Vec<(&'static str, String)> {
    let change = |change: &Option<(Timestamp, Outcome)>, until: &str, which: &str| match change {
        Some((moment, other)) => format!(
            "{until} {moment}, {} s {which}: {}",
            seconds(moment.micros_since(at).abs()),
            outcome(other)
        ),
        None => format!("no other answer in the hour {which}"),
    };
    let hour = match near.an_hour_matters(answer) {
        true => {
            "the answer hangs on it that no clock is an hour off: see whether a zone or summer time was taken wrongly"
        }
        false => "clocks that are an hour off would not change the answer",
    };
    vec![
        ("before", change(&near.before, "until", "before")),
        ("after", change(&near.after, "from", "after")),
        (
            "hour earlier",
            answered(at, -Sensitivity::REACH_US, &near.an_hour_earlier),
        ),
        (
            "hour later",
            answered(at, Sensitivity::REACH_US, &near.an_hour_later),
        ),
        ("by the hour", hour.to_owned()),
    ]
}

fn answered(at: Timestamp, shift: i64, answer: &Answer) -> String {
    let basis = answer
        .basis
        .map_or_else(String::new, |basis| format!(" by {basis}"));
    let outcome = outcome(&Outcome::of(answer));
    format!("{}: {outcome}{basis}", at.plus_micros(shift))
}

fn outcome(outcome: &Outcome) -> String {
    let place = outcome
        .establishment
        .as_ref()
        .map_or_else(String::new, |place| format!(" at {place}"));
    match outcome.account {
        Some(token) => format!("{}, {}{place}", outcome.verdict, account(Some(token))),
        None => format!("{}{place}", outcome.verdict),
    }
}

/// The same for machines.
pub(super) fn as_json(at: Timestamp, answer: &Answer, near: &Sensitivity) -> Value {
    let change = |change: &Option<(Timestamp, Outcome)>, key: &str| {
        change.as_ref().map(|(moment, other)| {
            json!({
                key: moment.to_string(),
                "verdict": other.verdict.as_str(),
                "account": other.account.map(|token| token.to_string()),
                "establishment": other.establishment,
            })
        })
    };
    let answered = |shift: i64, answer: &Answer| {
        json!({
            "at": at.plus_micros(shift).to_string(),
            "verdict": answer.verdict.as_str(),
            "account": answer.account.map(|token| token.to_string()),
            "establishment": answer.establishment,
            "basis": answer.basis.map(|basis| basis.as_str()),
        })
    };
    json!({
        "before": change(&near.before, "until"),
        "after": change(&near.after, "from"),
        "an_hour_earlier": answered(-Sensitivity::REACH_US, &near.an_hour_earlier),
        "an_hour_later": answered(Sensitivity::REACH_US, &near.an_hour_later),
        "an_hour_matters": near.an_hour_matters(answer),
    })
}
