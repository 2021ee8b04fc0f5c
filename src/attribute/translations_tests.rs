//! Stories of one outside address, each with what must stand behind it at a moment.

use super::tests::at;
use super::translations::{Behind, behind, stays};
use super::{AttributeSettings, End, OutsideEnd, TranslationRow};
use crate::record::{Place, SourceId};

/// A line is `FROM [..TO] PROTOCOL INSIDE PORTS`, PORTS being `-`, `40001` or `1024-1535`.
fn rows(story: &str) -> Vec<TranslationRow> {
    let row = |(number, line): (usize, &str)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [times, protocol, inside, ports] = words[..] else {
            panic!("not four words: {line}");
        };
        let (from, to) = times.split_once("..").unwrap_or((times, ""));
        let ports: Vec<u16> = ports
            .split('-')
            .filter_map(|port| port.parse().ok())
            .collect();
        TranslationRow {
            place: Place {
                source: SourceId([1; 16]),
                frame: number as u64 + 1,
                ordinal: 0,
            },
            from: at(from),
            to: (!to.is_empty()).then(|| at(to)),
            protocol: protocol.parse().unwrap(),
            inside: inside.parse().unwrap(),
            inside_port: None,
            first_port: ports.first().copied(),
            last_port: ports.last().copied(),
        }
    };
    story.lines().enumerate().map(row).collect()
}

fn found(
    rows: Vec<TranslationRow>,
    end: &OutsideEnd,
    time: &str,
    settings: &AttributeSettings,
) -> Behind {
    behind(&stays(rows, end, settings), end, at(time), settings)
}

/// A question is `TIME PORT PROTOCOL`, each of the last two `-` where nobody has said it; the answer is an address, `nobody`, or a reason.
fn check(story: &str, questions: &str) {
    for question in questions.lines() {
        let words: Vec<&str> = question.split_whitespace().collect();
        let [time, port, protocol, expected] = words[..] else {
            panic!("not four words: {question}");
        };
        let end = OutsideEnd {
            ip: "203.0.113.5".parse().unwrap(),
            port: port.parse().ok(),
            protocol: protocol.parse().ok(),
        };
        let mut turned = rows(story);
        turned.reverse();
        let settings = AttributeSettings::default();
        let told = found(rows(story), &end, time, &settings);
        assert_eq!(told, found(turned, &end, time, &settings), "{question}");
        let word = match &told {
            Behind::Nobody => "nobody".to_owned(),
            Behind::One(inside) => inside.ip.to_string(),
            Behind::Several(_, reason) => reason.as_str().to_owned(),
        };
        assert_eq!(word, expected, "{question}: {told:?}");
    }
}

#[test]
fn a_port_is_whose_it_was_at_the_moment_and_nobodys_in_between() {
    check(
        "09:00:00.1..09:01:00.1 6 10.1.0.5 40001
         09:02:00.1..09:03:00.1 6 10.1.0.6 40001",
        "08:59:58 40001 6 nobody
         08:59:59.5 40001 6 margin_too_small
         09:00:30 40001 6 10.1.0.5
         09:01:00.5 40001 6 margin_too_small
         09:01:30 40001 6 nobody
         09:02:30 40001 6 10.1.0.6
         09:02:30 40002 6 nobody
         09:02:30 40001 17 nobody",
    );
}

#[test]
fn an_end_in_whole_seconds_holds_until_its_second_is_over() {
    check(
        "09:00:00..09:00:00 6 10.1.0.5 40001",
        "09:00:00.9 40001 6 10.1.0.5
         09:00:01 40001 6 margin_too_small
         09:00:02 40001 6 nobody",
    );
}

#[test]
fn whoever_has_it_next_within_the_clocks_uncertainty_makes_it_doubtful() {
    check(
        "09:00:00.1..09:01:00.1 6 10.1.0.5 40001
         09:01:00.4..09:03:00.1 6 10.1.0.6 40001",
        "09:00:59 40001 6 10.1.0.5
         09:00:59.9 40001 6 margin_too_small
         09:01:01 40001 6 margin_too_small
         09:01:02 40001 6 10.1.0.6",
    );
    // The same address had it before and after: nobody else could be meant.
    check(
        "09:00:00.1..09:01:00.1 6 10.1.0.5 40001
         09:01:00.4..09:03:00.1 6 10.1.0.5 40001",
        "09:00:59.9 40001 6 10.1.0.5",
    );
}

#[test]
fn what_was_given_and_taken_back_is_one_translation_and_rests_on_both_lines() {
    let story = "09:00:00 0 10.1.0.5 1024-1535
         09:00:00..09:10:00 0 10.1.0.5 1024-1535";
    check(
        story,
        "09:05:00 1100 6 10.1.0.5
         09:10:30 1100 6 nobody",
    );
    let end = OutsideEnd {
        ip: "203.0.113.5".parse().unwrap(),
        port: Some(1100),
        protocol: None,
    };
    let Behind::One(inside) = found(rows(story), &end, "09:05:00", &AttributeSettings::default())
    else {
        panic!("not one");
    };
    assert_eq!(inside.rests_on.len(), 2);
    assert_eq!(inside.span.end, End::Stop);
}

#[test]
fn a_block_without_an_end_ends_where_it_goes_to_the_next_and_after_a_day_nothing_is_known() {
    check(
        "00:00:01 0 10.1.0.5 1024-1535
         09:00:00 0 10.1.0.6 1536-2047
         10:00:00 0 10.1.0.7 1536-2047",
        "23:00:00 1100 6 10.1.0.5
         09:30:00 1600 6 10.1.0.6
         10:30:00 1600 6 10.1.0.7",
    );
    let settings = AttributeSettings {
        translation_without_end_us: 3_600_000_000,
        ..AttributeSettings::default()
    };
    let end = OutsideEnd {
        ip: "203.0.113.5".parse().unwrap(),
        port: Some(1100),
        protocol: None,
    };
    let given = rows("09:00:00 0 10.1.0.5 1024-1535");
    assert_eq!(found(given, &end, "10:00:02", &settings), Behind::Nobody);
}

#[test]
fn one_port_may_stand_for_two_at_once_and_then_for_nobody_by_name() {
    check(
        "09:00:00 6 10.1.0.5 40001
         09:01:00 6 10.1.0.6 40001",
        "09:00:30 40001 6 10.1.0.5
         09:02:00 40001 6 translations_disagree",
    );
    check(
        "09:00:00..09:10:00 6 10.1.0.5 40001
         09:00:00..09:10:00 17 10.1.0.6 40001",
        "09:05:00 40001 6 10.1.0.5
         09:05:00 40001 17 10.1.0.6
         09:05:00 40001 - translations_disagree",
    );
}

#[test]
fn without_a_port_only_a_whole_address_is_somebodys() {
    check(
        "09:00:00..09:10:00 6 10.1.0.5 40001",
        "09:05:00 - - port_not_said",
    );
    check(
        "09:00:00 0 10.1.0.5 -
         09:10:00 0 10.1.0.6 -",
        "09:05:00 - - 10.1.0.5
         09:05:00 40001 6 10.1.0.5
         09:15:00 - - 10.1.0.6",
    );
}
