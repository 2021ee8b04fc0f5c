//! Ten readers and one writer on one store: nobody meets an error, nobody waits for the others, and the memory stays as it is.
//!
//! Ten seconds in every run of the tests, without bounds on time. The long run, on a machine that does nothing else, prints
//! what each reader waited and asserts that nobody was held up:
//! `INVIGIL_READERS_SECONDS=600 cargo test --release --test it readers -- --nocapture`. `INVIGIL_READERS_BATCHES=900` lets
//! so many files of the writer be there before anybody reads, so that a shorter run meets a large table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::IpAddr;
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use invigil::attribute::{AttributeSettings, Facts};
use invigil::detect::{Asked, Case, DetectSettings, audit, identification};
use invigil::keys::{KeyRing, Purpose};
use invigil::record::Timestamp;
use invigil::record::calendar::{Zone, add_days, monday};
use invigil::report::{Weekly, weekly};
use invigil::store::{Params, Sql, Store, StoreSettings};

use crate::home::Home;
use crate::stories::fill;

/// What each reader does over and over.
const READERS: [Kind; 10] = [
    Kind::Who,
    Kind::Who,
    Kind::Who,
    Kind::Who,
    Kind::Report,
    Kind::Report,
    Kind::Audit,
    Kind::Client,
    Kind::Client,
    Kind::Client,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Who used an address at a moment: the facts of it are loaded and judged.
    Who,
    /// The weekly report of a school.
    Report,
    /// Every rule over a day.
    Audit,
    /// Grafana and the like: statements of their own on the socket.
    Client,
    /// The least question there is, by every reader in between: whoever waits for it was held up by others.
    Knock,
}

/// What one reader saw: how long it waited, in microseconds, by what it asked.
type Waits = BTreeMap<Kind, Vec<u64>>;

#[test]
fn ten_readers_and_a_writer_do_not_hinder_each_other() {
    let Some(home) = Home::with_engine("readers") else {
        return;
    };
    fill(&home);
    let before = asked_for("INVIGIL_READERS_BATCHES").unwrap_or(0);
    for first in (0..before).step_by(20) {
        write(&home, first..(first + 20).min(before));
    }
    let serving = Serving::start(&home);
    let long = seconds();
    let until = now() + long.unwrap_or(Duration::from_secs(10));
    let over = AtomicBool::new(false);
    let store = store(&home);
    let (waits, memory, batches) = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS.len())
            .map(|number| {
                let (store, home, over) = (store.clone(), &home, &over);
                scope.spawn(move || {
                    Reader {
                        store,
                        home,
                        number,
                    }
                    .reads(over)
                })
            })
            .collect();
        let writer = scope.spawn(|| writes(&home, before, &over));
        let memory = watched(&serving, until);
        over.store(true, Ordering::Relaxed);
        let waits: Vec<Waits> = readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect();
        (waits, memory, writer.join().unwrap())
    });
    let told = told(&waits);
    println!(
        "readers: {} batches of {LINES} lines were written; resident MB: {}",
        batches,
        memory
            .iter()
            .map(|bytes| (bytes >> 20).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    );
    assert!(batches > before, "the writer wrote nothing");
    for (number, kind) in READERS.iter().enumerate() {
        assert!(
            !waits[number][kind].is_empty(),
            "reader {number} was never answered"
        );
    }
    const COUNT: Sql = Sql::embedded(
        "test/written",
        "SELECT count() AS n FROM web_hits WHERE host = 'written.example'",
    );
    let written: Vec<BTreeMap<String, u64>> = store.rows(COUNT, &Params::new()).unwrap();
    assert_eq!(written[0]["n"], batches * LINES);
    let highest = memory.iter().copied().max().unwrap();
    assert!(highest < 3 << 30, "the engine may take 2 GiB: {highest}");
    if long.is_some() {
        // A report or a name is many questions one after the other; these are one each.
        for kind in [Kind::Knock, Kind::Client] {
            let longest = told[&kind];
            assert!(
                longest < 1_000_000,
                "a reader waited {longest} µs for {kind:?}"
            );
        }
        flat(&memory);
    }
}

