//! ClickHouse's own clients, and one that nobody of theirs wrote, against `invigil store serve`.
//!
//! They come from PyPI and npm (`make tools`). Each asks, inserts into the workbench, packs what it sends,
//! hears its errors and leaves in the midst of an answer.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::home::{Home, nothing_may_be_left_out};

const KEY: &str = "a key to work with, for this test alone";

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A store at an address, with one key that may work.
struct Served {
    home: Home,
    _child: Ended,
    /// Held open, so that the store can go on telling.
    _lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
    port: String,
    certificate: PathBuf,
}

impl Served {
    fn start(test: &str, tls: bool) -> Option<Served> {
        let home = Home::with_engine(test)?;
        let key = home.path("work.key");
        std::fs::write(&key, KEY).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "[[store.key]]\nname = \"notebook\"\nfile = {key:?}\nrole = \"work\"\n",
            key = key.to_str().unwrap()
        );
        std::fs::write(home.path("invigil.toml"), config).unwrap();
        let config = home.path("invigil.toml");
        let (certificate, private) = (home.path("tls.pem"), home.path("tls.key"));
        let mut arguments = vec![
            "--config",
            config.to_str().unwrap(),
            "store",
            "serve",
            "--listen",
            if tls { "0.0.0.0:0" } else { "127.0.0.1:0" },
        ];
        if tls {
            self_signed(&certificate, &private)?;
            arguments.extend(["--tls-cert", certificate.to_str().unwrap()]);
            arguments.extend(["--tls-key", private.to_str().unwrap()]);
        }
        let mut command = home.command(&arguments);
        let mut child = Ended(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
        let line = lines
            .find_map(|line| line.ok().filter(|line| line.contains("://")))
            .unwrap();
        let address = line.split("://").nth(1).unwrap().split(' ').next().unwrap();
        let port = address.rsplit(':').next().unwrap().to_owned();
        Some(Served {
            home,
            _child: child,
            _lines: lines,
            port,
            certificate,
        })
    }

    /// Runs a client's script, which must end well.
    fn run(&self, program: &str, script: &str, more: &[&str]) {
        let file = self.home.path("client");
        std::fs::write(&file, script).unwrap();
        let output = Command::new(program)
            .arg(&file)
            .args([&self.port, KEY])
            .args(more)
            .env(
                "NODE_PATH",
                concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node_modules"),
            )
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
    }
}

/// A certificate for this machine that lasts a day.
fn self_signed(certificate: &Path, private: &Path) -> Option<()> {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args([
            "-addext",
            "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-out",
        ])
        .arg(certificate)
        .arg("-keyout")
        .arg(private)
        .stderr(Stdio::null())
        .status();
    let made = made.is_ok_and(|status| status.success());
    assert!(made || !nothing_may_be_left_out(), "openssl is not here");
    std::fs::set_permissions(private, std::fs::Permissions::from_mode(0o600)).ok()?;
    made.then_some(())
}

/// Whether a client is installed; if not, the test says so.
fn is_here(program: &str, code: &str) -> bool {
    let has = Command::new(program)
        .args([if program == "node" { "-e" } else { "-c" }, code])
        .env(
            "NODE_PATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/node_modules"),
        )
        .output();
    let here = has.is_ok_and(|output| output.status.success());
    assert!(
        here || !nothing_may_be_left_out(),
        "`{code}` fails under {program} (make tools)"
    );
    if !here {
        println!("left out: `{code}` fails under {program} (make tools)");
    }
    here
}

const CONNECT: &str = r#"
import sys, threading, time, clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError, Error
port, key = int(sys.argv[1]), sys.argv[2]
more = dict(secure=True, ca_cert=sys.argv[3]) if len(sys.argv) > 3 else {}
host = 'localhost'
def client(**kw):
    return clickhouse_connect.get_client(host=host, port=port, username='x', password=key, database='workbench', **more, **kw)
