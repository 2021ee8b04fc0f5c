//! The whole program with `store.url`: from the logs to a verified package, and what it says when the server is away.
//!
//! Another process's engine stands in for the server: `invigil store serve` in a home of its own, whose socket is passed on
//! from an address. What differs from a real server is told in queries/schema/SERVER.md.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use invigil::keys::{KeyRing, Purpose};

use crate::home::{Home, region};
use crate::readers::Serving;
use crate::stories::{all_are_found, fill};

/// An engine in another process, at an address.
struct StandIn {
    home: Home,
    serving: Option<Serving>,
    address: SocketAddr,
    /// Whether who comes is let in.
    is_open: Arc<AtomicBool>,
}

impl StandIn {
    fn start(test: &str) -> Option<StandIn> {
        let home = Home::with_engine(test)?;
        let serving = Some(Serving::start(&home));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_open = Arc::new(AtomicBool::new(true));
        let (open, socket) = (Arc::clone(&is_open), home.data().join("store.sock"));
        in_a_thread(move || {
            while let Ok((client, _)) = listener.accept() {
                if let (true, Ok(engine)) =
                    (open.load(Ordering::SeqCst), UnixStream::connect(&socket))
                {
                    passed_on(client, engine);
                }
            }
        });
        Some(StandIn {
            home,
            serving,
            address,
            is_open,
        })
    }

    /// A home of somebody who uses it as a server, with all rights there.
    fn user(&self, test: &str) -> Home {
        let home = Home::with_engine(test).unwrap();
        let keys = KeyRing::open(&self.home.path("keys"), &self.home.data()).unwrap();
        let key =
            ring::hmac::Key::new(ring::hmac::HMAC_SHA256, keys.key(Purpose::Store).as_slice());
        let tag = ring::hmac::sign(&key, b"invigil: own statements on the socket, 1");
        let word: String = tag
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let password = home.path("password");
        std::fs::write(&password, format!("{word}\n")).unwrap();
        let text = format!(
            "[store]\nurl = \"http://{}\"\nuser = \"invigil\"\npassword_file = {password:?}\ndatabase = \"region\"\n",
            self.address
        );
        home.configured(&text)
    }
}

/// Carries bytes both ways until either ends.
fn passed_on(client: TcpStream, engine: UnixStream) {
    let (mut from, mut to) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
    in_a_thread(move || {
        drop(std::io::copy(&mut from, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    let (mut from, mut to) = (engine, client);
    in_a_thread(move || {
        let mut piece = [0; 1 << 16];
        while let Ok(length) = from.read(&mut piece) {
            if length == 0 || to.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
}

fn in_a_thread(work: impl FnOnce() + Send + 'static) {
    drop(std::thread::Builder::new().spawn(work).unwrap());
}

#[test]
fn from_the_logs_to_a_verified_package_on_a_server() {
    let Some(server) = StandIn::start("server") else {
        return;
    };
    let home = server.user("server");
    fill(&home);
    assert!(!home.data().join("store").exists(), "no engine of its own");
    all_are_found(&home);
    let again = home.ingest(&region("logs/squid-oakfield.log.gz"));
    assert_eq!((again.stored, again.read), (0, again.ignored));
    let said = home.ends(
        0,
        &[
            "--json",
            "who",
            "10.21.4.77",
            "--at",
            "2026-03-11T10:34:00Z",
        ],
    );
    assert!(said.contains("attributed"), "{said}");
    let report = home.path("weekly.html");
    let until = ["--until", "2026-03-16T00:00:00Z"];
    let mut weekly = vec!["report", "weekly", "--for", "hawthorn", "--as", "html"];
    weekly.extend(until);
    weekly.extend(["-o", report.to_str().unwrap()]);
    home.ends(0, &weekly);
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("Hawthorn"), "the report names its school");
    let out = home.path("evidence");
    std::fs::create_dir(&out).unwrap();
    let request = region("requests/police.toml");
    let (request, folder) = (request.to_str().unwrap(), out.to_str().unwrap());
    home.ends(
        0,
        &[
            "evidence",
            "export",
            "--request",
            request,
            "--out",
            folder,
            "--keep-folder",
        ],
    );
    let package = only_folder(&out);
    let signer = found_below(&home.path("keys"), "signer.pub");
    let (package, signer) = (package.to_str().unwrap(), signer.to_str().unwrap());
    home.ends(0, &["evidence", "verify", package, "--signer", signer]);
    home.ends(0, &["ledger", "verify"]);
    let status: serde_json::Value =
        serde_json::from_str(&home.ends(0, &["--json", "store", "status"])).unwrap();
    assert_eq!(status["drift"].as_array().unwrap().len(), 0, "{status}");
}

#[test]
fn a_server_that_is_away_is_said_and_its_lines_are_stored_once_when_it_is_back() {
    let Some(mut server) = StandIn::start("server away") else {
        return;
    };
    let home = server.user("server away");
    let log = home.path("access.log");
    let lines = |count: u32| -> String {
        (0..count)
            .map(|line| format!("17724408{line:02}.729    131 10.21.4.108 TCP_MISS/200 34160 GET http://encyclopaedia.example/{line} - HIER_DIRECT/198.51.100.61 text/html\n"))
            .collect()
    };
    std::fs::write(&log, lines(20)).unwrap();
    home.ingest(&log);
    server.is_open.store(false, Ordering::SeqCst);
    let asked = ["who", "10.21.4.77", "--at", "2026-03-11T10:34:00Z"];
    let said = home.run(&asked);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(2), "{words}");
    assert!(
        words.contains("store.url") && words.contains("does not answer"),
        "{words}"
    );
    server.is_open.store(true, Ordering::SeqCst);
    // The process behind is killed, and another takes its place.
    drop(server.serving.take());
    std::fs::write(&log, lines(50)).unwrap();
    server.serving = Some(Serving::start(&server.home));
    assert_eq!(home.ingest(&log).stored, 30);
    let sql = "SELECT count(), uniqExact(frame) FROM web_hits";
    let count = home.ends(0, &["query", "--to", "csv", "--sql", sql]);
    assert!(count.ends_with("50,50\n"), "{count}");
}

pub(crate) fn only_folder(parent: &Path) -> PathBuf {
    let entries = std::fs::read_dir(parent).unwrap();
    let folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    let [folder] = &folders[..] else {
        panic!("{} folders and not one", folders.len());
    };
    folder.clone()
}

pub(crate) fn found_below(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|found| found == name) {
                return path;
            }
        }
    }
    panic!("there is no {name}");
}