/// The last third of the time takes no more memory than the second, but for a tenth.
fn flat(memory: &[u64]) {
    let third = memory.len() / 3;
    let middle = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part[part.len() / 2]
    };
    let (second, last) = (
        middle(&memory[third..2 * third]),
        middle(&memory[2 * third..]),
    );
    assert!(
        last <= second + second / 10,
        "memory grew from {second} to {last}"
    );
}

/// Prints what was waited, and answers with the longest wait of each kind.
fn told(all: &[Waits]) -> BTreeMap<Kind, u64> {
    let mut longest = BTreeMap::new();
    println!("reader   asked      times    p50 ms    p99 ms    max ms");
    for (number, waits) in all.iter().enumerate() {
        for (kind, waits) in waits {
            let mut waits = waits.clone();
            waits.sort_unstable();
            let at = |part: usize| waits[(waits.len() - 1) * part / 100] as f64 / 1000.0;
            println!(
                "{number:>6}   {:<8} {:>7} {:>9.1} {:>9.1} {:>9.1}",
                format!("{kind:?}"),
                waits.len(),
                at(50),
                at(99),
                at(100)
            );
            let most = longest.entry(*kind).or_default();
            *most = waits.last().copied().unwrap_or_default().max(*most);
        }
    }
    longest
}

/// How long a guest waits before his next question.
const BETWEEN_QUESTIONS: Duration = Duration::from_millis(500);

struct Reader<'a> {
    store: Store,
    home: &'a Home,
    number: usize,
}

impl Reader<'_> {
    fn reads(&self, over: &AtomicBool) -> Waits {
        let kind = READERS[self.number];
        let mut waits = Waits::new();
        let mut turn = self.number;
        while !over.load(Ordering::Relaxed) {
            for asked in [kind, Kind::Knock] {
                let began = now();
                self.asks(asked, turn);
                let waited = u64::try_from(began.elapsed().as_micros()).unwrap();
                waits.entry(asked).or_default().push(waited);
            }
            if kind == Kind::Client {
                // All guests on the socket together have 600 questions a minute.
                std::thread::sleep(BETWEEN_QUESTIONS);
            }
            turn += 1;
        }
        waits
    }

    fn asks(&self, kind: Kind, turn: usize) {
        match kind {
            Kind::Who => self.who(turn),
            Kind::Report => self.report(turn),
            Kind::Audit => self.audit(turn),
            Kind::Client => self.client(turn),
            Kind::Knock => {
                const KNOCK: Sql = Sql::embedded("test/knock", "SELECT 1");
                self.store.bytes(KNOCK, &Params::new(), "TSV").unwrap();
            }
        }
    }

    fn who(&self, turn: usize) {
        let last = u8::try_from(10 + turn * 7 % 190).unwrap();
        let address = IpAddr::from([10, 21, 4, last]);
        let hour = i64::try_from(turn * 37 % (12 * 24)).unwrap();
        let moment = moment("2026-03-03T00:00:00Z").plus_seconds(hour * 3600);
        let facts = Facts::load(
            &self.store,
            &BTreeSet::from([address]),
            moment,
            moment.plus_micros(1),
            AttributeSettings::default(),
        )
        .unwrap();
        facts.who(address, moment, None);
    }

    fn report(&self, turn: usize) {
        let zone = Zone::named("Europe/London").unwrap();
        let monday = monday(zone.day(moment("2026-03-04T00:00:00Z")));
        let settings = DetectSettings::new(zone.clone(), AttributeSettings::default());
        let establishment = ["hawthorn", "oakfield", "brook_lane"][turn % 3];
        let case = Case {
            store: &self.store,
            since: zone.start_of_day(monday),
            until: zone.start_of_day(add_days(monday, 7)),
            now: moment("2026-03-16T00:00:00Z"),
            settings: &settings,
        };
        let identified = identification(&case, establishment).unwrap();
        let asked = Weekly {
            establishment,
            monday,
            zone: &zone,
            provider: "Region",
            made: case.now,
            identified,
        };
        weekly(&self.store, &asked).unwrap();
    }

    fn audit(&self, turn: usize) {
        let since =
            moment("2026-03-02T00:00:00Z").plus_seconds(i64::try_from(turn % 14).unwrap() * 86_400);
        let asked = Asked {
            since,
            until: since.plus_seconds(86_400),
            establishment: None,
            rules: Vec::new(),
        };
        let zone = Zone::named("Europe/London").unwrap();
        let settings = DetectSettings::new(zone, AttributeSettings::default());
        audit(
            &self.store,
            &asked,
            moment("2026-03-16T00:00:00Z"),
            &settings,
        )
        .unwrap();
    }

    /// A stranger's statement, on the socket, without the program's word.
    fn client(&self, turn: usize) {
        let statement = [
            "SELECT toStartOfHour(time) AS hour, count() FROM web_hits GROUP BY hour ORDER BY hour",
            "SELECT host, count() AS n FROM web_hits GROUP BY host ORDER BY n DESC LIMIT 10",
            "SELECT application, sum(src_bytes + dst_bytes) FROM flows GROUP BY application",
            "SELECT action, uniq(client_ip) FROM web_hits GROUP BY action FORMAT JSONCompact",
        ][turn % 4];
        let mut socket = UnixStream::connect(self.home.data().join("store.sock")).unwrap();
        let head = format!(
            "POST /?database=invigil HTTP/1.0\r\nContent-Length: {}\r\n\r\n{statement}",
            statement.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 OK"), "{answer}");
        assert!(!answer.contains("DB::Exception"), "{answer}");
    }
}

