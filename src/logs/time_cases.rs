//! The table of cases of time, `fixtures/logs/times.tsv`: what a line's stamp becomes, and the rule that decides it. `\n` stands for a line end.

use jiff::tz::TimeZone;

use super::framing::Frames;
use super::{Corrections, Fold, Outcome, SourceSettings, format, read_frame};
use crate::record::{Event, Timestamp};

#[test]
fn each_case_of_time_is_decided_by_its_rule() {
    let table = include_str!("../../fixtures/logs/times.tsv");
    let mut cases = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<_> = row.split('\t').collect();
        let [rule, zone, reference, fold, name, lines, becomes] = cells[..] else {
            panic!("not seven cells: {row}");
        };
        let settings = SourceSettings {
            zone: TimeZone::get(zone).unwrap(),
            reference: Timestamp::parse(reference).unwrap(),
            fold: match fold {
                "reject" => Fold::Reject,
                "first" => Fold::First,
                "second" => Fold::Second,
                _ => panic!("{fold}"),
            },
            corrections: Corrections::default(),
        };
        let format = format(name).unwrap_or_else(|| panic!("no format {name}"));
        let mut reader = format.reader(&settings);
        let bytes = format!("{}\n", lines.replace("\\n", "\n"));
        let mut told = Vec::new();
        for frame in Frames::of(bytes.as_bytes(), format.framing()) {
            let outcome = read_frame(&mut *reader, &frame, &mut |event: Event<'_>| {
                told.push(event.time().unwrap());
            });
            if let Outcome::Rejected(reason) = outcome {
                assert_eq!(reason.as_str(), becomes, "{rule}");
            }
        }
        let wanted: Vec<_> = becomes
            .split(' ')
            .filter(|word| *word != "bad_time")
            .map(|word| Timestamp::parse(word).unwrap())
            .collect();
        assert_eq!(told, wanted, "{rule}");
        cases += 1;
    }
    assert!(cases > 45);
}
