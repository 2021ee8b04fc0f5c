//! What a statement from outside may not do, in disguise, on the socket and through [`Store::answer`].

use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use super::guests::Served;
use super::*;
use crate::store::engine::{coded_in_test, packed_in_test};
use crate::store::unix::SocketOf;

/// A stranger on the socket.
struct Stranger {
    client: Client,
    runtime: Runtime,
}

impl Stranger {
    fn at(scratch: &Scratch) -> Stranger {
        let socket = SocketOf::new(scratch.folder.path()).unwrap();
        let http = HttpClient::builder(TokioExecutor::new()).build(socket);
        Stranger {
            client: Client::with_http_client(http)
                .with_url("http://store.invalid")
                .with_compression(Compression::None),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    fn ask(&self, sql: &str, more: &[(&str, &str)]) -> Result<String, String> {
        let mut query = self.client.query_raw(sql);
        for (name, value) in more {
            query = query.with_setting(*name, *value);
        }
        self.runtime.block_on(async {
            let mut cursor = query.fetch_bytes("CSV").map_err(|e| e.to_string())?;
            let bytes = cursor.collect().await.map_err(|e| e.to_string())?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        })
    }
}

/// Refused by the list, by what the front itself fixes, by the parser, or by `readonly` while it parses: never by chance.
const OURS: &[u32] = &[497, 36, 62, 164];

fn is_refused(scratch: &Scratch, stranger: &Stranger, sql: &str) {
    let said = stranger.ask(sql, &[]).expect_err(sql);
    let code = crate::store::error::code_of(&said).unwrap_or(0);
    assert!(OURS.contains(&code), "{sql}: {said}");
    let mut out = Vec::new();
    match scratch
        .store
        .answer(sql, Content::Revealed, "CSV", &mut out)
    {
        Err(StoreError::NotAllowed(_)) => {}
        Err(other) => assert!(
            other.code().is_some_and(|code| OURS.contains(&code)),
            "{sql}: {other}"
        ),
        Ok(()) => panic!("answered: {sql}"),
    }
    assert!(out.is_empty(), "{sql}");
}

/// Where a table stands.
const TABLE: &[&str] = &[
    "SELECT * FROM @",
    "/* SELECT 1 */ sElEcT -- FROM one\n * fRoM\t@",
    "WITH x AS (SELECT * FROM @) SELECT count() FROM x",
    "WITH (SELECT count() FROM @) AS n SELECT n",
    "SELECT (SELECT count() FROM @)",
    "SELECT 1 WHERE 1 IN (SELECT 1 FROM @)",
    "SELECT 1 UNION ALL (SELECT 2 EXCEPT SELECT 3 FROM @)",
    "SELECT 1; SELECT * FROM @",
    "SELECT 1;;/*;*/ SELECT * FROM @;",
    "DESCRIBE TABLE @",
    "EXPLAIN PLAN SELECT * FROM @",
    "FROM @ SELECT count()",
    "SELECT * FROM view(SELECT * FROM @)",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM @))",
    "SELECT 1 FROM (SELECT 1 AS a) AS a LEFT JOIN @ AS b ON 1",
    "SELECT\u{a0}*\u{3000}FROM\u{2003}@",
    "SELECT * FROM (SELECT * FROM @ SETTINGS readonly = 0)",
    "SELECT * FROM @ SETTINGS readonly = 0",
    "SELECT arrayMap(x -> (SELECT count() FROM @), [1])",
    "(((SELECT * FROM @)))",
    "SELECT 'x' AS `a)\n    Function count (alias b` FROM @",
];

const TABLES: &[&str] = &[
    "file('/etc/passwd', 'LineAsString')",
    "FILE('/etc/passwd', 'LineAsString')",
    "`file`('/etc/passwd', 'LineAsString')",
    "default.`/etc/passwd`",
    "url('http://127.0.0.1:9/', 'CSV', 'a String')",
    "s3('http://127.0.0.1:9/b/k', 'CSV', 'a String')",
    "remote('127.0.0.1', system, one)",
    "remoteSecure('127.0.0.1', system, one)",
    "executable('id', 'TSV', 'a String')",
    "sqlite('/etc/passwd', 't')",
    "mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "postgresql('127.0.0.1:9', 'd', 't', 'u', 'p')",
    "hdfs('hdfs://127.0.0.1:9/x', 'CSV', 'a String')",
    "deltaLakeLocal('/etc')",
    "fileCluster('c', '/etc/passwd', 'LineAsString')",
    "cluster('default', system.one)",
    "merge('invigil', 'web.*')",
    "loop(invigil.web_hits)",
    "mergeTreeIndex('invigil', 'web_hits')",
    "dictionary('d')",
    "eval('SELECT 1')",
    "system.processes",
    "system.query_log",
    "system.disks",
    "information_schema.tables",
];