def fails(code, run):
    try:
        run()
    except DatabaseError as error:
        assert 'ode: ' + str(code) in str(error), error
    else:
        raise SystemExit('no error ' + str(code))
def broken(columns, at):
    sql = 'SELECT %s FROM numbers(%d)' % (columns, at + 500000)
    def streamed():
        with c.query_row_block_stream(sql) as stream:
            for _ in stream:
                pass
    fails(153, lambda: c.query(sql).result_rows)
    fails(153, streamed)
    # As bytes, it is at least not whole.
    try:
        c.raw_query(sql, fmt='CSV')
    except Error:
        return
    raise SystemExit('taken for whole: ' + sql)
for compress in (False, 'lz4', 'zstd', 'gzip'):
    c = client(compress=compress)
    c.command('DROP TABLE IF EXISTS t')
    c.command('CREATE TABLE t (a UInt64, b String, c Nullable(Float64), d Array(String)) ENGINE = MergeTree ORDER BY a')
    rows = [[n, 'row %d' % n, None if n % 3 else n / 7, ['x'] * (n % 4)] for n in range(50000)]
    done = c.insert('t', rows, column_names=['a', 'b', 'c', 'd'])
    assert done.written_rows == 50000, done.summary
    assert [list(row) for row in c.query('SELECT * FROM t ORDER BY a').result_rows] == rows
    assert c.query('SELECT count() FROM t WHERE a < {m:UInt64} AND b LIKE {p:String}', parameters={'m': 10, 'p': "row%"}).result_rows == [(10,)]
    assert len(c.query('SELECT number FROM numbers(300000)').result_rows) == 300000
    with c.query_rows_stream('SELECT number FROM numbers(2000000)') as stream:
        for n, row in zip(range(5), stream):
            assert row == (n,)
    # The client does not read a long answer before it is asked for the rows.
    broken('number, intDiv(1, 2600000 - number)', 2600000)
    broken("repeat('x', number % 9), intDiv(1, 400000 - number)", 400000)
    c.raw_insert('t', column_names=['a', 'b'], insert_block='1,x\n2,y\n', fmt='CSV')
    fails(60, lambda: c.command('SELECT 1 FROM nowhere'))
    fails(497, lambda: c.command('CREATE TABLE invigil.t (a UInt8) ENGINE = Memory'))
    fails(497, lambda: c.insert('invigil.web_hits', [['a']], column_names=['host'], column_type_names=['String']))
    fails(497, lambda: c.query("SELECT * FROM file('/etc/passwd')"))
c = client(autogenerate_session_id=True)
c.command('CREATE TEMPORARY TABLE tt (a UInt64)')
c.insert('tt', [[1], [2]], column_names=['a'], column_type_names=['UInt64'])
assert c.query('SELECT sum(a) FROM tt').result_rows == [(3,)]
fails(60, lambda: client().query('SELECT 1 FROM tt'))
def slow():
    try:
        c.query('SELECT sum(sipHash64(number)) FROM numbers(100000000000)')
    except Exception:
        pass
threading.Thread(target=slow, daemon=True).start()
time.sleep(1)
fails(373, lambda: clickhouse_connect.get_client(host=host, port=port, username='x', password=key, session_id=c.params['session_id'], **more).query('SELECT 1'))
fails(516, lambda: clickhouse_connect.get_client(host=host, port=port, username='x', password='another key, also long', **more))
"#;

