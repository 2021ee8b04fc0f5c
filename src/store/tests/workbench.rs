//! The one place where a guest may keep tables: what works there, and that nothing beside it can be reached from there.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::guests::Served;
use super::*;
use crate::store::engine::{coded_in_test, packed_in_test};
use crate::store::scratch::entered;

#[test]
fn a_worker_works_in_the_workbench_and_what_he_does_is_entered() {
    let Some(served) = Served::start() else {
        return;
    };
    let work = |sql: &str| served.answers("work", sql);
    work(
        "CREATE TABLE workbench.t (a UInt64, s LowCardinality(String) DEFAULT upper(toString(a)) CODEC(ZSTD(1)), e Tuple(x UInt8), d DateTime64(3, 'UTC'), INDEX i s TYPE bloom_filter GRANULARITY 1) ENGINE = MergeTree PARTITION BY a % 4 ORDER BY (a, s)",
    );
    assert_eq!(entered(), ["work [] true"]);
    const POLICY: Sql = Sql::embedded(
        "test/policy",
        "SELECT storage_policy FROM system.tables WHERE database = 'workbench'",
    );
    let policy = served.serving.store().bytes(POLICY, &Params::new(), "CSV");
    assert_eq!(policy.unwrap(), b"\"enc\"\n");

    work("INSERT INTO workbench.t (a, s) VALUES (1, 'one'), (2, 'two')");
    work("INSERT INTO workbench.t (a, s) FORMAT CSV\n3,three\n");
    let into = "query=INSERT+INTO+t+(a,s)+FORMAT+CSV&database=workbench";
    let said = served.said("work", "", into, b"4,four\n");
    assert!(said.has("\"written_rows\":\"1\""), "{}", said.head);
    let mut rows = 4;
    for coding in ["gzip", "deflate", "zstd", "lz4"] {
        let header = format!("Content-Encoding: {coding}\r\n");
        let many: String = (0..200_000).map(|n| format!("{n},x\n")).collect();
        let body = coded_in_test(coding, many.as_bytes());
        let said = served.said("work", &header, into, &body);
        assert!(said.has("\"written_rows\":\"200000\""), "{}", said.text());
        // A body that breaks off is stored in no part.
        let said = served.said("work", &header, into, &body[..body.len() / 2]);
        assert_eq!(said.code(), 36, "{coding}: {}", said.text());
        rows += 200_000;
    }
    let blocks = packed_in_test("7,seven\n".repeat(300_000).as_bytes());
    served.said("work", "", &format!("{into}&decompress=1"), &blocks);
    let mut damaged = blocks;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let said = served.said("work", "", &format!("{into}&decompress=1"), &damaged);
    assert!(said.text().contains("checksum"), "{}", said.text());
    rows += 300_000;
    assert_eq!(work("SELECT count() FROM workbench.t"), format!("{rows}\n"));

    entered();
    work(
        "CREATE TABLE workbench.hosts ENGINE = Memory AS SELECT host, 'a' AS x FROM web_hits WHERE host != ''",
    );
    work(
        "CREATE VIEW workbench.v AS SELECT host, count() AS n FROM invigil.v_web_hits GROUP BY host",
    );
    work("INSERT INTO workbench.hosts SELECT host, 'b' FROM invigil.web_hits");
    assert_eq!(
        entered(),
        [
            "work [\"web_hits\"] true",
            "work [\"v_web_hits\"] true",
            "work [\"web_hits\"] true"
        ]
    );
    assert_eq!(
        served.answers("ask", "SELECT count() FROM workbench.hosts"),
        "4\n"
    );
    assert_eq!(
        served.answers("ask", "SELECT sum(n) FROM workbench.v"),
        "2\n"
    );
    assert_eq!(entered(), ["ask [\"another\"] false"; 2]);
    // A bare name is what it is where it is looked up.
    work("CREATE TABLE workbench.web_hits (a UInt8) ENGINE = Memory");
    let count = b"SELECT count() FROM web_hits";
    let there = served.said("ask", "", "database=workbench", count);
    assert_eq!(there.text(), "0\n");
    let held = "session_id=here&database=workbench";
    assert_eq!(served.said("ask", "", held, count).text(), "0\n");
    assert_eq!(entered()[1..], ["ask [\"another\"] false"; 2]);
    // Names of content that are not said: a dictionary of guesses would tell which of them are there.
    work("CREATE TABLE workbench.guesses (path String) ENGINE = Memory");
    for guess in [
        "SELECT count() FROM invigil.web_hits NATURAL JOIN workbench.guesses",
        "INSERT INTO workbench.hosts SELECT host, 'c' FROM invigil.web_hits NATURAL JOIN workbench.guesses",
        "CREATE VIEW workbench.w AS SELECT host FROM invigil.web_hits NATURAL LEFT JOIN workbench.guesses",
    ] {
        let said = served.ask("work", guess);
        assert!(
            said.text().contains("which is content"),
            "{guess}: {}",
            said.text()
        );
    }
    entered();
    for end in [
        "TRUNCATE TABLE workbench.t",
        "DROP TABLE IF EXISTS workbench.t SYNC",
        "DROP VIEW workbench.v",
    ] {
        work(end);
    }
    assert_eq!(served.ask("work", "SELECT 1 FROM workbench.t").code(), 60);
    assert_eq!(served.answers("ask", "SELECT count() FROM web_hits"), "2\n");
}