/// Where a value stands.
const VALUE: &[&str] = &[
    "SELECT @",
    "SELECT/**/upper(toString(coalesce(NULL, @)))",
    "WITH @ AS q SELECT q",
    "SELECT arrayMap(x -> @, [1])",
    "SELECT 1 FROM numbers(1) ORDER BY @",
    "SELECT 1 FROM numbers(1) WHERE notEmpty(toString(@))",
    "SELECT count() FROM numbers(1) GROUP BY number HAVING @ = ''",
    "SELECT sum(number) OVER (PARTITION BY @) FROM numbers(1)",
    "SELECT * APPLY(x -> @) FROM numbers(1)",
    "SELECT * REPLACE(@ AS number) FROM numbers(1)",
    "EXPLAIN SYNTAX SELECT @",
    "SELECT CASE WHEN 1 THEN @ END",
    "SHOW TABLES WHERE @ != ''",
    "SELECT * FROM values('a String', @)",
    "SELECT number FROM numbers(1) LIMIT 1 BY @",
    "SELECT 1 AS a FROM numbers(1) ORDER BY a WITH FILL INTERPOLATE (b AS @)",
    "SELECT 1 INTERSECT SELECT @",
    "SELECT 1; SELECT @",
];

const VALUES: &[&str] = &[
    "file('/etc/passwd')",
    "FiLe ('/etc/passwd')",
    "`file`('/etc/passwd')",
    "dictGet('d', 'a', 1)",
    "joinGet('j', 'a', 1)",
    "getMacro('m')",
    "getServerSetting('path')",
    "sleep(1)",
    "reverseDNSQuery('192.0.2.1')",
    "aiGenerate('c', 'x')",
    "catboostEvaluate('/m', 1)",
    "filesystemAvailable()",
    "hasColumnInTable('invigil', 'web_hits', 'host')",
    "showCertificate()",
    "addressToLine(1)",
];

/// Around a whole statement.
const WHOLE: &[&str] = &[
    "@",
    "-- SELECT 1\n@",
    "/* SELECT /* 1 */ */ @",
    "SELECT 1; @",
    "SELECT 1;\n\n@;",
    "EXPLAIN @",
    "EXPLAIN AST @",
    "\u{feff}@",
    "\u{a0}\t\r\n @ ;",
    "SELECT 1 PARALLEL WITH @",
    "@ SETTINGS readonly = 0",
    "(@)",
];

/// Whole statements; the clients' tests say them too.
fn wholes() -> Vec<&'static str> {
    include_str!("../../../fixtures/store/FORBIDDEN.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
}

/// Everything in every disguise.
fn disguised() -> Vec<String> {
    let mut all = Vec::new();
    for (disguises, things) in [(TABLE, TABLES), (VALUE, VALUES), (WHOLE, &wholes())] {
        assert!(disguises.len() >= 10);
        for thing in things {
            for disguise in disguises {
                // The parser takes this one for `SELECT explain AS delete`.
                if thing.starts_with("DELETE") && disguise.starts_with("EXPLAIN @") {
                    continue;
                }
                all.push(disguise.replace('@', thing));
            }
        }
    }
    all
}

