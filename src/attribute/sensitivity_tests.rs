//! How much answers hang on their moment, by hand, in the language of the stories beside this file.

use super::tests::{account, at, rows};
use super::*;
use crate::record::{AccountToken, Timestamp, Verdict};

const STORY: &str = "
    09:00:00 start A 10.1.0.5 s1
    09:50:00 stop A 10.1.0.5 s1
    10:05:00 start B 10.1.0.5 s2
    12:30:00 stop B 10.1.0.5 s2
";

fn near(address: &str, time: &str) -> (Answer, Sensitivity) {
    let facts = Facts::new(rows(STORY), AttributeSettings::default());
    let ip = address.parse().unwrap();
    (
        facts.who(ip, at(time), None),
        facts.sensitivity(ip, at(time)),
    )
}

fn said(
    outcome: &Option<(Timestamp, Outcome)>,
) -> Option<(Timestamp, Verdict, Option<AccountToken>)> {
    let (moment, outcome) = outcome.as_ref()?;
    Some((*moment, outcome.verdict, outcome.account))
}

#[test]
fn the_other_answers_of_the_hour_are_told_with_their_moments() {
    let (answer, near) = near("10.1.0.5", "09:40:00");
    assert_eq!(answer.account, account("A"));
    let nobody = Verdict::NotAttributable;
    assert_eq!(said(&near.before), Some((at("09:00:00"), nobody, None)));
    assert_eq!(said(&near.after), Some((at("09:50:00"), nobody, None)));
}

#[test]
fn a_clock_that_is_an_hour_off_would_name_somebody_else() {
    let (answer, near) = near("10.1.0.5", "09:40:00");
    assert_eq!(near.an_hour_earlier.account, None);
    assert_eq!(near.an_hour_later.account, account("B"));
    assert!(near.an_hour_matters(&answer));
}

#[test]
fn what_holds_for_longer_than_an_hour_each_way_does_not_hang_on_it() {
    let (answer, near) = near("10.1.0.5", "11:15:00");
    assert_eq!(answer.account, account("B"));
    assert_eq!((&near.before, &near.after), (&None, &None));
    assert!(!near.an_hour_matters(&answer));
}

#[test]
fn an_address_that_nobody_spoke_of_has_no_neighbours() {
    let (answer, near) = near("10.1.0.99", "09:40:00");
    assert_eq!(answer.verdict, Verdict::NotAttributable);
    assert_eq!((&near.before, &near.after), (&None, &None));
    assert!(!near.an_hour_matters(&answer));
}