/// Ingests one file after the other, as a log that is rotated; answers with how many there are then.
fn writes(home: &Home, before: u64, over: &AtomicBool) -> u64 {
    let mut batches = before;
    while !over.load(Ordering::Relaxed) {
        write(home, batches..batches + 1);
        batches += 1;
    }
    batches
}

fn write(home: &Home, batches: Range<u64>) {
    let log = home.path("written.log");
    let stored = LINES * (batches.end - batches.start);
    let mut file = BufWriter::new(File::create(&log).unwrap());
    for (batch, line) in batches.flat_map(|batch| (0..LINES).map(move |line| (batch, line))) {
        let second = 1_775_000_000 + batch * 60 + line / 400;
        writeln!(
            file,
            "{second}.{:03}    131 10.21.4.{} TCP_MISS/200 {} GET http://written.example/{batch}/{line} - HIER_DIRECT/198.51.100.61 text/html",
            line % 1000,
            10 + line % 200,
            1000 + line
        )
        .unwrap();
    }
    file.flush().unwrap();
    let counts = home.ingest(&log);
    assert_eq!(counts.stored, stored);
}

/// The resident memory of the process that serves, from time to time.
fn watched(serving: &Serving, until: Instant) -> Vec<u64> {
    let every = (until - now()).div_f64(20.0).min(Duration::from_secs(30));
    let mut seen = Vec::new();
    while now() < until {
        std::thread::sleep(every);
        seen.push(serving.resident());
    }
    seen
}

/// `invigil store serve` in a process of its own.
pub(crate) struct Serving(Child);

impl Serving {
    pub(crate) fn start(home: &Home) -> Serving {
        let mut command = home.command(&["store", "serve"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert!(line.contains("answers"), "{line}");
        Serving(child)
    }

    fn resident(&self) -> u64 {
        let statm = Path::new("/proc")
            .join(self.0.id().to_string())
            .join("statm");
        let text = std::fs::read_to_string(statm).unwrap();
        text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The store as another process of the same person opens it.
fn store(home: &Home) -> Store {
    let keys = KeyRing::open(&home.path("keys"), &home.data()).unwrap();
    let engine = home.engine().unwrap();
    let settings = StoreSettings::embedded(
        &home.data(),
        engine,
        keys.key(Purpose::Store),
        moment("2026-03-16T00:00:00Z"),
    );
    let store = Store::open(&settings).unwrap();
    assert!(!store.is_owner());
    store
}

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// How long the long run is, if this is one.
fn seconds() -> Option<Duration> {
    asked_for("INVIGIL_READERS_SECONDS").map(Duration::from_secs)
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever wants the long run says so"
)]
fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "waits are what is measured")]
fn now() -> Instant {
    Instant::now()
}

/// The lines of one file of the writer.
const LINES: u64 = 20_000;