/// Each statement as one who may work sends it, and in turn on one of the other ways.
#[test]
fn what_is_forbidden_is_refused_on_every_other_way_too() {
    let Some(served) = Served::start() else {
        return;
    };
    let all = disguised();
    assert!(all.len() > 1000, "{}", all.len());
    let in_form = |sql: &str| {
        let part = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n";
        format!("{part}{sql}\r\n--b--\r\n")
    };
    for (at, sql) in all.iter().enumerate() {
        let plain = sql.as_bytes();
        let (name, header, address, body) = match at % 7 {
            0 => ("ask", "", "", plain.to_vec()),
            1 => (
                "ask",
                "Content-Encoding: gzip\r\n",
                "",
                coded_in_test("gzip", plain),
            ),
            2 => (
                "work",
                "Content-Encoding: zstd\r\n",
                "",
                coded_in_test("zstd", plain),
            ),
            3 => ("ask", "", "decompress=1", packed_in_test(plain)),
            4 => ("ask", "", "session_id=s", plain.to_vec()),
            5 => (
                "work",
                "",
                "session_id=t&database=workbench",
                plain.to_vec(),
            ),
            _ => (
                "work",
                "Content-Type: multipart/form-data; boundary=b\r\n",
                "",
                in_form(sql).into_bytes(),
            ),
        };
        for said in [
            served.ask("work", sql),
            served.said(name, header, address, &body),
        ] {
            assert!(OURS.contains(&said.code()), "{sql}: {}", said.text());
        }
    }
    // The same in a session that has a connection of its own, which may write.
    let own = "session_id=own&database=workbench";
    served.said("work", "", own, b"CREATE TEMPORARY TABLE tt (a UInt8)");
    for sql in all.iter().step_by(5) {
        let said = served.said("work", "", own, sql.as_bytes());
        assert!(OURS.contains(&said.code()), "{sql}: {}", said.text());
    }
    assert!(!std::path::Path::new("/tmp/invigil-forbidden").exists());
    let count = served.ask("ask", "SELECT count() FROM web_hits");
    assert_eq!(count.text(), "2\n");
}

#[test]
fn what_is_forbidden_is_refused_in_every_disguise() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let stranger = Stranger::at(&scratch);
    scratch
        .store
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
    for sql in disguised() {
        is_refused(&scratch, &stranger, &sql);
    }
    assert!(!std::path::Path::new("/tmp/invigil-forbidden").exists());
    let count = stranger.ask("SELECT count() FROM web_hits", &[]);
    assert_eq!(count.unwrap(), "1\n");
}

#[test]
fn parameters_and_databases_open_no_door() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let stranger = Stranger::at(&scratch);
    let from = "SELECT * FROM {t:Identifier}";
    for (sql, more) in [
        (from, vec![("param_t", "system.processes")]),
        (from, vec![("param_t", "default./etc/passwd")]),
        (
            "SELECT * FROM {d:Identifier}.{t:Identifier}",
            vec![("param_d", "default"), ("param_t", "/etc/passwd")],
        ),
        (
            "SELECT count() FROM `/etc/passwd`",
            vec![("database", "default")],
        ),
        ("SELECT 1 IN processes", vec![("database", "system")]),
        ("SELECT 1 IN default.`/etc/passwd`", vec![]),
        (
            "SELECT {c:Identifier} FROM web_hits",
            vec![("param_c", "search_terms")],
        ),
        ("SELECT 1", vec![("dialect", "prql")]),
        ("SELECT 1", vec![("readonly", "0")]),
    ] {
        let said = stranger.ask(sql, &more).expect_err(sql);
        let code = crate::store::error::code_of(&said).unwrap_or(0);
        assert!([497, 36].contains(&code), "{sql}: {said}");
    }
    let said = stranger
        .ask("SELECT count() FROM `/etc/passwd`", &[])
        .unwrap_err();
    assert!(said.contains("UNKNOWN_TABLE"), "{said}");
}

#[test]
fn questions_are_answered() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let stranger = Stranger::at(&scratch);
    scratch
        .store
        .insert(web_hits(), hits(&["a.example", "b.example"]), None)
        .unwrap();
    for (sql, answer) in [
        ("SELECT count(*) FROM v_web_hits", "2\n"),
        ("select HOST from invigil.web_hits", ""),
        (
            "SELECT host FROM web_hits ORDER BY host LIMIT 1; -- done",
            "\"a.example\"\n",
        ),
        (
            "SELECT 'into outfile; DROP' AS x, 'a\nb'",
            "\"into outfile; DROP\",\"a\nb\"\n",
        ),
        (
            "WITH t AS (SELECT host, count() AS n FROM web_hits GROUP BY host) SELECT sum(n), uniqExactIf(host, n > 0) FROM t",
            "2,2\n",
        ),
        (
            "SELECT number FROM numbers(3) WHERE number IN (1, 2) ORDER BY number DESC SETTINGS max_threads = 1",
            "2\n1\n",
        ),
        (
            "SELECT arrayMap(x -> x + 1, [1, 2]), if(1, 'a', 'b'), toDate('2026-01-02')::String",
            "\"[2,3]\",\"a\",\"2026-01-02\"\n",
        ),
        (
            "SELECT sum(number) OVER (ORDER BY number) FROM numbers(2)",
            "0\n1\n",
        ),
        (
            "SELECT count() > 0 FROM system.columns WHERE database = 'invigil'",
            "1\n",
        ),
        ("SELECT {x:String}", "\"it's\"\n"),
    ] {
        let got = stranger.ask(sql, &[("param_x", "it's")]);
        match answer {
            "" => assert!(got.unwrap_err().contains("UNKNOWN_IDENTIFIER"), "{sql}"),
            answer => assert_eq!(got.as_deref(), Ok(answer), "{sql}"),
        }
    }
}

