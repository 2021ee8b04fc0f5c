//! What is different with a server: it can be away, crowded, slow, old, somebody else, or let us only read.
//!
//! An engine behind an address shows what it can; what it can not be made to show is told by a listener that says
//! prepared bytes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::*;
use crate::store::client::Caller;
use crate::store::version;

/// A listener that gives each connection the next of some answers, whatever it is asked.
struct Prepared {
    url: String,
}

/// What is said to one connection.
enum Said {
    /// These bytes, and the connection ends.
    Bytes(String),
    /// These bytes, and then nothing more for long.
    Silence(String),
}

impl Prepared {
    fn says(answers: Vec<Said>) -> Prepared {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::Builder::new()
            .spawn(move || {
                let mut silent = Vec::new();
                for answer in answers {
                    let (mut client, _) = listener.accept().unwrap();
                    whole_request(&mut client);
                    match answer {
                        Said::Bytes(bytes) => client.write_all(bytes.as_bytes()).unwrap(),
                        Said::Silence(bytes) => {
                            client.write_all(bytes.as_bytes()).unwrap();
                            silent.push(client);
                        }
                    }
                }
                // Held until whoever waits has lost patience and gone.
                for mut client in silent {
                    drop(client.read_to_end(&mut Vec::new()));
                }
            })
            .unwrap();
        Prepared { url }
    }

    fn settings(&self) -> Server {
        Server {
            compressed: false,
            patience: Patience {
                connect: Duration::from_secs(5),
                answer: Duration::from_millis(300),
                between: Duration::from_millis(300),
            },
            ..Server::at(&self.url, None, None, None)
        }
    }

    fn caller(&self) -> Caller {
        Caller::of_server(&self.settings(), true).unwrap()
    }
}

/// Reads a request to its end, as a listener that hangs up earlier is another story. One that begins with keys is read no further.
fn whole_request(client: &mut impl Read) -> Vec<u8> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(end) = read.windows(4).position(|at| at == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
            let body = &read[end + 4..];
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.trim().parse().ok());
            let is_whole = match length {
                Some(length) => body.len() >= length,
                None => !head.contains("transfer-encoding") || body.ends_with(b"0\r\n\r\n"),
            };
            if is_whole {
                return read;
            }
        }
        match client.read(&mut piece) {
            Ok(0) | Err(_) => return read,
            Ok(length) => read.extend_from_slice(&piece[..length]),
        }
        if read.first() == Some(&TLS) {
            return read;
        }
    }
}

/// How a client that speaks TLS begins.
const TLS: u8 = 22;

/// An address that passes questions on to another and refuses the rest as ClickHouse does for a user with `readonly`.
/// The engine has no users, so this one is played.
fn for_a_reader(url: &str) -> String {
    let behind = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::Builder::new()
        .spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                let request = whole_request(&mut client);
                let text = String::from_utf8_lossy(&request);
                let (_, statement) = text.split_once("\r\n\r\n").unwrap_or_default();
                // With values the statement is a part of a form: its first word in capitals tells what it is.
                let first = statement
                    .lines()
                    .filter_map(|line| line.split(' ').next())
                    .find(|word| ["SELECT", "WITH", "INSERT", "CREATE", "ALTER"].contains(word));
                if matches!(first, Some("SELECT" | "WITH")) {
                    let mut engine = TcpStream::connect(&behind).unwrap();
                    let closing = text.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                    engine.write_all(closing.as_bytes()).unwrap();
                    drop(std::io::copy(&mut engine, &mut client));
                } else {
                    let word = refusal(164, "Cannot execute query in readonly mode. (READONLY)");
                    client.write_all(word.as_bytes()).unwrap();
                }
            }
        })
        .unwrap();
    url
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

const OURS: &str = "X-ClickHouse-Query-Id: a\r\n";

fn refusal(code: u32, text: &str) -> String {
    answer(
        "500 Internal Server Error",
        &format!("X-ClickHouse-Exception-Code: {code}\r\n"),
        &format!("Code: {code}. DB::Exception: {text}"),
    )
}

