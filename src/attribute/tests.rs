//! Small cases by hand: each tells a story in a few lines, asks, and says what must be answered.
//!
//! `HH:MM:SS` is on Monday 2 March 2026 in UTC; a capital letter is an account, `$` a machine's; `m1` is a network card.

use std::net::IpAddr;

use super::*;
use crate::record::{
    AccountToken, Basis, LeaseEvent, Mac, Place, SignInEvent, SourceId, Timestamp, Verdict,
};

/// Every story may rely on this: who owns what, and whose networks they are.
const REGISTERS: &str = "
    network 10.1.0.0/16 oakfield
    network 10.1.9.0/24 library
    network 10.2.0.0/16 elmtree until 12:00:00
    network 10.2.0.0/16 ashdown from 12:00:00
    device m1 A
    device m2 B
    device m7 shared
    device m8 none
    role Z shared
    role Y service
";

#[test]
fn a_session_names_its_account_from_start_to_stop() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:50:00 stop A 10.1.0.5 s1",
        "10.1.0.5 09:00:10 attributed A radius oakfield margin=10
         10.1.0.5 09:49:58 attributed A radius oakfield margin=2
         10.1.0.5 09:50:05 not_attributable oakfield margin=5
         10.1.0.5 08:59:00 not_attributable oakfield margin=60
         10.1.0.6 09:10:00 not_attributable oakfield margin=none",
    );
}

#[test]
fn two_people_behind_one_address_are_split_to_the_second() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:07:12 stop A 10.1.0.5 s1
         09:07:30 start B 10.1.0.5 s2
         09:15:00 stop B 10.1.0.5 s2",
        "10.1.0.5 09:07:10 attributed A radius margin=2 rival=B
         10.1.0.5 09:07:20 not_attributable margin=8 rival=A rival=B
         10.1.0.5 09:07:33 attributed B radius margin=3 rival=A",
    );
}

#[test]
fn a_margin_smaller_than_the_clocks_uncertainty_is_disputed() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 stop A 10.1.0.5 s1
         09:30:00 start B 10.1.0.5 s2
         09:40:00 stop B 10.1.0.5 s2",
        "10.1.0.5 09:29:59 attributed A radius margin=1
         10.1.0.5 09:29:59.500 disputed radius rival=A rival=B reason=margin_too_small
         10.1.0.5 09:30:00 disputed radius margin=0 reason=margin_too_small
         10.1.0.5 09:30:01 attributed B radius margin=1
         10.1.0.5 08:59:59.900 disputed rival=A reason=margin_too_small",
    );
}

#[test]
fn a_lost_stop_ends_at_the_next_start_on_the_address() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         10:00:00 start B 10.1.0.5 s2
         10:30:00 stop B 10.1.0.5 s2",
        "10.1.0.5 09:59:00 attributed A radius margin=60
         10.1.0.5 10:01:00 attributed B radius rival=A
         10.1.0.5 11:00:00 not_attributable",
    );
}

#[test]
fn when_interim_records_fall_silent_nothing_is_known_after_a_while() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:10:00 interim A 10.1.0.5 s1
         09:20:00 interim A 10.1.0.5 s1",
        "10.1.0.5 09:45:00 attributed A radius margin=300 span=09:00:00..09:50:00
         10.1.0.5 09:50:00.000001 disputed reason=margin_too_small
         10.1.0.5 09:55:00 not_attributable rival=A
         10.1.0.5 13:00:00 not_attributable",
    );
}

#[test]
fn a_server_that_sends_interim_records_is_expected_to_go_on_sending_them() {
    check(
        "08:00:00 start C 10.1.0.9 s0 nas1
         08:10:00 interim C 10.1.0.9 s0 nas1
         09:00:00 start A 10.1.0.5 s1 nas1
         09:00:00 start B 10.1.0.6 s1 nas2",
        "10.1.0.5 09:29:00 attributed A radius
         10.1.0.5 09:31:00 not_attributable
         10.1.0.6 09:31:00 attributed B radius
         10.1.0.6 17:01:00 not_attributable",
    );
}

