//! Those who ask with a key at an address: what each may do, how much, and how an answer is broken off.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::*;
use crate::store::engine::{coded_in_test, decoded_in_test};
use crate::store::scratch::{LEDGER_IS_FULL, Turn, entered};
use crate::store::{Limits, Role, Serving, StoreKey};

/// A store at an address, with a key of each role.
pub(super) struct Served {
    pub(super) serving: Serving,
    pub(super) address: SocketAddr,
    pub(super) folder: tempfile::TempDir,
    _turn: Turn,
}

pub(super) struct Said {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Said {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn code(&self) -> u32 {
        let (_, code) = self.head.split_once("exception-code: ").unwrap_or_default();
        let digits = code.lines().next().unwrap_or_default();
        digits.trim().parse().unwrap_or(0)
    }

    pub(super) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn has(&self, header: &str) -> bool {
        self.head.contains(header)
    }
}

fn key(name: &str, role: Role, limits: Limits) -> StoreKey {
    StoreKey {
        name: name.to_owned(),
        key: format!("the key of {name}, long enough").into(),
        role,
        expires: None,
        limits,
    }
}

impl Served {
    pub(super) fn start() -> Option<Served> {
        let (turn, library) = turn()?;
        let folder = tempfile::tempdir().unwrap();
        let StoreSettings::Embedded(embedded) = settings(folder.path(), &library) else {
            unreachable!("the settings of tests are of a folder");
        };
        let serving = Serving::start(&embedded).unwrap();
        let small = Limits {
            seconds: 1,
            memory_bytes: 100 << 20,
            result_rows: 1000,
            at_once: 1,
            ..Limits::default()
        };
        let many = Limits {
            requests_a_minute: 100_000,
            ..Limits::default()
        };
        let keys = [
            key("ask", Role::Ask, many),
            key("work", Role::Work, many),
            key("small", Role::Ask, small),
            StoreKey {
                expires: Some(Timestamp::from_seconds(1)),
                ..key("old", Role::Ask, many)
            },
        ];
        let address = serving
            .listen("127.0.0.1:0".parse().unwrap(), &keys, None)
            .unwrap();
        serving
            .store()
            .insert(web_hits(), hits(&["a.example", "b.example"]), None)
            .unwrap();
        entered();
        Some(Served {
            serving,
            address,
            folder,
            _turn: turn,
        })
    }

    fn wire(&self, name: &str, more: &str, address: &str, body: &[u8]) -> TcpStream {
        let mut wire = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "POST /?{address} HTTP/1.0\r\nHost: s\r\nX-ClickHouse-Key: the key of {name}, long enough\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        );
        wire.write_all(head.as_bytes()).unwrap();
        // A refusal may come before the body was taken.
        drop(wire.write_all(body));
        wire
    }

    pub(super) fn said(&self, name: &str, more: &str, address: &str, body: &[u8]) -> Said {
        let mut wire = self.wire(name, more, address, body);
        let mut answer = Vec::new();
        drop(wire.read_to_end(&mut answer));
        let end = answer.windows(4).position(|at| at == b"\r\n\r\n").unwrap();
        Said {
            head: String::from_utf8_lossy(&answer[..end]).to_lowercase(),
            body: answer[end + 4..].to_vec(),
        }
    }

    pub(super) fn ask(&self, name: &str, sql: &str) -> Said {
        self.said(name, "", "", sql.as_bytes())
    }

    pub(super) fn answers(&self, name: &str, sql: &str) -> String {
        let said = self.ask(name, sql);
        assert_eq!(said.status(), "200", "{sql}: {}", said.text());
        said.text()
    }