/// A failure after the first rows, as ClickHouse marks it.
fn late() -> String {
    let message = "Code: 395. DB::Exception: late. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)\n";
    let tag = "abcdefghijklmnop";
    let mark = format!(
        "\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n",
        message.len()
    );
    format!(
        "HTTP/1.1 200 OK\r\n{OURS}X-ClickHouse-Exception-Tag: {tag}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n{:x}\r\n{mark}\r\n",
        mark.len()
    )
}

/// What happens, what the program says of it, whether another try is worth it, whether rows may wait.
type Case = (&'static str, Said, &'static str, bool, bool);

fn cases() -> Vec<Case> {
    use Said::{Bytes, Silence};
    let page = "<html><title>Sign in</title></html>";
    let chunked =
        "HTTP/1.1 200 OK\r\nX-ClickHouse-Query-Id: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    vec![
        (
            "a guest network's page",
            Bytes(answer("200 OK", "", page)),
            "no ClickHouse server (it says 200)",
            false,
            true,
        ),
        (
            "a proxy without its server",
            Bytes(answer("502 Bad Gateway", "", page)),
            "(it says 502)",
            true,
            true,
        ),
        (
            "a proxy that is crowded",
            Bytes(answer("503 Service Unavailable", "", "")),
            "(it says 503)",
            true,
            true,
        ),
        (
            "something else",
            Bytes(answer("404 Not Found", "Server: x\r\n", "no")),
            "(it says 404)",
            false,
            true,
        ),
        (
            "no HTTP",
            Bytes("+PONG\r\n".to_owned()),
            "does not answer",
            true,
            true,
        ),
        (
            "nothing",
            Bytes(String::new()),
            "does not answer",
            true,
            true,
        ),
        (
            "silence",
            Silence(String::new()),
            "did not answer within 0 seconds",
            true,
            true,
        ),
        (
            "half an answer",
            Bytes(answer("200 OK", OURS, "abc").replace("Length: 3", "Length: 9")),
            "does not answer",
            true,
            true,
        ),
        (
            "an answer without its end",
            Bytes(format!("{chunked}3\r\nabc\r\n")),
            "does not answer",
            true,
            true,
        ),
        (
            "too many parts",
            Bytes(refusal(252, "Too many parts (3000). (TOO_MANY_PARTS)")),
            "code 252, TOO_MANY_PARTS",
            true,
            true,
        ),
        (
            "too many questions",
            Bytes(refusal(202, "Too many. (TOO_MANY_SIMULTANEOUS_QUERIES)")),
            "code 202",
            true,
            true,
        ),
        (
            "no memory left",
            Bytes(refusal(
                241,
                "(total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)",
            )),
            "code 241",
            true,
            true,
        ),
        (
            "too large a question",
            Bytes(refusal(
                241,
                "Query memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)",
            )),
            "code 241",
            false,
            true,
        ),
        (
            "a full disk",
            Bytes(refusal(243, "Cannot reserve. (NOT_ENOUGH_SPACE)")),
            "code 243",
            false,
            true,
        ),
        (
            "a replica without its Keeper",
            Bytes(refusal(
                242,
                "Table is in readonly mode. (TABLE_IS_READ_ONLY)",
            )),
            "code 242",
            true,
            true,
        ),
        (
            "a wrong password",
            Bytes(refusal(
                516,
                "invigil: Authentication failed. (AUTHENTICATION_FAILED)",
            )),
            "code 516, AUTHENTICATION_FAILED",
            false,
            true,
        ),
        (
            "a wrong database",
            Bytes(refusal(
                81,
                "Database nope does not exist. (UNKNOWN_DATABASE)",
            )),
            "nope does not exist",
            false,
            false,
        ),
        (
            "a failure that comes late",
            Bytes(late()),
            "code 395, FUNCTION_THROW_IF_VALUE_IS_NON_ZERO",
            false,
            false,
        ),
    ]
}

