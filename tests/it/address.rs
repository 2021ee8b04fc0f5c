//! `invigil store serve --listen`: who is answered at an address, and what.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use base64::Engine as _;

use crate::home::Home;

const KEY: &str = "a key for this test alone";

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn an_address_answers_whoever_brings_the_key_and_only_questions() {
    let Some(home) = Home::with_engine("address") else {
        return;
    };
    let key = home.path("ask.key");
    std::fs::write(&key, KEY).unwrap();
    let key_file = key.to_str().unwrap();
    let serve = |address| {
        [
            "store",
            "serve",
            "--listen",
            address,
            "--key-file",
            key_file,
        ]
    };
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    home.ends(2, &serve("127.0.0.1:0"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    home.ends(2, &serve("0.0.0.0:0"));

    let mut child = home.command(&serve("127.0.0.1:0"));
    let mut child = Ended(child.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let line = lines
        .find_map(|line| line.ok().filter(|line| line.contains("http://")))
        .unwrap();
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();

    let ask = |header: &str, sql: &str| {
        let mut wire = std::net::TcpStream::connect(&address).unwrap();
        let length = sql.len();
        write!(
            wire,
            "POST / HTTP/1.0\r\nHost: s\r\n{header}Content-Length: {length}\r\n\r\n{sql}"
        )
        .unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).unwrap();
        answer
    };
    let own = format!("X-ClickHouse-User: x\r\nX-ClickHouse-Key: {KEY}\r\n");
    let basic = base64::prelude::BASE64_STANDARD.encode(format!("x:{KEY}"));
    let basic = format!("Authorization: Basic {basic}\r\n");
    for header in [own.as_str(), basic.as_str()] {
        assert!(ask(header, "SELECT count() FROM web_hits").ends_with("\r\n\r\n0\n"));
        let refused = ask(header, "CREATE TABLE t (a UInt8) ENGINE = Memory");
        assert!(
            refused.contains(" 403 ") && refused.contains("Code: 497"),
            "{refused}"
        );
    }
    for header in [
        "",
        "X-ClickHouse-Key: another key, also long\r\n",
        "Authorization: Basic x\r\n",
    ] {
        let refused = ask(header, "SELECT 1");
        assert!(
            refused.contains(" 401 ") && refused.contains("Code: 516"),
            "{refused}"
        );
    }
}
