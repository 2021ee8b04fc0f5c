//! An event in a view belongs to the establishment whose network it came from.

use std::net::IpAddr;

use serde::Deserialize;

use super::*;
use crate::record::NetworkLine;

fn network(
    first: [u8; 4],
    last: [u8; 4],
    bits: u8,
    establishment: &str,
    from: i64,
    to: Option<i64>,
) -> NetworkLine {
    NetworkLine {
        first_ip: IpAddr::from(first),
        last_ip: IpAddr::from(last),
        bits: 96 + bits,
        establishment: establishment.to_owned(),
        segment: "curriculum".to_owned(),
        valid_from: Some(NOW.plus_seconds(from)),
        valid_to: to.map(|to| NOW.plus_seconds(to)),
    }
}

#[test]
fn an_event_belongs_to_the_most_specific_network_that_was_valid_then() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    let lines = [
        network([10, 0, 0, 0], [10, 255, 255, 255], 8, "region", -1000, None),
        network(
            [10, 1, 0, 0],
            [10, 1, 255, 255],
            16,
            "oldschool",
            -1000,
            Some(0),
        ),
        network([10, 1, 0, 0], [10, 1, 255, 255], 16, "newschool", 0, None),
        network([10, 1, 2, 0], [10, 1, 2, 255], 24, "annexe", 100, Some(200)),
    ];
    let table = crate::record::table("networks").unwrap();
    store
        .insert(table, encoded((1..).map(place).zip(&lines)), None)
        .unwrap();
    let moments = [
        (-1001, ""),
        (-1, "oldschool"),
        (0, "newschool"),
        (99, "newschool"),
        (100, "annexe"),
        (199, "annexe"),
        (200, "newschool"),
    ];
    let hits: Vec<WebHit<'_>> = moments
        .iter()
        .map(|(moment, establishment)| WebHit {
            client_ip: Some(IpAddr::from([10, 1, 2, 3])),
            host: (*establishment).into(),
            ..WebHit::at(NOW.plus_seconds(*moment))
        })
        .chain([
            WebHit {
                client_ip: Some("2001:db8::1".parse().unwrap()),
                ..WebHit::at(NOW)
            },
            WebHit::at(NOW),
        ])
        .collect();
    store
        .insert(web_hits(), encoded((1..).map(place).zip(&hits)), None)
        .unwrap();
    const VIEW: Sql = Sql::embedded(
        "test/view",
        "SELECT source_id, frame, client_ip, host, establishment, segment FROM v_web_hits ORDER BY frame",
    );
    #[derive(Deserialize)]
    struct Seen {
        source_id: String,
        client_ip: String,
        host: String,
        establishment: String,
        segment: String,
    }
    let seen: Vec<Seen> = store.rows(VIEW, &Params::new()).unwrap();
    assert_eq!(seen.len(), hits.len());
    for row in &seen {
        assert_eq!(row.establishment, row.host);
        assert_eq!(row.segment.is_empty(), row.host.is_empty());
        assert_eq!(row.source_id, "01".repeat(16));
    }
    let addresses: Vec<&str> = seen.iter().map(|row| row.client_ip.as_str()).collect();
    assert_eq!(addresses[5..], ["10.1.2.3", "10.1.2.3", "2001:db8::1", ""]);
    const FLOWS: Sql = Sql::embedded(
        "test/flows",
        "SELECT src_ip, dst_ip, establishment FROM v_flows",
    );
    assert!(
        store
            .bytes(FLOWS, &Params::new(), "CSV")
            .unwrap()
            .is_empty()
    );
}

#[test]
fn networks_of_one_reach_that_name_two_establishments_place_nothing() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let store = &scratch.store;
    // The second line begins with the first, as a file with a line pasted twice has it.
    let both = [10, 1, 0, 0];
    let end = [10, 1, 255, 255];
    let lines = [
        network(both, end, 16, "oakfield", -1000, None),
        network(both, end, 16, "elmtree", -1000, None),
        network(
            [10, 2, 0, 0],
            [10, 2, 255, 255],
            16,
            "oakfield",
            -1000,
            None,
        ),
        network([10, 2, 0, 0], [10, 2, 255, 255], 16, "elmtree", 0, None),
    ];
    let table = crate::record::table("networks").unwrap();
    store
        .insert(table, encoded((1..).map(place).zip(&lines)), None)
        .unwrap();
    let hits = [(1, -1), (1, 1), (2, -1), (2, 1)].map(|(second, moment)| WebHit {
        client_ip: Some(IpAddr::from([10, second, 0, 5])),
        ..WebHit::at(NOW.plus_seconds(moment))
    });
    store
        .insert(web_hits(), encoded((1..).map(place).zip(&hits)), None)
        .unwrap();
    const VIEW: Sql = Sql::embedded(
        "test/disagree",
        "SELECT establishment FROM v_web_hits ORDER BY frame",
    );
    #[derive(Deserialize)]
    struct Seen {
        establishment: String,
    }
    let seen: Vec<Seen> = store.rows(VIEW, &Params::new()).unwrap();
    let seen: Vec<&str> = seen.iter().map(|row| row.establishment.as_str()).collect();
    assert_eq!(seen, ["", "", "oakfield", ""]);
}
