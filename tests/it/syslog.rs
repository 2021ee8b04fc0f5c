//! Listening for syslog: Debian's rsyslog over TCP and TLS while the listener is restarted with its sockets handed over; senders without
//! a certificate; a disk that is full.
//!
//! `make test` sends some ten thousand lines; a million is `INVIGIL_SYSLOG_LINES=1000000 cargo test --test it syslog -- --nocapture`.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::home::{Home, nothing_may_be_left_out};
use crate::kills::asked;
use crate::once::{ledger_of, originals_are_what_the_ledger_says};
use crate::room::{SmallDisk, copy, room_of};

const RSYSLOGD: &str = "/usr/sbin/rsyslogd";

#[test]
fn rsyslog_loses_nothing_over_tcp_while_the_listener_is_restarted() {
    restarted_under_rsyslog("--tcp");
}

#[test]
fn rsyslog_loses_nothing_over_tls_while_the_listener_is_restarted() {
    restarted_under_rsyslog("--tls");
}

fn restarted_under_rsyslog(way: &str) {
    let Some(home) = Home::with_engine("restarted under rsyslog") else {
        return;
    };
    let is_here = Path::new(RSYSLOGD).exists();
    assert!(is_here || !nothing_may_be_left_out(), "rsyslog is not here");
    if !is_here {
        println!("restarted under rsyslog: left out, rsyslog is not here");
        return;
    }
    let lines = asked("INVIGIL_SYSLOG_LINES", 20_000);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let socket = inheritable(&socket);
    let tls = certificates(&home.path("tls"));
    let address = format!("127.0.0.1:{port}");
    let mut arguments = vec!["collect", "syslog", way, &address];
    if way == "--tls" {
        arguments.extend(tls.arguments());
    }
    let mut listener = listen(&home, &arguments, Some(&socket));
    let log = home.path("sent.log");
    std::fs::write(&log, "").unwrap();
    let sender = rsyslog(&home, &log, port, (way == "--tls").then_some(&tls));
    let mut file = std::fs::File::options().append(true).open(&log).unwrap();
    for piece in 0..4 {
        for n in piece * lines / 4..(piece + 1) * lines / 4 {
            writeln!(file, "{}", line(n)).unwrap();
        }
        std::thread::sleep(Duration::from_millis(700));
        if piece < 3 {
            listener.ends();
            listener = listen(&home, &arguments, Some(&socket));
        }
    }
    wait_until_read(&home, lines);
    drop(sender);
    listener.ends();
    let (rows, places) = stored(&home);
    println!("{way}: {lines} lines sent, {rows} rows, {places} of them different");
    assert_eq!(places, lines, "each line is there");
    adds_up(&home);
}

#[test]
fn a_sender_without_a_certificate_is_not_heard_and_others_are() {
    let Some(home) = Home::with_engine("a sender without a certificate") else {
        return;
    };
    let tls = certificates(&home.path("tls"));
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let socket = inheritable(&socket);
    let address = format!("127.0.0.1:{port}");
    let counts = home.path("counts.json");
    let mut arguments = vec!["collect", "syslog", "--tls", &address, "--counts-json"];
    arguments.push(counts.to_str().unwrap());
    arguments.extend(tls.arguments());
    let listener = listen(&home, &arguments, Some(&socket));
    let send = |with_certificate: bool| {
        let mut client = Command::new("openssl");
        client.args([
            "s_client",
            "-quiet",
            "-no_ign_eof",
            "-connect",
            &address,
            "-CAfile",
        ]);
        client.arg(&tls.authority);
        if with_certificate {
            client
                .arg("-cert")
                .arg(&tls.certificate)
                .arg("-key")
                .arg(&tls.key);
        }
        let mut client = client
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        for n in 0..300 {
            // Who is refused may be gone before all is written.
            drop(writeln!(
                input,
                "<134>Mar  2 10:00:00 proxy squid[7]: {}",
                line(n)
            ));
        }
        drop(input);
        client.wait().unwrap();
    };
    send(false);
    // A stranger who does not speak TLS at all.
    let mut stranger = TcpStream::connect(&address).unwrap();
    stranger.write_all(b"<134>hello\n").unwrap();
    drop(stranger);
    send(true);
    wait_until_read(&home, 300);
    listener.ends();
    assert_eq!(stored(&home), (300, 300));
    let counts: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&counts).unwrap()).unwrap();
    assert_eq!(
        (counts["senders"].as_u64(), counts["refused"].as_u64()),
        (Some(1), Some(2))
    );
    adds_up(&home);
}