#[test]
fn overlapping_sessions_of_equal_strength_are_disputed() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 start B 10.1.0.5 s2
         09:40:00 interim A 10.1.0.5 s1
         09:50:00 stop A 10.1.0.5 s1
         10:10:00 stop B 10.1.0.5 s2",
        "10.1.0.5 09:20:00 attributed A radius
         10.1.0.5 09:35:00 disputed radius rival=A rival=B reason=equal_claimants
         10.1.0.5 10:00:00 attributed B radius",
    );
}

#[test]
fn the_same_person_through_two_servers_is_no_dispute() {
    check(
        "09:00:00 start A 10.1.0.5 s1 nas1
         09:30:00 start A 10.1.0.5 s9 nas2
         09:31:00 stop A 10.1.0.5 s1 nas1
         10:00:00 stop A 10.1.0.5 s9 nas2",
        "10.1.0.5 09:30:30 attributed A radius margin=1770 span=09:00:00..10:00:00",
    );
}

#[test]
fn a_lease_to_a_device_with_one_owner_names_the_owner() {
    check(
        "09:00:00 assign m1 10.1.0.5 expires=10:00:00",
        "10.1.0.5 09:30:00 attributed A lease oakfield margin=1800
         10.1.0.5 10:00:00 disputed reason=margin_too_small
         10.1.0.5 10:00:02 not_attributable rival=A",
    );
}

#[test]
fn a_re_used_lease_names_the_new_device_from_its_first_moment_on() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:20:00 assign m2 10.1.0.5",
        "10.1.0.5 09:19:50 attributed A lease margin=10 rival=B
         10.1.0.5 09:20:10 attributed B lease margin=10 rival=A",
    );
}

#[test]
fn how_long_an_unsaid_lease_lasts_is_learnt_from_renewals_and_not_from_comings() {
    // Three renewals after thirty minutes; then the device was away for eighty.
    let known = "08:00:00 assign m1 10.1.0.5
         08:30:00 renew m1 10.1.0.5
         09:00:01 renew m1 10.1.0.5
         09:30:00 renew m1 10.1.0.5
         10:50:00 assign m1 10.1.0.5";
    check(
        known,
        "10.1.0.5 10:29:00 attributed A lease
         10.1.0.5 10:31:00 not_attributable
         10.1.0.5 11:49:00 attributed A lease
         10.1.0.5 11:51:00 not_attributable",
    );
    // A lesson's pauses are no renewals where they are not most.
    check(
        "08:00:00 assign m1 10.1.0.5
         08:50:00 assign m1 10.1.0.5
         09:40:00 assign m1 10.1.0.5
         10:30:00 assign m1 10.1.0.5
         10:36:00 assign m1 10.1.0.5
         10:43:00 assign m1 10.1.0.5
         10:51:00 assign m1 10.1.0.5",
        "10.1.0.5 18:00:00 attributed A lease",
    );
}

#[test]
fn an_address_that_tells_too_little_takes_the_length_of_leases_from_those_beside_it() {
    let ask = |pool: &str, at: &str| {
        let mut rows = rows("09:00:00 assign m1 10.1.0.5");
        let place = (SourceId([1; 16]), pool.parse().unwrap());
        rows.lease_pauses.insert(place, 30 * 60_000_000);
        let facts = Facts::new(rows, AttributeSettings::default());
        let ip = "10.1.0.5".parse().unwrap();
        facts.who(ip, self::at(at), None).verdict
    };
    assert_eq!(ask("10.1.0.0", "09:59:00"), Verdict::Attributed);
    assert_eq!(ask("10.1.0.0", "10:01:00"), Verdict::NotAttributable);
    assert_eq!(ask("10.1.1.0", "10:01:00"), Verdict::Attributed);
}

#[test]
fn a_lease_that_was_given_back_names_nobody() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:20:00 release m1 10.1.0.5
         09:30:00 release m1 10.1.0.5",
        "10.1.0.5 09:21:00 not_attributable",
    );
}

#[test]
fn another_cards_word_does_not_end_a_lease() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:20:00 release m2 10.1.0.5",
        "10.1.0.5 09:21:00 attributed A lease",
    );
}

