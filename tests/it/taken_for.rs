//! What `ingest --format auto` says where a file is of no one format, or of another than it was said to be.

use crate::home::Home;

#[test]
fn a_file_of_which_most_lines_are_something_else_is_said_to_be_so() {
    let home = Home::without_engine();
    let log = home.path("mixed.log");
    let ours = "1772446500.000    12 192.0.2.7 TCP_MISS/200 512 GET http://a.example/ - HIER_DIRECT/198.51.100.1 text/html\n";
    let told = |lines: &str, more: &[&str]| {
        std::fs::write(&log, lines).unwrap();
        let file = log.to_str().unwrap();
        let output = home.run(&[&["ingest", "--to", "jsonl"], more, &[file]].concat());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let quiet = told(&ours.repeat(3), &[]);
    assert!(!quiet.contains("WARNING"), "{quiet}");
    let mixed = format!("{ours}nobody's\nnobody's too\n");
    let loud = told(&mixed, &[]);
    assert!(
        loud.contains("WARNING") && loud.contains("is read as squid_native: 33 %"),
        "{loud}"
    );
    assert!(
        loud.contains("2 of 3 lines") && loud.contains("missing_fields 2"),
        "{loud}"
    );
    let named = told(&ours.repeat(3), &["--format", "bind_query"]);
    assert!(
        named.contains("WARNING: of 3 lines") && named.contains("none is a record of bind_query"),
        "{named}"
    );
}
