//! A school without any log: what its own network says on the wire names who it was.

use std::path::Path;

use serde_json::Value;

use crate::home::Home;

#[test]
fn sign_ins_heard_on_the_wire_name_who_it_was_and_are_stored_once() {
    let Some(home) = Home::with_engine("heard") else {
        return;
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pcap/identity.pcap");
    for _ in 0..2 {
        home.ends(0, &["--quiet", "capture", "-r", file.to_str().unwrap()]);
        let rows = |table: &str| {
            let sql = format!("select count() as n from {table}");
            let said = home.ends(0, &["--json", "query", "--sql", &sql]);
            said.trim().to_owned()
        };
        for (table, count) in [("sign_ins", 10), ("leases", 4), ("web_hits", 6)] {
            assert!(
                rows(table).contains(&count.to_string()),
                "{table}: {}",
                rows(table)
            );
        }
    }
    let ask = |ip: &str, at: &str, code: i32| -> Value {
        let said = home.ends(code, &["--json", "who", ip, "--at", at]);
        serde_json::from_str(&said).unwrap()
    };
    let kerberos = ask("10.1.16.52", "2026-03-02T10:16:00Z", 0);
    assert_eq!(
        (&kerberos["verdict"], &kerberos["basis"]),
        (&Value::from("attributed"), &Value::from("kerberos"))
    );
    let file_server = ask("10.1.16.53", "2026-03-02T10:16:00Z", 0);
    assert_eq!(file_server["basis"], "directory");
    // Who a proxy believed is named by the request, and who it did not believe is not.
    let sql = "select count() as n from web_hits where notEmpty(account_token)";
    let named = home.ends(0, &["--json", "query", "--sql", sql]);
    assert!(named.contains('2'), "{named}");
    // The session ended, and a lease alone names nobody where no register says whose the device is.
    let over = ask("10.1.16.51", "2026-03-02T10:20:00Z", 1);
    assert_eq!(over["verdict"], "not_attributable");
    // No path, no query, no page was kept: content was not asked for.
    let sql = "select count() as n from web_hits where notEmpty(path) or notEmpty(query) or notEmpty(referrer)";
    let kept = home.run(&[
        "query",
        "--sql",
        sql,
        "--reveal-content",
        "--reason",
        "a test",
    ]);
    let said = String::from_utf8_lossy(&kept.stdout);
    assert!(
        said.contains('0') && !said.contains(['1', '2', '3']),
        "{said}"
    );
    let agreed = home.ends(0, &["store", "check"]);
    assert!(!agreed.contains("differ"), "{agreed}");
}