#[test]
fn renewals_carry_a_lease_on_and_an_end_that_was_not_said_is_not_now() {
    check(
        "00:30:00 assign m1 10.1.0.5
         06:00:00 renew m1 10.1.0.5",
        "10.1.0.5 13:00:00 attributed A lease span=00:30:00..18:00:00
         10.1.0.5 18:30:00 not_attributable",
    );
}

#[test]
fn a_shared_device_names_nobody() {
    check(
        "09:00:00 assign m7 10.1.0.5",
        "10.1.0.5 09:30:00 shared lease reason=shared_device",
    );
}

#[test]
fn a_sign_in_on_a_shared_device_names_who_signed_in() {
    check(
        "09:00:00 assign m7 10.1.0.5
         09:10:00 logon C 10.1.0.5
         09:40:00 logoff C 10.1.0.5",
        "10.1.0.5 09:05:00 shared lease
         10.1.0.5 09:30:00 attributed C directory margin=600
         10.1.0.5 09:45:00 shared lease",
    );
}

#[test]
fn a_shared_account_is_shared_however_strong_the_evidence() {
    check(
        "09:00:00 start Z 10.1.0.5 s1
         09:00:00 start Y 10.1.0.6 s2",
        "10.1.0.5 09:30:00 shared Z radius reason=shared_account
         10.1.0.6 09:30:00 shared Y radius
         10.1.0.7 09:30:00 shared Z event named=Z
         10.1.0.7 09:30:00 attributed A event named=A margin=none",
    );
}

#[test]
fn a_card_that_no_register_knows_names_nobody() {
    check(
        "09:00:00 assign m5 10.1.0.5
         09:00:00 assign m8 10.1.0.6",
        "10.1.0.5 09:30:00 not_attributable reason=unknown_device
         10.1.0.6 09:30:00 not_attributable reason=no_owner",
    );
}

#[test]
fn a_network_that_moved_is_placed_by_the_moment() {
    check(
        "09:00:00 start A 10.2.0.5 s1
         15:00:00 stop A 10.2.0.5 s1",
        "10.2.0.5 11:00:00 attributed A radius elmtree margin=3600
         10.2.0.5 12:30:00 attributed A radius ashdown margin=1800
         10.2.0.5 12:00:00 disputed nowhere reason=margin_too_small
         10.2.0.9 12:00:00 not_attributable nowhere
         10.2.0.9 12:00:10 not_attributable ashdown
         10.1.9.4 12:00:00 not_attributable library
         10.9.0.1 12:00:00 not_attributable nowhere reason=no_network",
    );
}

#[test]
fn two_lines_of_the_same_reach_for_two_establishments_place_nothing() {
    check(
        "network 10.1.9.0/24 elmtree",
        "10.1.9.4 12:00:00 not_attributable nowhere reason=networks_disagree",
    );
}

#[test]
fn cards_are_the_same_in_every_spelling() {
    assert_eq!(Mac::parse("02-00-00-00-00-01"), Some(card("m1")));
    check(
        "09:00:00 start C - s1 nas card=0200.0000.0005
         09:00:02 assign m5 10.1.0.5
         09:30:00 stop C - s1 nas card=02:00:00:00:00:05",
        "10.1.0.5 09:10:00 attributed C radius span=09:00:02..09:30:00",
    );
}

#[test]
fn an_address_that_the_server_learned_late_holds_back_to_the_start() {
    check(
        "09:00:00 start A - s1
         09:10:00 interim A 10.1.0.5 s1
         09:20:00 stop A 10.1.0.5 s1",
        "10.1.0.5 09:05:00 attributed A radius",
    );
}

#[test]
fn a_session_that_changes_its_address_leaves_the_old_one() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:10:00 interim A 10.1.0.6 s1
         09:20:00 stop A 10.1.0.6 s1",
        "10.1.0.5 09:05:00 attributed A radius
         10.1.0.5 09:12:00 not_attributable rival=A
         10.1.0.6 09:12:00 attributed A radius
         10.1.0.6 09:05:00 not_attributable",
    );
}

