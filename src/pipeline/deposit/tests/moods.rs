//! A server that is slow, crowded, full or read-only for a time, and one that was never meant.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::store::Patience;

/// What the server says to whoever brings rows; silence where it says nothing; none if it takes them.
type Mood = Arc<Mutex<Option<&'static str>>>;

const MOODS: [&str; 6] = [
    "Code: 242. DB::Exception: Table is in readonly mode. (TABLE_IS_READ_ONLY)",
    "Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)",
    "Code: 202. DB::Exception: Too many simultaneous queries. (TOO_MANY_SIMULTANEOUS_QUERIES)",
    "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)",
    "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)",
    "",
];

/// An address before another, at which rows meet the mood.
fn in_the_mood(behind: &str, mood: &Mood) -> String {
    let behind = behind.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mood = Arc::clone(mood);
    in_a_thread(move || {
        while let Ok((client, _)) = listener.accept() {
            let (behind, mood) = (behind.clone(), Arc::clone(&mood));
            in_a_thread(move || serve(client, &behind, &mood));
        }
    });
    url
}

fn serve(mut client: TcpStream, behind: &str, mood: &Mood) {
    let mut read = vec![0; 1 << 16];
    let length = client.read(&mut read).unwrap_or(0);
    read.truncate(length);
    let said = *mood.lock().unwrap();
    match said.filter(|_| read.windows(6).any(|word| word == b"INSERT")) {
        Some(said) => {
            // All that it has to say is heard before the connection ends.
            client
                .set_read_timeout(Some(Duration::from_millis(200)))
                .unwrap();
            while client.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
            if said.is_empty() {
                std::thread::sleep(Duration::from_secs(3));
            }
            drop(client.write_all(refusal(said).as_bytes()));
        }
        None => {
            let mut engine = TcpStream::connect(behind).unwrap();
            engine.write_all(&read).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
            in_a_thread(move || {
                drop(std::io::copy(&mut from, &mut to));
                drop(to.shutdown(Shutdown::Both));
            });
            drop(std::io::copy(&mut engine, &mut client));
            drop(client.shutdown(Shutdown::Both));
        }
    }
}

fn refusal(said: &str) -> String {
    let code: String = said.chars().filter(char::is_ascii_digit).collect();
    let code = code.get(..3).unwrap_or_default();
    format!(
        "HTTP/1.1 500 Internal Server Error\r\nX-ClickHouse-Exception-Code: {code}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
        said.len()
    )
}

fn in_a_thread(work: impl FnOnce() + Send + 'static) {
    drop(std::thread::Builder::new().spawn(work).unwrap());
}

#[test]
fn what_a_server_does_not_take_for_a_time_waits_and_is_stored_once() {
    let Some(scratch) = Scratch::at_an_address() else {
        return;
    };
    let mood = Mood::default();
    let behind = scratch.server.as_ref().unwrap().settings();
    let server = Server {
        url: in_the_mood(&behind.url, &mood),
        patience: Patience {
            answer: Duration::from_secs(2),
            ..Patience::default()
        },
        ..behind
    };
    let door = Door::open(StoreSettings::Server(server)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(folder.path(), 1 << 20);
    let of_it = source(SourceKind::LogFile);
    for (n, said) in (0..).zip(MOODS) {
        *mood.lock().unwrap() = Some(said);
        let batch = bench.prepared(SourceKind::LogFile, n * 5 + 1, n * 5 + 5);
        let deposit = bench.deposit(&door);
        let mut lane = deposit.lane(&of_it).unwrap();
        lane.batch(batch).unwrap();
        let left = lane.end().unwrap();
        assert_eq!((left.batches, left.frames), (1, 5), "{said}");
        assert_eq!(words(&bench.ledger).last(), Some(&"batch_spooled"));
        *mood.lock().unwrap() = None;
        assert_eq!(deposit.finish().unwrap().batches, 0, "{said}");
        assert_eq!(rows(&scratch.store), n * 5 + 5, "{said}");
    }
    assert_eq!(
        bench.ledger.batches(Some(SOURCE)).unwrap().len(),
        MOODS.len()
    );
    assert_eq!(bench.spool.bytes().unwrap(), 0);
}

#[test]
fn a_server_that_was_never_meant_stops_the_work_and_a_crowded_one_does_not() {
    let says = |said: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        in_a_thread(move || {
            while let Ok((mut client, _)) = listener.accept() {
                client
                    .set_read_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                while client.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
                let answer = match said {
                    "a page" => "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>".to_owned(),
                    said => refusal(said),
                };
                drop(client.write_all(answer.as_bytes()));
            }
        });
        Door::open(StoreSettings::Server(Server::at(&url, None, None, None)))
    };
    for said in [
        "Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)",
        "Code: 193. DB::Exception: Wrong password. (WRONG_PASSWORD)",
        "Code: 497. DB::Exception: Not enough privileges. (ACCESS_DENIED)",
        "a page",
    ] {
        assert!(says(said).is_err(), "{said}");
    }
    for said in [MOODS[2], MOODS[4]] {
        assert!(says(said).unwrap().is_closed(), "{said}");
    }
    // Not who it should be: a listener without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    in_a_thread(move || {
        while let Ok((mut client, _)) = listener.accept() {
            drop(client.read(&mut [0; 4096]));
            drop(client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    let error = Door::open(StoreSettings::Server(Server::at(&url, None, None, None))).unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}