#[test]
fn each_failure_has_its_word_for_questions_and_for_rows() {
    for rows in [false, true] {
        for (name, said, words, again, away) in cases() {
            let caller = Prepared::says(vec![said]).caller();
            let params = Params::new();
            let call = Call {
                what: "test/x",
                sql: "SELECT 1",
                params: &params,
            };
            let done = if rows {
                let rows = std::iter::once(Bytes::from_static(b"rows"));
                caller.insert(
                    "rows",
                    "INSERT INTO t FORMAT RowBinary".to_owned(),
                    rows,
                    &[],
                )
            } else {
                caller.ask(&call, "TSV", &mut |_| Ok(()))
            };
            let error = done.map_or_else(|error| error, |()| panic!("{name}: taken for done"));
            let text = error.to_string();
            assert!(text.contains(words), "{name}: {text}");
            assert_eq!(error.is_worth_another_try(), again, "{name}: {text}");
            assert_eq!(error.is_away(), away, "{name}: {text}");
        }
    }
}

#[test]
fn an_answer_that_stops_in_the_middle_is_waited_for_and_then_given_up() {
    let head = answer("200 OK", OURS, "1\n").replace("Length: 2", "Length: 900");
    let caller = Prepared::says(vec![Said::Silence(head)]).caller();
    let params = Params::new();
    let call = Call {
        what: "test/x",
        sql: "SELECT 1",
        params: &params,
    };
    let mut got = Vec::new();
    let error = caller.ask(&call, "TSV", &mut |piece| {
        got.extend_from_slice(piece);
        Ok(())
    });
    assert!(matches!(error, Err(StoreError::Slow { .. })), "{error:?}");
    assert_eq!(got, b"1\n");
}

#[test]
fn names_that_lead_nowhere_and_servers_without_tls_are_told_apart() {
    let at = |url: &str| {
        let settings = StoreSettings::Server(Server::at(url, None, None, None));
        Store::open(&settings).unwrap_err()
    };
    let nobody = at("http://127.0.0.1:9");
    assert!(matches!(nobody, StoreError::Unreachable { .. }), "{nobody}");
    assert!(nobody.is_away());
    let nowhere = at("http://nowhere.invalid:8123");
    assert!(nowhere.is_worth_another_try(), "{nowhere}");
    let plain = Prepared::says(vec![Said::Bytes(answer("400 Bad Request", "", ""))]);
    let plain = at(&plain.url.replace("http:", "https:"));
    assert!(matches!(plain, StoreError::NotTrusted { .. }), "{plain}");
    let odd = at("clickhouse");
    assert!(matches!(odd, StoreError::Settings(_)), "{odd}");
}

/// Says prepared bytes to each who comes, with keys.
fn behind_tls(said: String) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/store");
    let certificate = CertificateDer::from_pem_file(fixtures.join("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixtures.join("server.key")).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::Builder::new()
        .spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let keys = rustls::ServerConnection::new(config.clone()).unwrap();
                let mut client = rustls::StreamOwned::new(keys, client);
                // Whoever does not trust us goes before it asks anything.
                if !whole_request(&mut client).is_empty() {
                    client.write_all(said.as_bytes()).unwrap();
                    client.conn.send_close_notify();
                    drop(client.flush());
                }
            }
        })
        .unwrap();
    port
}