#[test]
fn weaker_evidence_that_contradicts_is_a_rival() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:00:00 start C 10.1.0.5 s1",
        "10.1.0.5 09:30:00 attributed C radius rival=A reason=weaker_contradicts
         10.1.0.5 09:30:00 attributed B event named=B rival=A rival=C reason=weaker_contradicts",
    );
}

#[test]
fn an_address_that_is_leased_to_another_card_leaves_the_session_behind() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:00:05 start C 10.1.0.5 s1 nas card=m1
         09:20:00 assign m2 10.1.0.5
         09:40:00 stop C 10.1.0.5 s1 nas card=m1",
        "10.1.0.5 09:10:00 attributed C radius
         10.1.0.5 09:30:00 attributed B lease rival=C",
    );
}

#[test]
fn a_session_heard_of_after_its_address_went_to_another_card_is_disputed() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:00:05 start C 10.1.0.5 s1 nas card=m1
         09:20:00 assign m2 10.1.0.5
         09:30:00 interim C 10.1.0.5 s1 nas card=m1",
        "10.1.0.5 09:25:00 disputed radius reason=other_card rival=B rival=C",
    );
}

#[test]
fn a_lost_release_does_not_keep_an_address_that_another_card_signed_in_on() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:30:00 start C 10.1.0.5 s1 nas card=m5
         09:50:00 stop C 10.1.0.5 s1 nas card=m5",
        "10.1.0.5 09:10:00 attributed A lease
         10.1.0.5 09:40:00 attributed C radius rival=A
         10.1.0.5 09:55:00 not_attributable",
    );
}

#[test]
fn a_number_that_a_server_used_again_is_another_session() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:10:00 stop A 10.1.0.5 s1
         10:00:00 start B 10.1.0.5 s1
         10:10:00 stop B 10.1.0.5 s1",
        "10.1.0.5 09:05:00 attributed A radius
         10.1.0.5 09:30:00 not_attributable
         10.1.0.5 10:05:00 attributed B radius",
    );
}

#[test]
fn a_number_that_goes_on_under_another_account_names_each_in_turn() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 start B 10.1.0.5 s1
         09:50:00 stop B 10.1.0.5 s1",
        "10.1.0.5 09:29:00 attributed A radius
         10.1.0.5 09:31:00 attributed B radius",
    );
}

#[test]
fn a_stop_alone_and_a_failed_attempt_say_nothing() {
    check(
        "09:30:00 stop A 10.1.0.5 s1
         09:40:00 fail B 10.1.0.5 s2",
        "10.1.0.5 09:29:00 not_attributable
         10.1.0.5 09:41:00 not_attributable",
    );
}

#[test]
fn a_stop_is_final_whatever_the_server_says_later() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 stop A 10.1.0.5 s1
         09:35:00 interim A 10.1.0.5 s1",
        "10.1.0.5 09:36:00 not_attributable",
    );
}

#[test]
fn records_that_came_twice_change_nothing() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:00:00 start A 10.1.0.5 s1
         09:00:03 start A 10.1.0.5 s1
         09:30:00 stop A 10.1.0.5 s1
         09:30:02 stop A 10.1.0.5 s1",
        "10.1.0.5 09:10:00 attributed A radius span=09:00:00..09:30:00
         10.1.0.5 09:30:01 not_attributable",
    );
}

#[test]
fn a_device_that_changed_hands_names_who_owned_it_then() {
    check(
        "device m5 A until 12:00:00
         device m5 B from 12:00:00
         device m6 A
         device m6 B
         09:00:00 assign m5 10.1.0.5
         09:00:00 assign m6 10.1.0.6",
        "10.1.0.5 11:00:00 attributed A lease
         10.1.0.5 13:00:00 attributed B lease
         10.1.0.6 11:00:00 disputed lease reason=equal_claimants",
    );
}

#[test]
fn a_session_without_a_name_ends_the_one_before_it() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:20:00 start - 10.1.0.5 s2",
        "10.1.0.5 09:10:00 attributed A radius
         10.1.0.5 09:25:00 not_attributable",
    );
}