    /// How many statements of others run in the engine.
    fn running(&self) -> u64 {
        const RUNNING: Sql = Sql::embedded(
            "test/running",
            "SELECT count() FROM system.processes WHERE query LIKE '%numbers(%' AND query NOT LIKE '%processes%'",
        );
        let answer = self.serving.store().bytes(RUNNING, &Params::new(), "CSV");
        String::from_utf8(answer.unwrap())
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    fn within_ten_seconds(&self, running: u64) {
        for _ in 0..200 {
            if self.running() == running {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{} statements run, not {running}", self.running());
    }
}

#[test]
fn a_session_keeps_what_was_said_for_its_own_key_alone() {
    let Some(served) = Served::start() else {
        return;
    };
    let say = |name: &str, id: &str, sql: &str| {
        served.said(
            name,
            "",
            &format!("session_id={id}&session_timeout=3600"),
            sql.as_bytes(),
        )
    };
    assert_eq!(say("ask", "s", "SET max_block_size = 77").status(), "200");
    assert_eq!(say("ask", "s", "USE workbench").status(), "200");
    let now = "SELECT getSetting('max_block_size'), currentDatabase()";
    let refused = say("ask", "s", "SET readonly = 0");
    assert!([36, 497].contains(&refused.code()), "{}", refused.text());
    for sql in [
        "SET allow_introspection_functions = 1",
        "USE system",
        "USE default",
    ] {
        assert_eq!(say("ask", "s", sql).code(), 497, "{sql}");
    }
    let tables = say(
        "ask",
        "s",
        "SELECT count() FROM system.settings WHERE name = 'max_block_size' AND value = '77'",
    );
    assert_eq!(tables.text(), "1\n", "{now}");
    assert_eq!(
        say("ask", "s", "SELECT 1 FROM web_hits").code(),
        60,
        "it was told to USE another"
    );
    let other = say(
        "work",
        "s",
        "SELECT count() FROM system.settings WHERE name = 'max_block_size' AND value = '77'",
    );
    assert_eq!(other.text(), "0\n", "a session of another key");
    assert_eq!(
        say("ask", "s", "SET max_block_size = DEFAULT").status(),
        "200"
    );
    let gone = say(
        "ask",
        "s",
        "SELECT count() FROM system.settings WHERE name = 'max_block_size' AND value = '77'",
    );
    assert_eq!(gone.text(), "0\n");

    let work = |sql: &str| {
        let said = served.said(
            "work",
            "",
            "session_id=w&database=workbench",
            sql.as_bytes(),
        );
        assert_eq!(said.status(), "200", "{sql}: {}", said.text());
        said.text()
    };
    work("CREATE TEMPORARY TABLE tt (a UInt64)");
    work("INSERT INTO tt VALUES (1), (2)");
    work("INSERT INTO tt SELECT number FROM numbers(3)");
    assert_eq!(work("SELECT count() FROM tt"), "5\n");
    assert_eq!(
        work("SELECT count() FROM tt SETTINGS max_block_size = 5"),
        "5\n"
    );
    let said = served.said(
        "work",
        "",
        "session_id=v&database=workbench",
        b"SELECT count() FROM tt",
    );
    assert_eq!(said.code(), 60);
    let said = served.said(
        "work",
        "",
        "session_id=w&database=workbench",
        b"SELECT * FROM file('/etc/passwd')",
    );
    assert_eq!(
        said.code(),
        497,
        "a session with tables is judged like any other"
    );
    assert_eq!(
        served
            .ask("work", "CREATE TEMPORARY TABLE tt (a UInt64)")
            .code(),
        36
    );
    work("DROP TEMPORARY TABLE tt");

    let slow = served.wire(
        "ask",
        "",
        "session_id=s",
        b"SELECT sum(sipHash64(number)) FROM numbers(100000000000)",
    );
    served.within_ten_seconds(1);
    assert_eq!(say("ask", "s", "SELECT 1").code(), 373);
    drop(slow);
    served.within_ten_seconds(0);
    let said = served.said("ask", "", "session_id=nobody&session_check=1", b"SELECT 1");
    assert_eq!(said.code(), 372);
}

#[test]
fn a_client_that_goes_away_ends_its_statement() {
    let Some(served) = Served::start() else {
        return;
    };
    // Before the first byte, in the midst of a GROUP BY.
    let sql =
        b"SELECT count() FROM (SELECT number % 50000000 AS k FROM numbers(20000000000) GROUP BY k)";
    let wire = served.wire("ask", "", "", sql);
    served.within_ten_seconds(1);
    drop(wire);
    served.within_ten_seconds(0);
    // Between two pieces, as the client does not read on.
    let mut wire = served.wire(
        "ask",
        "",
        "max_result_rows=10000000&default_format=JSON",
        b"SELECT number, toString(number) FROM numbers(9000000)",
    );
    let mut first = [0; 1000];
    wire.read_exact(&mut first).unwrap();
    assert_eq!(served.running(), 1);
    drop(wire);
    served.within_ten_seconds(0);
    // And its turn is free again.
    assert_eq!(served.answers("ask", "SELECT 1"), "1\n");
}

/// A seat is not held by who sends a byte now and then.
#[test]
fn rows_that_drip_are_broken_off_and_not_stored() {
    let Some(served) = Served::start() else {
        return;
    };
    served.answers("work", "CREATE TABLE workbench.t (a UInt8) ENGINE = Memory");
    let mut wire = TcpStream::connect(served.address).unwrap();
    write!(wire, "POST / HTTP/1.1\r\nHost: s\r\nX-ClickHouse-Key: the key of work, long enough\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n22\r\nINSERT INTO workbench.t FORMAT CSV\r\n1\r\n\n\r\n").unwrap();
    wire.set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut answer = Vec::new();
    // Each look waits a fifth of a second for an answer.
    for _ in 0..150 {
        if !answer.is_empty() {
            break;
        }
        drop(wire.write_all(b"2\r\n1\n\r\n"));
        drop(wire.read_to_end(&mut answer));
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains("broke off"), "{answer}");
    assert_eq!(
        served.answers("work", "SELECT count() FROM workbench.t"),
        "0\n"
    );
}

/// However it is asked: what is not in the ledger is not answered, and not done.
#[test]
fn what_can_not_be_entered_is_neither_answered_nor_done() {
    let Some(served) = Served::start() else {
        return;
    };
    let work = |sql: &str| served.answers("work", sql);
    work("CREATE TABLE workbench.t (s String) ENGINE = Memory");
    work("CREATE VIEW workbench.v AS SELECT host FROM invigil.web_hits");
    entered();
    let asked = format!("SELECT count(), '{LEDGER_IS_FULL}' FROM");
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n{asked} web_hits\r\n--b--\r\n"
    );
    let multipart = "Content-Type: Multipart/Form-Data; boundary=b\r\n";
    let begun = format!("query={}", asked.replace(' ', "+"));
    for said in [
        served.ask("ask", &format!("{asked} web_hits")),
        served.ask("ask", &format!("{asked} workbench.v")),
        served.ask("ask", &format!("EXPLAIN PLAN {asked} web_hits")),
        served.ask("ask", &format!("DESCRIBE TABLE ({asked} web_hits)")),
        served.said(
            "ask",
            "",
            "session_id=s",
            format!("{asked} web_hits").as_bytes(),
        ),
        served.said("ask", multipart, "", form.as_bytes()),
        served.said("ask", "", &begun, b"invigil.web_hits"),
        served.ask(
            "work",
            &format!("INSERT INTO workbench.t SELECT '{LEDGER_IS_FULL}'"),
        ),
        served.ask(
            "work",
            &format!(
                "INSERT INTO workbench.t SELECT host FROM web_hits WHERE host != '{LEDGER_IS_FULL}'"
            ),
        ),
    ] {
        assert_eq!(said.code(), 497, "{} {}", said.head, said.text());
        assert!(said.text().contains("could not be entered") && !said.text().contains('\t'));
    }
    assert!(entered().is_empty());
    assert_eq!(work("SELECT count() FROM workbench.t"), "0\n");
}

/// What lies between client and store might have read the other key.
#[test]
fn who_brings_two_keys_is_nobody() {
    let Some(served) = Served::start() else {
        return;
    };
    let own = "X-ClickHouse-Key: the key of ask, long enough\r\n";
    assert_eq!(served.said("ask", own, "", b"SELECT 1").code(), 516);
    let pair = base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        "x:the key of ask, long enough",
    );
    for (scheme, times, status) in [
        ("Basic", 1, "200"),
        ("basic", 1, "200"),
        ("Basic", 2, "401"),
        ("Bearer", 1, "401"),
    ] {
        let header = format!("Authorization: {scheme} {pair}\r\n").repeat(times);
        let mut wire = TcpStream::connect(served.address).unwrap();
        write!(wire, "GET /?query=SELECT+1 HTTP/1.0\r\n{header}\r\n").unwrap();
        let mut answer = String::new();
        wire.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{scheme} {times}: {answer}"
        );
    }
}

#[test]
fn each_guest_has_limits() {
    let Some(served) = Served::start() else {
        return;
    };
    let long = "SELECT sum(sipHash64(number)) FROM numbers(100000000000)";
    let said = served.ask("small", long);
    assert_eq!(
        (said.code(), said.status()),
        (159, "408"),
        "{}",
        said.text()
    );
    let said = served.said("small", "", "max_execution_time=100", long.as_bytes());
    assert_eq!(said.code(), 159);
    let said = served.ask(
        "small",
        "SELECT count() FROM (SELECT number AS k FROM numbers(100000000) GROUP BY k)",
    );
    assert_eq!(
        (said.code(), said.status()),
        (241, "500"),
        "{}",
        said.text()
    );
    let said = served.ask("small", "SELECT number FROM numbers(1001)");
    assert_eq!(said.code(), 396, "{}", said.text());
    let said = served.ask(
        "small",
        "SELECT number FROM numbers(1001) SETTINGS max_result_rows = 5000",
    );
    assert_eq!(said.code(), 396, "{}", said.text());
    // One at once: the next waits for its turn, in vain.
    let keys = [key(
        "one",
        Role::Ask,
        Limits {
            at_once: 1,
            ..Limits::default()
        },
    )];
    let address = served
        .serving
        .listen("127.0.0.1:0".parse().unwrap(), &keys, None)
        .unwrap();
    let at = |body: &str| {
        let mut wire = TcpStream::connect(address).unwrap();
        write!(wire, "POST / HTTP/1.0\r\nX-ClickHouse-Key: the key of one, long enough\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        wire
    };
    let slow = at(long);
    served.within_ten_seconds(1);
    let mut answer = String::new();
    at("SELECT 1").read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Code: 202"), "{answer}");
    // Another key is not kept waiting by it.
    assert_eq!(served.answers("ask", "SELECT 1"), "1\n");
    drop(slow);
    served.within_ten_seconds(0);

    let said = served.ask("old", "SELECT 1");
    assert_eq!((said.code(), said.status()), (516, "401"));
    let said = served.said("ask", "", "password=secret", b"SELECT 1");
    assert!(said.text().contains("logs"), "{}", said.text());
}

#[test]
fn answers_are_packed_and_told_of() {
    let Some(served) = Served::start() else {
        return;
    };
    let rows = b"SELECT number FROM numbers(100000)";
    let plain = served.said("ask", "", "", rows);
    for (accept, coding) in [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, zstd", "zstd"),
        ("lz4, gzip", "lz4"),
    ] {
        let header = format!("Accept-Encoding: {accept}\r\n");
        let said = served.said("ask", &header, "enable_http_compression=1", rows);
        assert!(
            said.has(&format!("content-encoding: {coding}")),
            "{}",
            said.head
        );
        assert!(said.body.len() < plain.body.len());
        assert!(decoded_in_test(coding, &said.body) == plain.body);
        assert!(
            !served
                .said("ask", &header, "", rows)
                .has("content-encoding")
        );
        // What fails later is marked within it.
        let said = served.said(
            "ask",
            &header,
            "enable_http_compression=1",
            b"SELECT number, intDiv(1, 9000000 - number) FROM numbers(9500000)",
        );
        assert!(
            said.has("content-encoding"),
            "{} {}",
            said.head,
            said.text()
        );
        let text = String::from_utf8(decoded_in_test(coding, &said.body)).unwrap();
        assert!(said.has("x-clickhouse-exception-tag") && text.ends_with("__exception__\r\n"));
        assert!(text.contains("Code: 153"));
    }
    let said = served.said("ask", "", "wait_end_of_query=1", rows);
    for figure in [
        "\"read_rows\":\"100000\"",
        "\"result_rows\":\"100000\"",
        "\"elapsed_ns\":\"",
    ] {
        assert!(said.has(figure), "{}", said.head);
    }
    for header in [
        "x-clickhouse-timezone: utc",
        "x-clickhouse-server-display-name: invigil",
        "x-clickhouse-format: tabseparated",
    ] {
        assert!(said.has(header), "{}", said.head);
    }
    let late = b"SELECT number, intDiv(1, 100000 - number) FROM numbers(200000)";
    let said = served.said("ask", "", "wait_end_of_query=1", late);
    assert_eq!((said.code(), said.status()), (153, "500"));
    let said = served.said(
        "ask",
        "",
        "wait_end_of_query=1",
        b"SELECT number, number FROM numbers(4000000)",
    );
    assert!(said.has("x-invigil-sent-after: 16777216"), "{}", said.head);
    assert!(said.status() == "200" && said.body.ends_with(b"3999999\t3999999\n"));
    served.within_ten_seconds(0);
    for format in [
        "JSON",
        "JSONCompact",
        "Parquet",
        "ArrowStream",
        "Native",
        "XML",
    ] {
        let address = format!("default_format={format}");
        let said = served.said(
            "ask",
            "",
            &address,
            b"SELECT number, toString(number) FROM numbers(300000)",
        );
        assert!(
            said.status() == "200" && said.body.len() > 100_000,
            "{format}: {}",
            said.head
        );
        match format {
            "JSON" => {
                let json: serde_json::Value = serde_json::from_slice(&said.body).unwrap();
                assert_eq!(json["rows"], 300_000);
            }
            "Parquet" => assert!(said.body.ends_with(b"PAR1")),
            _ => {}
        }
    }
    let said = served.said("ask", "Content-Encoding: snappy\r\n", "", b"x");
    assert_eq!(said.code(), 36);
    // A bomb is read as far as a statement may be long, and no further.
    let bomb = coded_in_test("zstd", &vec![b' '; 64 << 20]);
    let said = served.said("ask", "Content-Encoding: zstd\r\n", "", &bomb);
    assert!(
        bomb.len() < 100_000 && said.text().contains("too long"),
        "{}",
        said.text()
    );
}