#[test]
fn a_plain_sender_and_a_kill_lose_what_was_in_flight_and_no_more() {
    let Some(home) = Home::with_engine("a plain sender and a kill") else {
        return;
    };
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", socket.local_addr().unwrap().port());
    let socket = inheritable(&socket);
    let arguments = ["collect", "syslog", "--tcp", &address];
    let listener = listen(&home, &arguments, Some(&socket));
    let mut wire = TcpStream::connect(&address).unwrap();
    let message = |n: u64| format!("<134>Mar  2 10:00:00 proxy squid[7]: {}\n", line(n));
    for n in 0..2000 {
        wire.write_all(message(n).as_bytes()).unwrap();
    }
    wait_until_read(&home, 2000);
    for n in 2000..2500 {
        wire.write_all(message(n).as_bytes()).unwrap();
    }
    drop(listener);
    // What was acknowledged by nobody is lost with the one who held it; what was stored stays, and once.
    let listener = listen(&home, &arguments, Some(&socket));
    let mut wire = TcpStream::connect(&address).unwrap();
    for n in 2500..3000 {
        wire.write_all(message(n).as_bytes()).unwrap();
    }
    drop(wire);
    wait_until_read(&home, 2500);
    listener.ends();
    let (rows, different) = stored(&home);
    assert!(
        rows == different && (2500..=3000).contains(&rows),
        "{rows} {different}"
    );
    // The gap: the session that was killed has no end in the ledger, and the next has.
    let ledger = ledger_of(&home);
    let acts: Vec<_> = ledger.entries().unwrap().map(|entry| entry.act).collect();
    let count = |of: fn(&invigil::ledger::Act) -> bool| acts.iter().filter(|act| of(act)).count();
    let opened = count(|act| matches!(act, invigil::ledger::Act::SourceOpened(_)));
    let closed = count(|act| matches!(act, invigil::ledger::Act::SourceClosed(_)));
    assert_eq!((opened, closed), (2, 1));
    home.ends(0, &["ledger", "verify"]);
    originals_are_what_the_ledger_says(&home);
}

#[test]
fn a_sender_waits_while_the_disk_is_full_and_nothing_is_lost() {
    let lines = 100_000;
    let Some(home) = Home::with_engine("a full disk under a listener") else {
        return;
    };
    let Some(disk) = SmallDisk::mounted(&home.path("disk"), 64) else {
        return;
    };
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1:{}", socket.local_addr().unwrap().port());
    let socket = inheritable(&socket);
    let arguments = ["collect", "syslog", "--tcp", &address];
    let message = |n: u64| format!("<134>Mar  2 10:00:00 proxy squid[7]: {}\n", line(n));
    let listener = listen(&home, &arguments, Some(&socket));
    let mut wire = TcpStream::connect(&address).unwrap();
    wire.write_all(message(0).as_bytes()).unwrap();
    drop(wire);
    wait_until_read(&home, 1);
    listener.ends();
    // What is on its way goes to a disk of its own, which is filled but for a little.
    let (here, there) = (home.data().join("spool"), home.path("disk/part"));
    copy(&here, &there);
    std::fs::remove_dir_all(&here).unwrap();
    std::os::unix::fs::symlink(&there, &here).unwrap();
    let rest = room_of(&home.path("disk")) - (8 << 10);
    let filled = home.path("disk/filled");
    std::fs::write(&filled, vec![0; usize::try_from(rest).unwrap()]).unwrap();
    let listener = listen(&home, &arguments, Some(&socket));
    let mut wire = TcpStream::connect(&address).unwrap();
    wire.set_write_timeout(Some(Duration::from_secs(4)))
        .unwrap();
    let text: Vec<u8> = (1..lines).flat_map(|n| message(n).into_bytes()).collect();
    let mut rest = text.as_slice();
    while let Ok(sent) = wire.write(rest) {
        rest = &rest[sent..];
        assert!(!rest.is_empty(), "the sender did not come to feel it");
    }
    let batches = ledger_of(&home).batches(None).unwrap();
    let read: u64 = batches.iter().map(|(_, batch)| batch.read).sum();
    assert_eq!(read, 1, "nothing is said to be stored");
    println!(
        "the sender waits with {} of {} bytes",
        rest.len(),
        text.len()
    );
    std::fs::remove_file(&filled).unwrap();
    disk.grow_to(200);
    wire.set_write_timeout(None).unwrap();
    wire.write_all(rest).unwrap();
    drop(wire);
    wait_until_read(&home, lines);
    listener.ends();
    assert_eq!(stored(&home), (lines, lines));
    adds_up(&home);
}

/// A listener; it goes when the test does.
struct Listener(Child);