#[test]
fn a_stop_that_came_twice_does_not_open_the_next_session_under_its_number() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 stop A 10.1.0.5 s1
         09:30:01 start B 10.1.0.5 s1
         09:30:04 stop A 10.1.0.5 s1
         09:50:00 stop B 10.1.0.5 s1",
        "10.1.0.5 09:40:00 attributed B radius span=09:30:01..09:50:00
         10.1.0.5 10:00:00 not_attributable",
    );
}

#[test]
fn a_stop_and_the_next_start_under_one_number_in_one_second_are_kept_apart() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 stop A 10.1.0.5 s1
         09:30:00 start B 10.1.0.6 s1
         09:50:00 stop B 10.1.0.6 s1",
        "10.1.0.5 09:20:00 attributed A radius
         10.1.0.5 09:40:00 not_attributable
         10.1.0.6 09:40:00 attributed B radius
         10.1.0.6 10:00:00 not_attributable",
    );
}

#[test]
fn a_number_that_a_restarted_server_uses_again_ends_what_it_stood_for() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 start B 10.1.0.6 s1
         09:50:00 stop B 10.1.0.6 s1",
        "10.1.0.5 09:20:00 attributed A radius
         10.1.0.5 09:40:00 not_attributable
         10.1.0.5 11:00:00 not_attributable",
    );
}

#[test]
fn servers_that_can_not_be_told_apart_and_use_the_same_numbers_do_not_mix_their_people() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:05:00 start B 10.1.0.6 s1
         09:10:00 interim A 10.1.0.5 s1
         09:15:00 interim B 10.1.0.6 s1
         09:20:00 stop A 10.1.0.5 s1
         09:25:00 stop B 10.1.0.6 s1",
        "10.1.0.5 09:18:00 attributed A radius span=09:00:00..09:20:00
         10.1.0.6 09:18:00 attributed B radius span=09:05:00..09:25:00
         10.1.0.5 09:22:00 not_attributable
         10.1.0.6 09:30:00 not_attributable",
    );
}

#[test]
fn a_session_whose_clock_was_set_back_names_nobody() {
    // The stop stands later in the log and bears an earlier time.
    check(
        "10:00:00 start A 10.1.0.5 s1
         09:50:00 stop A 10.1.0.5 s1",
        "10.1.0.5 10:30:00 not_attributable
         10.1.0.5 09:55:00 not_attributable",
    );
}

#[test]
fn a_device_with_an_address_of_either_version_keeps_both() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:00:00 start A 2001:db8::5 s1
         09:10:00 interim A 10.1.0.5 s1
         09:10:00 interim A 2001:db8::5 s1
         09:20:00 stop A 10.1.0.5 s1
         09:20:00 stop A 2001:db8::5 s1",
        "10.1.0.5 09:05:00 attributed A radius span=09:00:00..09:20:00
         2001:db8::5 09:05:00 attributed A radius span=09:00:00..09:20:00
         2001:db8::5 09:21:00 not_attributable",
    );
}

#[test]
fn the_same_persons_next_session_ends_the_one_whose_stop_was_lost() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         10:00:00 start A 10.1.0.5 s2
         10:30:00 stop A 10.1.0.5 s2",
        "10.1.0.5 09:59:00 attributed A radius
         10.1.0.5 10:10:00 attributed A radius
         10.1.0.5 11:00:00 not_attributable",
    );
}

#[test]
fn who_signed_in_with_the_address_ends_the_session_of_the_card_that_had_it() {
    check(
        "09:00:00 assign m5 10.1.0.5
         09:00:05 start A - s1 nas card=m5
         10:00:00 start B 10.1.0.5 s2 other
         10:30:00 stop B 10.1.0.5 s2 other",
        "10.1.0.5 09:30:00 attributed A radius
         10.1.0.5 10:10:00 attributed B radius rival=A
         10.1.0.5 11:00:00 not_attributable",
    );
}

#[test]
fn an_address_given_and_given_back_within_one_second_is_nobodys() {
    check(
        "09:00:00 assign m1 10.1.0.5
         09:00:00 release m1 10.1.0.5
         10:00:00 assign m1 10.1.0.6
         10:00:00 decline m1 10.1.0.6
         11:00:00 assign m1 10.1.0.7
         11:10:00 release m1 10.1.0.7
         11:10:00 assign m2 10.1.0.7",
        "10.1.0.5 09:30:00 not_attributable
         10.1.0.6 10:30:00 not_attributable
         10.1.0.7 11:05:00 attributed A lease
         10.1.0.7 11:20:00 attributed B lease",
    );
}