const CLIENT: &str = r#"
const { createClient } = require('@clickhouse/client');
const [port, key, ca] = process.argv.slice(2);
const assert = require('assert');
const { Readable } = require('stream');
const url = (ca ? 'https' : 'http') + '://localhost:' + port;
const tls = ca ? { tls: { ca_cert: require('fs').readFileSync(ca) } } : {};
(async () => {
  for (const on of [false, true]) {
    const c = createClient({ url, username: 'x', password: key, database: 'workbench', compression: { request: on, response: on }, ...tls });
    assert((await c.ping()).success);
    await c.command({ query: 'CREATE OR REPLACE TABLE js (a UInt64, b String) ENGINE = MergeTree ORDER BY a' });
    const values = Array.from({ length: 20000 }, (_, n) => ({ a: n, b: 'row ' + n }));
    const done = await c.insert({ table: 'js', values: Readable.from(values, { objectMode: true }), format: 'JSONEachRow' });
    assert.equal(done.summary.written_rows, '20000');
    const back = await c.query({ query: 'SELECT a, b FROM js ORDER BY a', format: 'JSONEachRow', clickhouse_settings: { output_format_json_quote_64bit_integers: 0 } });
    assert.deepEqual(await back.json(), values);
    const json = await (await c.query({ query: 'SELECT count() AS n FROM js WHERE a < {m: UInt64} AND b != {s: String}', query_params: { m: 7, s: "it's\n" } })).json();
    assert.equal(json.data[0].n, 7);
    let rows = 0;
    for await (const some of (await c.query({ query: 'SELECT number FROM numbers(500000)', format: 'CSV' })).stream()) rows += some.length;
    assert.equal(rows, 500000);
    for (const [query, code] of [['SELECT 1 FROM nowhere', '60'], ['SELEC 1', '62'], ["SELECT * FROM file('/etc/passwd')", '497'], ['DROP TABLE invigil.web_hits', '497']]) {
      await assert.rejects(c.command({ query }), error => error.code === code || error.message.includes('ode: ' + code));
    }
    await assert.rejects(async () => {
      const failing = await c.query({ query: 'SELECT number, intDiv(1, 9000000 - number) AS x FROM numbers(9500000)', format: 'CSV' });
      for await (const _ of failing.stream()) { /* read on */ }
    }, on ? /ivision|aborted/ : /ivision/); // what is still being unpacked when the connection breaks, Node throws away
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 1000);
    await assert.rejects(c.query({ query: 'SELECT sum(sipHash64(number)) FROM numbers(100000000000)', abort_signal: abort.signal }), /abort/i);
    await c.close();
  }
  const wrong = createClient({ url, username: 'x', password: 'another key, also long', ...tls });
  await assert.rejects(wrong.query({ query: 'SELECT 1' }), error => error.code === '516');
  await wrong.close();
})().catch(error => { console.error(error); process.exit(1); });
"#;

const AIOCH: &str = r#"
import sys, asyncio, aiohttp, datetime
from aiochclient import ChClient, ChClientError
url, key = 'http://localhost:' + sys.argv[1], sys.argv[2]
async def main():
    async with aiohttp.ClientSession(headers={'X-ClickHouse-User': 'x', 'X-ClickHouse-Key': key}) as session:
        for packed in (False, True):
            c = ChClient(session, url=url, database='workbench', compress_response=packed)
            assert await c.is_alive()
            await c.execute('CREATE OR REPLACE TABLE aio (a UInt32, b String, t DateTime, f Nullable(Float32)) ENGINE = MergeTree ORDER BY a')
            moment = datetime.datetime(2026, 3, 2, 9, 30)
            await c.execute('INSERT INTO aio VALUES', (1, "it's", moment, None), (2, 'two\ttabs', moment, 2.5))
            rows = await c.fetch('SELECT * FROM aio ORDER BY a')
            assert [tuple(row.values()) for row in rows] == [(1, "it's", moment, None), (2, 'two\ttabs', moment, 2.5)], rows
            assert await c.fetchval('SELECT b FROM aio WHERE a = {a}', params={'a': 2}) == 'two\ttabs'
            n = 0
            async for row in c.iterate('SELECT number FROM numbers(100000)'):
                n += row[0] == n
            assert n == 100000
            for sql, code in (('SELECT 1 FROM nowhere', '60'), ("SELECT * FROM file('/etc/passwd')", '497')):
                try:
                    await c.fetch(sql)
                except ChClientError as error:
                    assert 'ode: ' + code in str(error), error
                else:
                    raise SystemExit('answered: ' + sql)
            try:
                await asyncio.wait_for(c.fetch('SELECT sum(sipHash64(number)) FROM numbers(100000000000)'), 1)
            except asyncio.TimeoutError:
                pass
