//! `invigil query --sql`: what it answers, what it refuses, what the ledger says of it.

use crate::home::Home;

const ASKED: &str = "SELECT host, count() AS hits FROM web_hits GROUP BY host ORDER BY host";

#[test]
fn a_question_in_sql_is_entered_and_shows_no_content() {
    let Some(home) = Home::with_engine("typed_in") else {
        return;
    };
    let log = home.path("access.log");
    let line = "1772446500.000    12 192.0.2.7 TCP_MISS/200 512 GET http://a.example/plantedpath - HIER_DIRECT/198.51.100.1 text/html\n";
    std::fs::write(&log, line).unwrap();
    home.ends(0, &["ingest", log.to_str().unwrap()]);

    let answer = home.ends(0, &["query", "--sql", ASKED, "--to", "csv"]);
    assert_eq!(answer, "\"host\",\"hits\"\n\"a.example\",1\n");
    let json = home.ends(0, &["query", "--sql", ASKED, "--json"]);
    assert!(json.contains("a.example"), "{json}");
    for (sql, said) in [
        ("SELECT * FROM web_hits", "content"),
        ("SELECT path FROM v_web_hits", "content"),
        ("SELECT * FROM file('/etc/passwd')", "file"),
        ("DROP TABLE invigil.web_hits", "only ask"),
    ] {
        let output = home.run(&["query", "--sql", sql]);
        assert_eq!(output.status.code(), Some(2), "{sql}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(said), "{sql}: {error}");
        assert!(output.stdout.is_empty(), "{sql}");
    }
    let path = [
        "query",
        "--sql",
        "SELECT path FROM web_hits",
        "--to",
        "jsonl",
    ];
    let reveal = [&path[..], &["--reveal-content"]].concat();
    home.ends(2, &reveal);
    let shown = home.ends(0, &[&reveal[..], &["--reason", "case 12"]].concat());
    assert!(shown.contains("plantedpath"), "{shown}");

    let entries = home.ends(0, &["ledger", "show", "--json"]);
    assert_eq!(entries.matches("\"sql\"").count(), 6, "{entries}");
    assert_eq!(
        entries.matches("\"sql_with_content\"").count(),
        1,
        "{entries}"
    );
    assert!(
        !entries.contains("SELECT") && !entries.contains("case 12"),
        "{entries}"
    );
    home.ends(0, &["ledger", "verify"]);
}