#[test]
fn a_stop_under_another_name_ends_the_session_all_the_same() {
    check(
        "09:00:00 start A 10.1.0.5 s1
         09:30:00 stop B 10.1.0.5 s1",
        "10.1.0.5 09:20:00 attributed A radius
         10.1.0.5 09:40:00 not_attributable",
    );
}

#[test]
fn a_server_that_restarted_has_forgotten_who_was_signed_in() {
    check(
        "09:00:00 start A 10.1.0.5 s1 nas1
         09:00:00 start B 10.1.0.6 s2 nas1
         09:00:00 start C 10.1.0.7 s1 nas2
         09:20:00 restart - - - nas1
         09:20:00 start A 10.1.0.8 s1 nas1
         09:25:00 interim B 10.1.0.6 s2 nas1",
        "10.1.0.5 09:10:00 attributed A radius span=09:00:00..09:20:00
         10.1.0.5 09:22:00 not_attributable
         10.1.0.6 09:22:00 attributed B radius
         10.1.0.7 09:30:00 attributed C radius
         10.1.0.8 09:30:00 attributed A radius",
    );
}

#[test]
fn late_data_gives_the_same_answer_as_data_in_time() {
    let story = "09:00:00 start A 10.1.0.5 s1
         09:10:00 interim A 10.1.0.5 s1
         09:30:00 start B 10.1.0.5 s2
         09:00:00 assign m1 10.1.0.5
         09:29:00 assign m2 10.1.0.5
         09:50:00 stop B 10.1.0.5 s2";
    let facts = Facts::new(rows(story), AttributeSettings::default());
    let mut turned = rows(story);
    turned.sign_ins.reverse();
    turned.leases.reverse();
    turned.devices.reverse();
    turned.networks.reverse();
    let late = Facts::new(turned, AttributeSettings::default());
    let ip = "10.1.0.5".parse().unwrap();
    for second in 0..7200 {
        let time = at("08:30:00").plus_seconds(second);
        assert_eq!(facts.who(ip, time, None), late.who(ip, time, None));
    }
}

#[test]
fn the_margin_is_the_distance_to_the_nearest_other_answer() {
    let story = "09:00:00 start A 10.1.0.5 s1
         09:12:00 stop A 10.1.0.5 s1
         09:15:00 logon B 10.1.0.5
         09:05:00 assign m2 10.1.0.5
         09:40:00 start C 10.1.0.5 s3
         09:50:00 interim A 10.1.0.5 s4
         09:58:00 stop C 10.1.0.5 s3";
    let exact = AttributeSettings {
        clock_uncertainty_us: 0,
        ..AttributeSettings::default()
    };
    let facts = Facts::new(rows(story), exact);
    let ip = "10.1.0.5".parse().unwrap();
    let core = |second: i64| {
        let answer = facts.who(ip, at("08:30:00").plus_seconds(second), None);
        (answer.verdict, answer.account, answer.establishment)
    };
    let cores: Vec<_> = (0..9000).map(core).collect();
    for (second, own) in cores.iter().enumerate().skip(3600).take(1800) {
        let left = (0..second)
            .rev()
            .find(|other| cores[*other] != *own)
            .map(|o| second - o - 1);
        let right = (second..9000)
            .find(|other| cores[*other] != *own)
            .map(|o| o - second);
        let margin = left
            .into_iter()
            .chain(right)
            .min()
            .map(|s| s as i64 * 1_000_000);
        let time = at("08:30:00").plus_seconds(second as i64);
        assert_eq!(
            facts.who(ip, time, None).margin_us,
            margin,
            "at second {second}"
        );
    }
}

