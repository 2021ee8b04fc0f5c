//! What a domain controller sees of people at workstations, by hand: tickets (4768, 4769) have no number, network logons (4624 of type 3,
//! 4634) have one. The language is that of the stories beside this file.

use super::tests::{at, check, rows};
use super::*;
use crate::record::SourceId;

#[test]
fn a_share_that_is_let_go_does_not_send_the_person_away() {
    check(
        "09:00:00 logon A 10.1.0.5 - dc1
         09:00:01 logon A 10.1.0.5 0x1a dc1
         09:00:20 logoff A - 0x1a dc1",
        "10.1.0.5 09:00:10 attributed A directory
         10.1.0.5 09:40:00 attributed A directory",
    );
}

#[test]
fn a_numbered_session_of_another_server_still_ends_by_its_own_logoff() {
    check(
        "09:00:00 logon A 10.1.0.5 0x1a pc7
         09:20:00 logoff A - 0x1a pc7",
        "10.1.0.5 09:10:00 attributed A directory
         10.1.0.5 09:40:00 not_attributable",
    );
}

#[test]
fn tickets_are_no_heartbeat_whose_silence_says_that_somebody_went() {
    check(
        "09:00:00 logon A 10.1.0.5 - dc1
         09:05:00 interim-directory A 10.1.0.5 - dc1",
        "10.1.0.5 10:30:00 attributed A directory",
    );
}

#[test]
fn whoever_is_heard_of_after_another_sat_down_makes_both_doubtful() {
    check(
        "09:00:00 logon A 10.1.0.5 - dc1
         09:20:00 logon B 10.1.0.5 - dc1
         09:30:00 logon A 10.1.0.5 0x2b dc1
         09:30:10 logoff A - 0x2b dc1",
        "10.1.0.5 09:10:00 attributed A directory
         10.1.0.5 09:25:00 disputed directory
         10.1.0.5 09:50:00 disputed directory",
    );
}

#[test]
fn who_comes_back_to_a_seat_did_not_sit_there_while_another_did() {
    check(
        "09:00:00 logon A 10.1.0.5 - dc1
         10:00:00 logon B 10.1.0.5 - dc1
         11:00:00 logon A 10.1.0.5 - dc1",
        "10.1.0.5 09:30:00 attributed A directory
         10.1.0.5 10:30:00 attributed B directory
         10.1.0.5 11:30:00 attributed A directory",
    );
}

#[test]
fn two_tickets_with_a_long_silence_between_them_are_two_sittings() {
    check(
        "01:00:00 logon A 10.1.0.5 - dc1
         23:00:00 interim-directory A 10.1.0.5 - dc1",
        "10.1.0.5 02:00:00 attributed A directory
         10.1.0.5 12:00:00 not_attributable
         10.1.0.5 23:30:00 attributed A directory",
    );
}

#[test]
fn a_service_that_takes_an_inventory_neither_sits_there_nor_ends_who_does() {
    check(
        "09:00:00 logon A 10.1.0.5 - dc1
         09:20:00 logon Y 10.1.0.5 0x3c dc1
         09:20:10 logoff Y - 0x3c dc1
         09:00:00 logon Y 10.1.0.6 - dc1",
        "10.1.0.5 09:20:05 attributed A directory
         10.1.0.5 09:40:00 attributed A directory
         10.1.0.6 09:40:00 shared Y directory",
    );
}

/// The lease story of one address, with a stretch that can not be read from 10:00 to 12:00.
fn in_the_dark(story: &str) -> Facts {
    let mut rows = rows(story);
    rows.dark.push(DarkRow {
        source: SourceId([1; 16]),
        from: at("10:00:00"),
        to: at("12:00:00"),
    });
    Facts::new(rows, AttributeSettings::default())
}

fn verdict(facts: &Facts, time: &str) -> &'static str {
    let ip = "10.1.0.5".parse().unwrap();
    facts.who(ip, at(time), None).verdict.as_str()
}

#[test]
fn a_lease_that_is_never_heard_of_again_ends_where_its_source_can_not_be_read() {
    let facts = in_the_dark(
        "09:30:00 assign m1 10.1.0.5
         12:10:00 assign m2 10.1.0.5",
    );
    assert_eq!(verdict(&facts, "09:50:00"), "attributed");
    assert_eq!(verdict(&facts, "11:00:00"), "not_attributable");
    assert_eq!(verdict(&facts, "12:20:00"), "attributed");
}

#[test]
fn a_lease_that_is_spoken_of_on_both_sides_goes_through() {
    let facts = in_the_dark(
        "09:30:00 assign m1 10.1.0.5
         12:10:00 renew m1 10.1.0.5",
    );
    assert_eq!(verdict(&facts, "11:00:00"), "attributed");
    let facts = in_the_dark(
        "09:30:00 assign m1 10.1.0.5
         12:10:00 release m1 10.1.0.5",
    );
    assert_eq!(verdict(&facts, "11:00:00"), "attributed");
}

#[test]
fn how_long_a_lease_lasts_is_learned_from_its_renewals() {
    check(
        "08:00:00 assign m1 10.1.0.5
         08:30:00 renew m1 10.1.0.5
         09:00:00 renew m1 10.1.0.5
         09:30:00 renew m1 10.1.0.5
         10:00:00 renew m1 10.1.0.5
         14:00:00 renew m2 10.1.0.5
         08:00:00 assign m1 10.1.0.6",
        "10.1.0.5 10:50:00 attributed A lease
         10.1.0.5 11:30:00 not_attributable
         10.1.0.6 18:00:00 attributed A lease",
    );
}

#[test]
fn a_stretch_of_another_source_ends_no_lease() {
    let mut rows = rows("09:30:00 assign m1 10.1.0.5");
    rows.dark.push(DarkRow {
        source: SourceId([9; 16]),
        from: at("10:00:00"),
        to: at("12:00:00"),
    });
    let facts = Facts::new(rows, AttributeSettings::default());
    assert_eq!(verdict(&facts, "11:00:00"), "attributed");
}
