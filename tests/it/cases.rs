//! The second truth: small cases written by hand, each with the rule that decides it, all in one home by separate addresses.

use std::path::PathBuf;

use serde_json::Value;

use crate::home::Home;
use crate::stories::token;

const LOGS: &[(&str, &str)] = &[
    ("dhcpd.log", "isc_dhcpd"),
    ("dhcpd-october.log", "isc_dhcpd"),
    ("dhcpd-march.log", "isc_dhcpd"),
    ("kea.log", "kea_log"),
    ("radius.detail", "radius_detail"),
    ("security.xml", "windows_security"),
    ("radacct.csv", "radacct_csv"),
    ("cgnat.log", "nat_port_blocks"),
    ("conntrack.log", "linux_conntrack"),
    ("squid.log", "squid_native"),
];

fn cases(below: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/attribute/cases");
    root.join(below).to_str().unwrap().to_owned()
}

#[test]
fn every_case_written_by_hand_is_answered_as_it_says() {
    let Some(home) = Home::with_engine("cases") else {
        return;
    };
    for kind in ["establishments", "networks", "accounts", "devices"] {
        let file = cases(&format!("registers/{kind}.csv"));
        home.ends(0, &["--quiet", "register", kind, "import", &file]);
    }
    for (file, format) in LOGS {
        let file = cases(&format!("logs/{file}"));
        let reference = "2026-11-02T12:00:00Z";
        let command = ["--quiet", "ingest", "--format", format];
        home.ends(
            0,
            &[&command[..], &["--reference", reference, &file]].concat(),
        );
    }
    let questions = std::fs::read_to_string(cases("questions.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for line in questions.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [_, ip, at, verdict, account, basis, clause] = columns[..] else {
            panic!("not seven columns: {line}");
        };
        assert!(!clause.is_empty(), "no document is named: {line}");
        asked += 1;
        // `203.0.113.5`, `203.0.113.5 1100` or `203.0.113.5 1100/tcp`.
        let mut words = ip.split([' ', '/']);
        let mut command = vec!["--json", "who", words.next().unwrap(), "--at", at];
        command.extend(
            ["--port", "--protocol"]
                .into_iter()
                .zip(words)
                .flat_map(|(name, word)| [name, word]),
        );
        let output = home.run(&command);
        if verdict == "refused" {
            assert_eq!(output.status.code(), Some(2), "{line}");
            continue;
        }
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let account = (account != "-").then(|| token(&home, account));
        let basis = (basis != "-").then_some(basis);
        let same = answer["verdict"] == verdict
            && answer["account"].as_str() == account.as_deref()
            && (basis.is_none() || answer["basis"].as_str() == basis);
        if !same {
            wrong.push(format!("{line}\n    {answer}"));
        }
    }
    assert!(asked >= 40, "only {asked} questions");
    assert!(
        wrong.is_empty(),
        "{} of {asked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