#[test]
fn what_no_person_bears_is_nobody_and_still_ends_who_was_there_before() {
    // `$` is the account of a machine.
    check(
        "09:00:00 start $ - s1 nas1 card=m3
         09:05:00 start A - s2 nas1 card=m3
         10:00:00 start $ - s3 nas1 card=m3
         08:55:00 assign m3 10.1.0.5
         11:00:00 start $ 10.1.0.6 s4",
        "10.1.0.5 09:02:00 not_attributable reason=unknown_device
         10.1.0.5 09:30:00 attributed A radius
         10.1.0.5 10:30:00 not_attributable
         10.1.0.6 11:30:00 not_attributable
         10.1.0.6 11:30:00 shared event $ reason=no_person named=$",
    );
}

#[test]
fn a_machine_is_no_rival_of_the_person_who_uses_it() {
    check(
        "09:00:00 start $ 10.1.0.5 s1
         09:10:00 interim $ 10.1.0.5 s1
         09:05:00 logon A 10.1.0.5",
        "10.1.0.5 09:20:00 attributed A directory",
    );
}

#[test]
fn the_outside_end_of_a_tunnel_is_nobodys_and_the_inside_one_stays_when_the_tunnel_signs_in_anew() {
    check(
        "09:00:00 logon A 198.51.100.7 198.51.100.7:52234
         09:00:01 interim-directory A 10.1.0.5 198.51.100.7:52234
         10:00:00 logon A 198.51.100.7 198.51.100.7:52234
         10:00:01 interim-directory A 10.1.0.5 198.51.100.7:52234
         10:20:00 logoff A 198.51.100.7 198.51.100.7:52234",
        "198.51.100.7 09:20:00 not_attributable
         10.1.0.5 09:20:00 attributed A directory
         10.1.0.5 10:10:00 attributed A directory
         10.1.0.5 10:21:00 not_attributable",
    );
}

#[test]
fn who_was_let_in_is_gone_when_the_session_that_followed_ends() {
    check(
        "08:59:00 assign m3 10.1.0.5
         09:00:00 accept A - - nas1 card=m3
         09:00:01 start A - s1 nas1 card=m3
         10:00:00 stop A - s1 nas1 card=m3",
        "10.1.0.5 09:30:00 attributed A radius
         10.1.0.5 10:01:00 not_attributable",
    );
    // It went to another access point, whose acceptance came before the first one's stop.
    check(
        "08:59:00 assign m3 10.1.0.5
         09:00:01 start A - s1 nas1 card=m3
         09:59:59 accept A - - nas2 card=m3
         10:00:00 stop A - s1 nas1 card=m3",
        "10.1.0.5 10:01:00 attributed A radius",
    );
}

#[test]
fn a_stop_that_names_only_the_card_ends_the_sign_in_on_it() {
    check(
        "08:59:00 assign m3 10.1.0.5
         08:59:00 assign m4 10.1.0.6
         09:00:00 accept A - - nas1 card=m3
         09:00:00 accept B - - nas1 card=m4
         10:00:00 gone - - - nas1 card=m3
         10:00:00 gone C - - nas1 card=m4",
        "10.1.0.5 09:30:00 attributed A radius
         10.1.0.5 10:01:00 not_attributable
         10.1.0.6 10:01:00 attributed B radius",
    );
}

// ---- How the stories are read. ----

pub(super) fn check(story: &str, questions: &str) {
    let facts = Facts::new(rows(story), AttributeSettings::default());
    for question in questions.lines().map(str::trim) {
        let words: Vec<&str> = question.split_whitespace().collect();
        let named = words
            .iter()
            .find_map(|word| word.strip_prefix("named="))
            .and_then(account);
        let time = at(words[1]);
        let answer = facts.who(words[0].parse().unwrap(), time, named.as_ref());
        for word in &words[2..] {
            let right = match word.split_once('=') {
                Some(("named", _)) => true,
                Some(("margin", "none")) => answer.margin_us.is_none(),
                Some(("margin", seconds)) => {
                    answer.margin_us == Some(seconds.parse::<i64>().unwrap() * 1_000_000)
                }
                Some(("rival", name)) => answer
                    .rivals
                    .iter()
                    .any(|rival| rival.account == account(name)),
                Some(("reason", reason)) => {
                    answer.reasons.iter().any(|found| found.as_str() == reason)
                }
                Some(("span", span)) => {
                    let (from, to) = span.split_once("..").unwrap();
                    answer
                        .span
                        .is_some_and(|span| span.from == at(from) && span.to == at(to))
                }
                Some(_) => panic!("unknown word {word}"),
                None if Verdict::parse(word).is_some() => answer.verdict.as_str() == *word,
                None if Basis::parse(word).is_some() => answer.basis == Basis::parse(word),
                None if word.len() == 1 => answer.account == account(word),
                None if *word == "nowhere" => answer.establishment.is_none(),
                None => answer.establishment.as_deref() == Some(word),
            };
            assert!(
                right,
                "asked: {question}\nwrong: {word}\nanswered: {answer:#?}"
            );
        }
        if !words.iter().any(|word| word.len() == 1) {
            assert_eq!(
                answer.account, None,
                "a name too many: {question}\n{answer:#?}"
            );
        }
    }
}