asyncio.run(main())
"#;

#[test]
fn the_python_client_works_in_the_workbench() {
    if !is_here("python3", "import clickhouse_connect") {
        return;
    }
    if let Some(served) = Served::start("python client", false) {
        served.run("python3", CONNECT, &[]);
        let entries = served.home.ends(0, &["ledger", "show", "--json"]);
        assert!(entries.contains("sql_in_workbench") && entries.contains("notebook"));
    }
}

#[test]
fn the_node_client_works_in_the_workbench() {
    if !is_here("node", "require('@clickhouse/client')") {
        return;
    }
    if let Some(served) = Served::start("node client", false) {
        served.run("node", CLIENT, &[]);
    }
}

#[test]
fn a_client_of_nobody_at_clickhouse_works_in_the_workbench() {
    if !is_here("python3", "import aiochclient, aiohttp") {
        return;
    }
    if let Some(served) = Served::start("aiochclient", false) {
        served.run("python3", AIOCH, &[]);
    }
}

#[test]
fn clients_come_over_tls_and_off_this_machine_only_so() {
    if !is_here("python3", "import clickhouse_connect")
        || !is_here("node", "require('@clickhouse/client')")
    {
        return;
    }
    if let Some(served) = Served::start("tls", true) {
        let certificate = served.certificate.to_str().unwrap();
        served.run("python3", CONNECT, &[certificate]);
        served.run("node", CLIENT, &[certificate]);
        // Without TLS nothing is said there.
        let mut wire = std::net::TcpStream::connect(format!("127.0.0.1:{}", served.port)).unwrap();
        std::io::Write::write_all(&mut wire, b"GET /ping HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        drop(std::io::Read::read_to_end(&mut wire, &mut answer));
        assert!(!answer.starts_with(b"HTTP"));
    }
}

/// Each forbidden statement in eleven disguises, by a client over TLS: none may come through.
const FORBIDDEN: &str = r##"
import ssl, sys, urllib.request, urllib.error
port, key, ca, table = sys.argv[1:5]
context = ssl.create_default_context(cafile=ca)
things = [line.rstrip("\n") for line in open(table) if not line.startswith("#")]
disguises = ["@", "-- SELECT 1\n@", "/* SELECT /* 1 */ */ @", "SELECT 1; @", "SELECT 1;\n\n@;", "EXPLAIN @", "EXPLAIN AST @", "\ufeff@", "\u00a0\t\r\n @ ;", "@ SETTINGS readonly = 0", "(@)"]
said = 0
for thing in things:
    for disguise in disguises:
        # The parser takes this one for `SELECT explain AS delete`.
        if thing.startswith("DELETE") and disguise == "EXPLAIN @":
            continue
        request = urllib.request.Request(f"https://localhost:{port}/", data=disguise.replace("@", thing).encode())
        request.add_header("X-ClickHouse-User", "x")
        request.add_header("X-ClickHouse-Key", key)
        try:
            answer = urllib.request.urlopen(request, context=context, timeout=60)
            sys.exit(f"came through: {disguise.replace('@', thing)}: {answer.read()[:200]}")
        except urllib.error.HTTPError as error:
            # Not understood, not allowed, or no argument that is taken here.
            code = error.headers.get("X-ClickHouse-Exception-Code")
            if code not in ("62", "497", "36", "164"):
                sys.exit(f"{code}: {disguise.replace('@', thing)}: {error.read()[:300]}")
            said += 1
if said < 250:
    sys.exit(f"only {said} were said")
"##;

#[test]
fn what_is_forbidden_is_refused_over_tls_too() {
    if !is_here("python3", "import ssl") {
        return;
    }
    if let Some(served) = Served::start("forbidden tls", true) {
        let certificate = served.certificate.to_str().unwrap();
        let table = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/store/FORBIDDEN.txt");
        served.run("python3", FORBIDDEN, &[certificate, table]);
    }
}