impl Listener {
    /// Told to stop, it ends well.
    fn ends(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Starts a listener with a socket handed over, and waits until it listens.
fn listen(home: &Home, arguments: &[&str], socket: Option<&OwnedFd>) -> Listener {
    let plain = home.command(arguments);
    let mut command = Command::new("bash");
    let take = socket.map_or(String::new(), |socket| {
        format!(
            "export LISTEN_FDS=1 LISTEN_PID=$$; exec 3<&{};",
            socket.as_raw_fd()
        )
    });
    command.arg("-c").arg(format!("{take} exec \"$0\" \"$@\""));
    command.arg(plain.get_program()).args(plain.get_args());
    command.env_clear();
    command.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut listener = Listener(command.spawn().unwrap());
    let said = BufReader::new(listener.0.stderr.take().unwrap());
    let mut said = said.lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("listening")));
    // Whatever else it says must not stop it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test reads what a program says"
    )]
    std::thread::spawn(move || said.for_each(drop));
    listener
}

/// The same socket, for children.
fn inheritable(socket: &TcpListener) -> OwnedFd {
    let copy = rustix::io::fcntl_dupfd_cloexec(socket, 40).unwrap();
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty()).unwrap();
    copy
}

struct Certificates {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificates {
    fn arguments(&self) -> [&str; 6] {
        let path = |path: &'static str| path;
        [
            path("--tls-cert"),
            self.certificate.to_str().unwrap(),
            path("--tls-key"),
            self.key.to_str().unwrap(),
            path("--tls-clients"),
            self.authority.to_str().unwrap(),
        ]
    }
}

/// An authority, and one certificate of it for both sides.
fn certificates(folder: &Path) -> Certificates {
    std::fs::create_dir(folder).unwrap();
    let script = "set -e; cd \"$0\"; \
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem; \
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout one.key -out one.csr; \
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > one.ext; \
        openssl x509 -req -in one.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile one.ext -out one.pem";
    let made = Command::new("bash")
        .args(["-c", script])
        .arg(folder)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    Certificates {
        authority: folder.join("ca.pem"),
        certificate: folder.join("one.pem"),
        key: folder.join("one.key"),
    }
}

/// Debian's rsyslog, which sends each line of a file.
fn rsyslog(home: &Home, log: &Path, port: u16, tls: Option<&Certificates>) -> Listener {
    let work = home.path("rsyslog");
    std::fs::create_dir(&work).unwrap();
    let (global, action) = match tls {
        None => (String::new(), ""),
        Some(tls) => (
            format!(
                " defaultNetstreamDriver=\"ossl\" defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" defaultNetstreamDriverKeyFile=\"{}\"",
                tls.authority.display(),
                tls.certificate.display(),
                tls.key.display()
            ),
            " StreamDriver=\"ossl\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/certvalid\"",
        ),
    };
    let config = format!(
        "global(workDirectory=\"{work}\"{global})\nmodule(load=\"imfile\")\n\
         input(type=\"imfile\" file=\"{log}\" tag=\"squid\" ruleset=\"send\")\n\
         ruleset(name=\"send\") {{ action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" template=\"RSYSLOG_SyslogProtocol23Format\" action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\"{action}) }}\n",
        work = work.display(),
        log = log.display()
    );
    let path = work.join("rsyslog.conf");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(RSYSLOGD);
    command
        .arg("-n")
        .arg("-f")
        .arg(&path)
        .arg("-i")
        .arg(work.join("pid"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Listener(command.spawn().unwrap())
}

fn line(n: u64) -> String {
    format!(
        "{}.{:03} 12 10.0.{}.9 TCP_MISS/200 512 GET http://sent.example/line/{n} - HIER_DIRECT/192.0.2.1 text/html",
        1_772_440_000 + n / 40,
        n % 1000,
        n % 250
    )
}

/// Rows, and how many different lines are in them.
fn stored(home: &Home) -> (u64, u64) {
    let sql = "SELECT count() AS rows, uniqExact(path) AS lines FROM web_hits";
    let answer = home.revealed(sql);
    let row: serde_json::Value = serde_json::from_str(answer.trim()).unwrap();
    let number = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{answer}"));
    (number("rows"), number("lines"))
}

fn adds_up(home: &Home) {
    let status: serde_json::Value =
        serde_json::from_str(&home.ends(0, &["--json", "store", "status"])).unwrap();
    for source in status["sources"].as_array().unwrap() {
        let number = |name: &str| source[name].as_u64().unwrap();
        let parts = number("stored") + number("rejected") + number("ignored");
        assert_eq!(number("read"), parts, "{source}");
    }
    home.ends(0, &["store", "check"]);
    home.ends(0, &["ledger", "verify"]);
    originals_are_what_the_ledger_says(home);
}

/// Waits until the ledger has so many lines, as long as more are coming.
fn wait_until_read(home: &Home, lines: u64) {
    let (mut read, mut quiet) = (0, 0);
    while quiet < 300 {
        let batches = ledger_of(home).batches(None).unwrap();
        let now: u64 = batches.iter().map(|(_, batch)| batch.read).sum();
        if now >= lines {
            return;
        }
        quiet = if now > read { 0 } else { quiet + 1 };
        read = now;
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{read} of {lines} lines came, and then none for half a minute");
}