#[test]
fn content_is_masked_without_a_reveal() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let stranger = Stranger::at(&scratch);
    scratch
        .store
        .insert(web_hits(), hits(&["a.example"]), None)
        .unwrap();
    for sql in [
        "SELECT * FROM web_hits",
        "SELECT w.* FROM invigil.v_web_hits AS w",
        "SELECT * EXCEPT (host) FROM web_hits",
        "SELECT COLUMNS('sea') FROM web_hits",
        "SELECT w.COLUMNS('sea') FROM web_hits AS w",
        "SELECT COLUMNS(path) FROM web_hits",
        "SELECT search_terms FROM web_hits",
        "SELECT `w`.`search_terms`.size FROM web_hits AS w",
        "SELECT count() FROM web_hits WHERE path LIKE '%a%'",
        "SELECT host FROM web_hits ORDER BY query",
        "SELECT p FROM web_hits AS t(p, q)",
        "SELECT x FROM (SELECT * FROM web_hits) AS t(x)",
        "SELECT (SELECT any(path) FROM web_hits)",
        "SELECT tuple(*) FROM web_hits",
        "SELECT count() FROM web_hits JOIN (SELECT '' AS path) AS u USING (path)",
        "SELECT count() FROM web_hits NATURAL JOIN (SELECT '' AS path) AS u",
        "SELECT count() FROM web_hits NATURAL JOIN invigil.v_web_hits",
        "SELECT count() FROM web_hits natural /* */ left outer join values('path String', '') AS v",
        "SELECT count() FROM (SELECT 1 AS one) AS o, (SELECT count() FROM web_hits NATURAL JOIN values('path String', '') AS v) AS w",
        "SELECT 1 IN web_hits",
        "SELECT 1 IN invigil.v_web_hits",
        "SELECT http_path FROM flows",
    ] {
        let said = stranger.ask(sql, &[]).expect_err(sql);
        assert!(said.contains("which is content"), "{sql}: {said}");
        let masked = scratch
            .store
            .answer(sql, Content::Masked, "CSV", &mut Vec::new());
        assert!(
            matches!(masked, Err(StoreError::NotAllowed(Refused::Content { .. }))),
            "{sql}"
        );
    }
    let mut out = Vec::new();
    let path = "SELECT host, path FROM web_hits";
    scratch
        .store
        .answer(path, Content::Revealed, "CSV", &mut out)
        .unwrap();
    assert_eq!(out, b"\"a.example\",\"\"\n");
}

/// A view may not give a column of class content another name: masking goes by name.
#[test]
fn views_keep_the_names_of_content() {
    for sql in crate::store::queries::VIEWS {
        for table in crate::record::EVENT_TABLES {
            let content = table
                .columns
                .iter()
                .filter(|column| column.class == crate::record::Class::Content);
            let reads = format!("FROM {} AS e\n", table.name);
            for column in content.filter(|_| sql.text().contains(&reads)) {
                let uses = sql.text().matches(&format!("e.{}", column.name)).count();
                let kept = sql
                    .text()
                    .matches(&format!("e.{0} AS {0},", column.name))
                    .count();
                assert!(
                    sql.id().ends_with(table.name) && uses >= kept,
                    "{}",
                    sql.id()
                );
                assert_eq!(kept, 1, "{}: {}", sql.id(), column.name);
            }
        }
    }
}