#[test]
fn what_is_outside_the_workbench_stays_as_it_is() {
    let Some(served) = Served::start() else {
        return;
    };
    served.answers(
        "work",
        "CREATE TABLE workbench.t (a String) ENGINE = MergeTree ORDER BY a",
    );
    for sql in [
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "CREATE TABLE workbench.u (a UInt8)",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = File(CSV, '/tmp/invigil-forbidden')",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = File('CSV')",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = URL('http://127.0.0.1:9/', CSV)",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = Log",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = Distributed(c, invigil, web_hits)",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = Merge('invigil', 'web.*')",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = Buffer(invigil, web_hits, 1, 1, 1, 1, 1, 1, 1)",
        "CREATE TABLE workbench.u (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS storage_policy = 'default'",
        "CREATE TABLE workbench.u (a DateTime) ENGINE = MergeTree ORDER BY a TTL a + INTERVAL 1 DAY TO DISK 'raw'",
        "CREATE TABLE workbench.u (a String DEFAULT file('/etc/passwd')) ENGINE = Memory",
        "CREATE TABLE workbench.u (a String MATERIALIZED dictGet('d', 'x', 1)) ENGINE = Memory",
        "CREATE TABLE workbench.u (a String DEFAULT 'a text') ENGINE = Memory",
        "CREATE TABLE workbench.u (a Enum8('a text' = 1)) ENGINE = Memory",
        "CREATE TABLE workbench.u (a String COMMENT 'a text') ENGINE = Memory",
        "CREATE TABLE workbench.u (a String) ENGINE = Memory COMMENT 'a text'",
        "CREATE TABLE workbench.u (a String CODEC(AES_128_GCM_SIV)) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE workbench.u (a UInt8, PROJECTION p (SELECT a)) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE workbench.u (a UInt8 DEFAULT (SELECT 1)) ENGINE = Memory",
        "CREATE TABLE workbench.u AS invigil.web_hits",
        "CREATE TABLE workbench.u AS invigil.web_hits ENGINE = Memory",
        "CREATE TABLE workbench.u CLONE AS invigil.web_hits ENGINE = MergeTree ORDER BY time",
        "CREATE TABLE workbench.u AS file('/etc/passwd')",
        "CREATE TABLE workbench.u (a UInt8) AS file('/etc/passwd')",
        "CREATE TABLE workbench.u ON CLUSTER c (a UInt8) ENGINE = Memory",
        "CREATE TABLE workbench.u UUID '00000000-0000-0000-0000-000000000001' (a UInt8) ENGINE = Memory",
        "CREATE TABLE workbench.`../u` (a UInt8) ENGINE = Memory",
        "CREATE TABLE `workbench.u`.v (a UInt8) ENGINE = Memory",
        "CREATE TABLE workbench.u ENGINE = Memory AS SELECT path FROM invigil.web_hits",
        "CREATE TABLE workbench.u ENGINE = Memory AS SELECT * FROM invigil.web_hits",
        "CREATE TABLE workbench.u ENGINE = Memory AS SELECT * FROM file('/etc/passwd')",
        "CREATE VIEW workbench.u AS SELECT search_terms AS s FROM invigil.web_hits",
        "CREATE VIEW workbench.u AS SELECT host FROM invigil.web_hits WHERE host = 'a.example'",
        "CREATE VIEW workbench.u SQL SECURITY NONE AS SELECT 1",
        "CREATE MATERIALIZED VIEW workbench.u TO workbench.t AS SELECT host AS a FROM invigil.web_hits",
        "CREATE MATERIALIZED VIEW workbench.u ENGINE = Memory AS SELECT host FROM invigil.web_hits",
        "CREATE WINDOW VIEW workbench.u ENGINE = Memory AS SELECT 1",
        "CREATE VIEW invigil.u AS SELECT 1",
        "CREATE OR REPLACE VIEW invigil.v_web_hits AS SELECT 1",
        "CREATE OR REPLACE TABLE invigil.web_hits (a UInt8) ENGINE = Memory",
        "REPLACE TABLE workbench.t (a UInt8) ENGINE = Memory",
        "CREATE DATABASE other",
        "CREATE FUNCTION f AS x -> x",
        "CREATE DICTIONARY workbench.d (a UInt64) PRIMARY KEY a SOURCE(FILE(path '/etc/passwd' format 'CSV')) LAYOUT(FLAT())",
        "CREATE TEMPORARY TABLE t (a UInt8) ENGINE = File(CSV)",
        "ATTACH TABLE workbench.u FROM '/etc' (a UInt8) ENGINE = File(CSV)",
        "INSERT INTO web_hits (host) VALUES ('x')",
        "INSERT INTO invigil.web_hits (host) FORMAT CSV\nx\n",
        "INSERT INTO FUNCTION file('/tmp/invigil-forbidden', 'CSV', 'a String') FORMAT CSV\nx\n",
        "INSERT INTO TABLE FUNCTION remote('127.0.0.1', workbench, t) VALUES ('x')",
        "INSERT INTO workbench.t FROM INFILE '/etc/passwd' FORMAT LineAsString",
        "INSERT INTO workbench.t SETTINGS input_format_values_interpret_expressions = 1 VALUES (file('/etc/passwd'))",
        "INSERT INTO workbench.t SELECT path FROM invigil.web_hits",
        "INSERT INTO workbench.t SELECT * FROM file('/etc/passwd', LineAsString)",
        "INSERT INTO workbench.t (* EXCEPT a) FORMAT CSV\nx\n",
        "WITH (SELECT any(path) FROM invigil.web_hits) AS p INSERT INTO workbench.t SELECT p",
        "DROP TABLE invigil.web_hits",
        "DROP TABLE web_hits",
        "DROP TABLE workbench.t, invigil.web_hits",
        "DROP DATABASE workbench",
        "DROP TABLE workbench.t ON CLUSTER c",
        "DROP VIEW invigil.v_web_hits",
        "TRUNCATE TABLE invigil.web_hits",
        "TRUNCATE ALL TABLES FROM workbench",
        "DETACH TABLE workbench.t",
        "UNDROP TABLE workbench.t",
        "ALTER TABLE workbench.t ADD COLUMN b UInt8",
        "ALTER TABLE workbench.t ATTACH PARTITION ID 'x' FROM invigil.web_hits",
        "RENAME TABLE workbench.t TO invigil.t",
        "EXCHANGE TABLES workbench.t AND invigil.web_hits",
        "OPTIMIZE TABLE workbench.t",
    ] {
        let said = served.ask("work", sql);
        assert!(
            [497, 36, 62, 164, 456].contains(&said.code()),
            "{sql}: {}",
            said.text()
        );
    }
    let said = served.ask(
        "work",
        "INSERT INTO workbench.t VALUES (file('/etc/passwd'))",
    );
    assert_ne!(said.status(), "200", "an expression was evaluated");
    let said = served.said(
        "work",
        "",
        "param_t=web_hits&param_d=invigil",
        b"INSERT INTO {d:Identifier}.{t:Identifier} (host) VALUES ('x')",
    );
    assert_ne!(said.status(), "200", "{}", said.text());
    let mut wire = TcpStream::connect(served.address).unwrap();
    wire.write_all(b"GET /?query=DROP+TABLE+workbench.t HTTP/1.0\r\nX-ClickHouse-Key: the key of work, long enough\r\n\r\n").unwrap();
    let mut answer = String::new();
    wire.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Code: 497"), "{answer}");
    for sql in [
        "CREATE TABLE workbench.u (a UInt8) ENGINE = Memory",
        "DROP TABLE workbench.t",
        "INSERT INTO workbench.t VALUES ('x')",
    ] {
        assert_eq!(served.ask("ask", sql).code(), 497, "{sql}");
    }
    assert_eq!(
        served.answers("ask", "SELECT count() FROM workbench.t"),
        "0\n"
    );
    assert_eq!(served.answers("ask", "SELECT count() FROM web_hits"), "2\n");
    assert!(!std::path::Path::new("/tmp/invigil-forbidden").exists());
    // Definitions lie in clear: nothing of a text came into one.
    let planted = |word: &str| crate::store::tests::at_rest::holds(served.folder.path(), word);
    assert!(!planted("a text") && !planted("a.example"));
}
