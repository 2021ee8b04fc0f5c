//! `invigil store serve --listen`: who is answered at an address, and what.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;

use crate::home::{Home, nothing_may_be_left_out};

const KEY: &str = "a key for this test alone";

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts the store at an address that the system chooses.
fn served(home: &Home, key_file: &str) -> (Ended, String) {
    let mut command = home.command(&[
        "store",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--key-file",
        key_file,
    ]);
    let mut child = Ended(command.stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let line = lines
        .find_map(|line| line.ok().filter(|line| line.contains("http://")))
        .unwrap();
    let address = line.split("http://").nth(1).unwrap();
    let address = address.split(' ').next().unwrap().to_owned();
    (child, address)
}

/// What a person types who has the client of PyPI.
const CONNECT: &str = r#"
import sys, clickhouse_connect
host, port = sys.argv[1].split(':')
for compress in (False, True, 'gzip'):
    client = clickhouse_connect.get_client(host=host, port=int(port), username='x', password=sys.argv[2], database='invigil', compress=compress)
    assert client.query('SELECT number, toString(number) FROM numbers(2)').result_rows == [(0, '0'), (1, '1')]
    assert client.query('SELECT {a:String}, {b:UInt32}', parameters={'a': "it's", 'b': 7}).result_rows == [("it's", 7)]
    assert client.query('SELECT count() FROM web_hits SETTINGS max_threads = 1').result_rows == [(0,)]
    assert len(client.query('SELECT number FROM numbers(300000)').result_rows) == 300000
    for sql, code in (("SELECT * FROM file('/etc/passwd')", '497'), ('SELECT nope FROM web_hits', '47'),
                      ('SELECT path FROM web_hits', '497'), ('SELEC 1', '62'), ('DROP TABLE web_hits', '497')):
        try:
            client.command(sql)
        except clickhouse_connect.driver.exceptions.DatabaseError as error:
            assert 'ode: ' + code in str(error), (sql, error)
        else:
            raise SystemExit('answered: ' + sql)
    try:
        client.insert('web_hits', [['a.example']], column_names=['host'])
    except clickhouse_connect.driver.exceptions.Error:
        pass
    else:
        raise SystemExit('rows were taken')
try:
    clickhouse_connect.get_client(host=host, port=int(port), username='x', password='another key, also long')
except clickhouse_connect.driver.exceptions.DatabaseError as error:
    assert '516' in str(error), error
else:
    raise SystemExit('a wrong key was taken')
"#;

#[test]
fn the_python_client_asks_with_parameters_and_compression_and_hears_its_errors() {
    let Some(home) = Home::with_engine("python client") else {
        return;
    };
    let has = Command::new("python3")
        .args(["-c", "import clickhouse_connect"])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        assert!(
            !nothing_may_be_left_out(),
            "clickhouse-connect is not here (make tools)"
        );
        println!("python client: left out, clickhouse-connect is not here (make tools)");
        return;
    }
    let key = home.path("ask.key");
    std::fs::write(&key, KEY).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (_child, address) = served(&home, key.to_str().unwrap());
    let output = Command::new("python3")
        .args(["-c", CONNECT, &address, KEY])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
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

    let (_child, address) = served(&home, key_file);
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