#[test]
fn a_server_is_trusted_by_its_authority_and_its_name_alone() {
    let body = "{\"version\":\"26.7.2.1\",\"quotes\":0,\"zone\":\"UTC\"}\n";
    let port = behind_tls(answer("200 OK", OURS, body));
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/store");
    let greeted = |host: &str, trusted: Option<&str>| {
        let server = Server::at(&format!("https://{host}:{port}"), None, None, None);
        version::greet(&Server {
            trusted: trusted.map(|file| fixtures.join(file)),
            compressed: false,
            ..server
        })
        .map(|_| ())
    };
    greeted("127.0.0.1", Some("authority.pem")).unwrap();
    for (host, trusted, words) in [
        ("127.0.0.1", None, "UnknownIssuer"),
        ("localhost", Some("authority.pem"), "not valid for name"),
    ] {
        let error = greeted(host, trusted).unwrap_err();
        assert!(matches!(error, StoreError::NotTrusted { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.is_away() && !error.is_worth_another_try());
    }
    for file in ["nowhere.pem", "INDEX.tsv"] {
        let error = greeted("127.0.0.1", Some(file)).unwrap_err();
        assert!(matches!(error, StoreError::Settings(_)), "{error}");
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn a_server_says_its_version_and_it_must_be_one_that_is_known() {
    let greeted = |answers: &[String]| {
        let answers = answers.iter().cloned().map(Said::Bytes).collect();
        version::greet(&Prepared::says(answers).settings())
    };
    let says = |version: &str, quotes: u8| {
        let body = format!("{{\"version\":\"{version}\",\"quotes\":{quotes},\"zone\":\"UTC\"}}\n");
        answer("200 OK", OURS, &body)
    };
    assert!(greeted(&[says("26.7.2.1", 0)]).unwrap().notices.is_empty());
    let newer = greeted(&[says("27.1.1.1", 0)]).unwrap().notices;
    assert!(newer[0].contains("27.1.1.1"), "{newer:?}");
    let word = |answers: &[String]| greeted(answers).err().unwrap().to_string();
    assert!(word(&[says("24.3.5.46", 0)]).contains("version 24.3.5.46: that is too old"));
    assert!(word(&[says("dev", 0)]).contains("no version of ClickHouse's"));
    // A user who may set nothing is asked again without settings; then the profile has to be right.
    let may_not = refusal(
        164,
        "Cannot modify 'session_timezone' setting in readonly mode. (READONLY)",
    );
    assert!(greeted(&[may_not.clone(), says("26.7.2.1", 0)]).is_ok());
    assert!(word(&[may_not, says("26.7.2.1", 1)]).contains("readonly = 2"));
}

#[test]
fn the_codes_are_called_as_the_engine_calls_them() {
    let Some(scratch) = Scratch::open() else {
        return;
    };
    const NAMES: Sql = Sql::embedded(
        "test/names",
        "SELECT arrayMap(code -> errorCodeToName(code), {codes:Array(UInt32)})",
    );
    let (codes, names): (Vec<u32>, Vec<&str>) = error::codes().unzip();
    let params = Params::new().numbers("codes", codes);
    let answer = scratch
        .store
        .bytes(NAMES, &params, "JSONCompactEachRow")
        .unwrap();
    let found: Vec<Vec<String>> = serde_json::from_slice(&answer).unwrap();
    assert_eq!(found[0], names);
}

/// One breaks off, and the next is answered.
#[test]
fn a_question_is_asked_again_and_a_statement_that_changes_something_is_not() {
    let Some(scratch) = Scratch::at_an_address() else {
        return;
    };
    let server = scratch.server.as_ref().unwrap();
    let (url, breaks) = that_breaks_off(&server.url);
    let store = Store::open(&StoreSettings::Server(Server {
        url,
        ..server.settings()
    }))
    .unwrap();
    let breaks_off = || breaks.store(true, std::sync::atomic::Ordering::SeqCst);
    const COUNT: Sql = Sql::embedded("test/count", "SELECT count() FROM web_hits");
    breaks_off();
    assert_eq!(store.bytes(COUNT, &Params::new(), "TSV").unwrap(), b"0\n");
    breaks_off();
    store
        .insert(web_hits(), hits(&["a.example"]), Some("a"))
        .unwrap();
    assert_eq!(store.bytes(COUNT, &Params::new(), "TSV").unwrap(), b"1\n");
    breaks_off();
    assert!(
        store
            .insert(web_hits(), hits(&["b.example"]), None)
            .is_err()
    );
    const COPY: Sql = Sql::embedded("test/copy", "INSERT INTO web_hits SELECT * FROM web_hits");
    breaks_off();
    assert!(store.run(COPY, &Params::new()).is_err());
    assert_eq!(store.bytes(COUNT, &Params::new(), "TSV").unwrap(), b"1\n");
}

/// An address that passes on to another, and hangs up on the next who comes when it is told to.
fn that_breaks_off(url: &str) -> (String, std::sync::Arc<std::sync::atomic::AtomicBool>) {
    let behind = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let breaks = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = breaks.clone();
    std::thread::Builder::new()
        .spawn(move || {
            while let Ok((mut client, _)) = listener.accept() {
                let request = whole_request(&mut client);
                if told.swap(false, std::sync::atomic::Ordering::SeqCst) {
                    continue;
                }
                let end = request.windows(2).position(|at| at == b"\r\n").unwrap();
                let mut engine = TcpStream::connect(&behind).unwrap();
                engine.write_all(&request[..end]).unwrap();
                engine.write_all(b"\r\nConnection: close").unwrap();
                engine.write_all(&request[end..]).unwrap();
                drop(std::io::copy(&mut engine, &mut client));
            }
        })
        .unwrap();
    (url, breaks)
}

#[test]
fn a_server_that_goes_and_comes_back_has_each_batch_once() {
    let Some(mut scratch) = Scratch::at_an_address() else {
        return;
    };
    let store = scratch.store.clone();
    store
        .insert(web_hits(), hits(&["a.example"]), Some("a"))
        .unwrap();
    let server = scratch.server.as_mut().unwrap();
    // During the rows: half of them are sent, and nothing of them is stored.
    let whole = hits(&["b.example", "c.example"]);
    let (first, second) = whole.split_at(whole.len() / 2);
    let mut halves = vec![second.to_vec(), first.to_vec()];
    let pieces = std::iter::from_fn(|| {
        if halves.len() == 1 {
            server.goes_down();
        }
        halves.pop()
    });
    let error = store
        .insert_streamed(web_hits(), pieces, Some("b"))
        .unwrap_err();
    assert!(error.is_worth_another_try(), "{error}");
    // Before: the tries are used up, and the rows may wait.
    let error = store
        .insert(web_hits(), whole.clone(), Some("b"))
        .unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.is_away());
    server.comes_back();
    for _ in 0..2 {
        store.insert(web_hits(), whole.clone(), Some("b")).unwrap();
    }
    const HOSTS: Sql = Sql::embedded("test/hosts", "SELECT host FROM web_hits ORDER BY host");
    let answer = store.bytes(HOSTS, &Params::new(), "TSV").unwrap();
    assert_eq!(answer, b"a.example\nb.example\nc.example\n");
    // During an answer: what came is passed on, and the rest is missed, not taken for the end.
    const MANY: Sql = Sql::embedded(
        "test/many",
        "SELECT number FROM system.numbers LIMIT 9000000",
    );
    struct Ends<'a>(&'a mut crate::store::scratch::StandIn);
    impl Write for Ends<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.goes_down();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = store
        .stream(MANY, &Params::new(), "TSV", &mut Ends(server))
        .unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
}

#[test]
fn who_may_only_ask_can_ask_and_hears_at_once_that_nothing_can_be_written() {
    let Some(scratch) = Scratch::at_an_address() else {
        return;
    };
    let server = scratch.server.as_ref().unwrap();
    let reader = Server {
        url: for_a_reader(&server.url),
        ..server.settings()
    };
    let store = Store::open(&StoreSettings::Server(reader.clone())).unwrap();
    assert_eq!(store.notices(), &[] as &[String]);
    const COUNT: Sql = Sql::embedded("test/count", "SELECT count() FROM web_hits");
    assert_eq!(store.bytes(COUNT, &Params::new(), "TSV").unwrap(), b"0\n");
    let error = store.must_take_rows().unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert!(error.is_away() && !error.is_worth_another_try());
    scratch.store.must_take_rows().unwrap();
    // Where nothing is made yet there is nothing to ask.
    let empty = Server {
        database: "nothing_here".to_owned(),
        ..reader.clone()
    };
    let error = Store::open(&StoreSettings::Server(empty)).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    // A schema that is older than this program can be asked, with a word.
    const FORGET: Sql = Sql::embedded(
        "test/forget",
        "ALTER TABLE schema_migrations DELETE WHERE id = 'views/v_flows' SETTINGS mutations_sync = 2",
    );
    scratch.store.run(FORGET, &Params::new()).unwrap();
    let store = Store::open(&StoreSettings::Server(reader)).unwrap();
    let notices = store.notices();
    assert!(
        notices[0].contains("views/v_flows is not applied yet"),
        "{notices:?}"
    );
    assert!(matches!(
        store.must_take_rows(),
        Err(StoreError::Drifted(_))
    ));
}
