use super::*;
use crate::logs::tests::settings;
use crate::record::{JsonRow, Place, SourceId};

fn told(mapping: Mapping, lines: &[&str]) -> Vec<String> {
    let mut reader = mapping.reader(&settings());
    let mut row = JsonRow::default();
    let mut told = Vec::new();
    for line in lines {
        let frame = Frame {
            number: 1,
            lines: 1,
            offset: 0,
            length: line.len() as u64 + 1,
            bytes: line.as_bytes(),
            too_long: false,
            terminated: true,
        };
        let mut records = Vec::new();
        let outcome = reader.read(&frame, &mut |event| {
            let place = Place {
                source: SourceId([0; 16]),
                frame: 1,
                ordinal: 0,
            };
            let object = row.object(place, &event, true);
            let from = object.find("\"time\"").or(object.find("\"from\"")).unwrap();
            records.push(object.split_at(from).1.to_owned());
        });
        match outcome {
            Outcome::Records => told.append(&mut records),
            other => told.push(format!("{other:?}")),
        }
    }
    told
}

fn web(shape: Shape, fields: &'static [(Field, &'static [Column])]) -> Mapping {
    Mapping {
        name: "own",
        title: "own",
        shape,
        kind: Kind::WebHit,
        day_first: true,
        fields,
        words: &[("Geblockt", "blocked")],
        event: None,
    }
}

const WANTED: &str = r#""time":"2026-03-02T10:15:00.000000Z","client_ip":"10.1.16.21","account_text":"j.bloggs","host":"maths.example","path":"/a","action":"blocked"}"#;

#[test]
fn a_table_is_read_by_headings_whatever_their_order() {
    let mapping = web(
        Shape::Cells {
            separator: b',',
            heading: true,
        },
        &[
            (Field::Time, &[Column::Named("When")]),
            (Field::ClientIp, &[Column::Named("Source IP")]),
            (Field::Account, &[Column::Named("User")]),
            (Field::Url, &[Column::Named("URL")]),
            (Field::Action, &[Column::Named("Result")]),
        ],
    );
    let lines = [
        "user,URL,source_ip,When,x,RESULT",
        "j.bloggs,maths.example/a,10.1.16.21,02/03/2026 10:15,,geblockt",
        "j.bloggs,maths.example/a,10.1.16.21,02/13/2026 10:15,,geblockt",
        "j.bloggs,maths.example/a,10.1.16.21",
        "j.bloggs,maths.example/a,10.1.16.321,02/03/2026 10:15,,x",
    ];
    assert_eq!(
        told(mapping, &lines),
        [
            "Ignored(Comment)",
            WANTED,
            "Rejected(BadTime)",
            "Rejected(MissingFields)",
            "Rejected(BadAddress)"
        ]
    );
}

#[test]
fn a_table_without_headings_is_read_by_place() {
    let mapping = web(
        Shape::Cells {
            separator: b'\t',
            heading: false,
        },
        &[
            (Field::Date, &[Column::At(1)]),
            (Field::TimeOfDay, &[Column::At(2)]),
            (Field::Account, &[Column::At(4)]),
            (Field::ClientIp, &[Column::At(3)]),
            (Field::Url, &[Column::At(5)]),
            (Field::Action, &[Column::At(6)]),
        ],
    );
    let line = "2026-03-02\t10:15:00\t10.1.16.21\tj.bloggs\tmaths.example/a\tblocked";
    assert_eq!(
        told(mapping, &[line, "2026-03-02\t10:15:00"]),
        [WANTED, "Rejected(MissingFields)"]
    );
}

#[test]
fn pairs_json_and_w3c_are_read_by_name() {
    let fields: &'static [(Field, &'static [Column])] = &[
        (Field::Time, &[Column::Named("ts")]),
        (Field::Date, &[Column::Named("date")]),
        (Field::TimeOfDay, &[Column::Named("time")]),
        (
            Field::Account,
            &[
                Column::Named("who.name"),
                Column::Named("user"),
                Column::Named("cs-username"),
            ],
        ),
        (
            Field::ClientIp,
            &[Column::Named("src"), Column::Named("c-ip")],
        ),
        (Field::Url, &[Column::Named("url"), Column::Named("cs-uri")]),
        (
            Field::Action,
            &[Column::Named("act"), Column::Named("s-action")],
        ),
    ];
    let pairs = "ts=\"2026-03-02T10:15:00Z\" src=10.1.16.21 user=j.bloggs url=\"maths.example/a\" act=Geblockt";
    assert_eq!(
        told(web(Shape::Pairs, fields), &[pairs, "nothing"]),
        [WANTED, "Rejected(WrongShape)"]
    );
    let json = r#"{"ts":1772446500000,"src":"10.1.16.21","who":{"name":"j.bloggs"},"url":"maths.example\/a","act":"blocked"}"#;
    assert_eq!(
        told(web(Shape::Json, fields), &[json, "{"]),
        [WANTED, "Rejected(WrongShape)"]
    );
    let w3c = [
        "#Software: x",
        "#Fields: date time c-ip cs-username cs-uri s-action",
        "2026-03-02 10:15:00 10.1.16.21 j.bloggs maths.example/a Geblockt",
    ];
    assert_eq!(
        told(web(Shape::W3c, fields), &w3c),
        ["Ignored(Comment)", "Ignored(Comment)", WANTED]
    );
}

#[test]
fn each_field_has_its_own_name() {
    for field in Field::ALL {
        assert_eq!(Field::parse(field.name()), Some(*field));
    }
}

#[test]
fn a_table_that_many_descriptions_fit_is_taken_for_none_of_them() {
    let chosen = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
        crate::logs::likeliest(&lines).map(|(format, _)| format.name())
    };
    // 03/02 is a day in March or in February, as the maker has it.
    let shared = [
        "Time,User,IP,Group,Action,URL,Category",
        "03/02/2026 10:15:00,j.bloggs,10.1.16.21,Pupils,Allowed,maths.example,Education",
    ];
    assert_eq!(chosen(&shared), None);
    // Pages that people asked for are no sign-ins.
    let pages = [
        "Date,Username,IP Address,Device Name,Site",
        "02/03/2026 10:15:00,j.bloggs,10.1.16.21,LAPTOP-21,games.example",
    ];
    assert_eq!(chosen(&pages), None);
    let nobody = [
        "Capture Time,Device IP,MAC Address,Device Name",
        "02/03/2026 10:15:00,10.1.16.21,02:00:00:00:16:21,LAPTOP-21",
    ];
    assert_eq!(chosen(&nobody), None);
}

#[test]
fn a_day_without_a_time_of_day_is_no_moment() {
    let mapping = web(
        Shape::Cells {
            separator: b',',
            heading: true,
        },
        &[
            (Field::Time, &[Column::Named("Date")]),
            (Field::Url, &[Column::Named("URL")]),
        ],
    );
    assert_eq!(
        told(mapping, &["Date,URL", "02/03/2026,maths.example"])[1],
        "Rejected(BadTime)"
    );
}