pub(super) fn rows(story: &str) -> FactRows {
    let mut rows = FactRows::default();
    for (number, line) in REGISTERS.lines().chain(story.lines()).enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(first) = words.first() else { continue };
        let place = Place {
            source: SourceId([1; 16]),
            frame: number as u64 + 1,
            ordinal: 0,
        };
        let after = |word: &str| {
            words
                .iter()
                .position(|found| *found == word)
                .map(|index| at(words[index + 1]))
        };
        let (valid_from, valid_to) = (after("from"), after("until"));
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        match *first {
            "network" => {
                let network = crate::record::Network::parse(word(1)).unwrap();
                rows.networks.push(NetworkRow {
                    place,
                    first: network.first(),
                    last: network.last(),
                    bits: network.bits(),
                    establishment: word(2).to_owned(),
                    valid_from,
                    valid_to,
                });
            }
            "device" => rows.devices.push(DeviceRow {
                place,
                mac: card(word(1)),
                owner: account(word(2)),
                shared: word(2) == "shared",
                valid_from,
                valid_to,
            }),
            "role" => rows.accounts.push(AccountRow {
                place,
                account: account(word(1)).unwrap(),
                role: word(2).to_owned(),
                valid_from,
                valid_to,
            }),
            time if LeaseEvent::parse(word(1)).is_some() => rows.leases.push(LeaseRow {
                place,
                time: at(time),
                event: LeaseEvent::parse(word(1)).unwrap(),
                mac: Some(card(word(2))),
                ip: word(3).parse().unwrap(),
                expires: word(4).strip_prefix("expires=").map(at),
            }),
            time => {
                let (event, directory) = match word(1) {
                    "interim-directory" => (SignInEvent::Interim, true),
                    // RADIUS's acceptance: a sign-in without a session.
                    "accept" => (SignInEvent::Logon, false),
                    "gone" => (SignInEvent::Logoff, false),
                    event => {
                        let event = SignInEvent::parse(event).unwrap();
                        let directory = matches!(event, SignInEvent::Logon | SignInEvent::Logoff);
                        (event, directory)
                    }
                };
                rows.sign_ins.push(SignInRow {
                    place,
                    time: at(time),
                    event,
                    account: account(word(2)),
                    ip: word(3).parse::<IpAddr>().ok(),
                    mac: words
                        .iter()
                        .find_map(|word| word.strip_prefix("card="))
                        .map(card),
                    session: word(4).trim_matches('-').to_owned(),
                    nas: word(5).to_owned(),
                    basis: if directory {
                        Basis::Directory
                    } else {
                        Basis::Radius
                    },
                });
            }
        }
    }
    rows
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-03-02T{text}Z")).unwrap()
}

pub(super) fn account(name: &str) -> Option<AccountToken> {
    match name.as_bytes() {
        b"$" => Some(AccountToken([0xff; 16])),
        [letter @ b'A'..=b'Z'] => Some(AccountToken([*letter; 16])),
        _ => None,
    }
}

fn card(name: &str) -> Mac {
    match name
        .strip_prefix('m')
        .and_then(|number| number.parse().ok())
    {
        Some(number) => Mac([2, 0, 0, 0, 0, number]),
        None => Mac::parse(name).unwrap(),
    }
}
