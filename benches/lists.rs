//! What an index of a million names and a hundred thousand networks costs: time, memory, hosts and addresses a second.
//!
//! `cargo bench --bench lists`. The lists are made here, the same on every machine (seed 2). Times are of this thread on a
//! processor, so that a busy machine tells much the same; each is the best of five.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench fails loudly and prints what it found"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use invigil::classify::{ListBuilder, ListIndex, ListKind, ListMeta, ListPart, PartKind};
use invigil::record::Timestamp;
use rustix::time::{ClockId, clock_gettime};

const NAMES: usize = 1_000_000;
const NETWORKS: usize = 100_000;
/// Enough for the kernel's count of time to be fine beside it.
const ROUNDS: usize = 300;

/// A small generator of numbers (xorshift), so that the fixture needs no crate.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn names() -> String {
    let mut numbers = Numbers(2);
    let mut text = String::new();
    for number in 0..NAMES {
        let word = numbers.below(u64::MAX);
        // As in lists of the trade: most are two labels, some are three.
        let line = match number % 3 {
            0 => format!("{word:x}.n{}.example\n", number % 997),
            1 => format!("{word:x}.example\n"),
            _ => format!("{word:x}.test\n"),
        };
        text.push_str(&line);
    }
    text
}

/// Networks of 20 to 32 bits, none twice: each fifth of a run of its own.
fn networks() -> String {
    let mut text = String::new();
    for number in 0..NETWORKS {
        let bits = [32, 30, 28, 26, 24].get(number % 5).copied().unwrap_or(32);
        let (high, low) = (number / 256, number % 256);
        text.push_str(&format!(
            "{}.{}.{}.0/{bits}\n",
            20 + high / 256,
            high % 256,
            low
        ));
    }
    text
}

fn compile(names: &str, networks: &str) -> ListIndex {
    let mut builder = ListBuilder::new();
    for (name, kind, part, text) in [
        ("names", ListKind::Plain, PartKind::Domains, names),
        ("networks", ListKind::Cidr, PartKind::Networks, networks),
    ] {
        let meta = ListMeta {
            name: name.to_owned(),
            kind,
            category: "games".to_owned(),
            version: "1".to_owned(),
            loaded: Timestamp::default(),
            allow: false,
            severity: None,
        };
        let part = ListPart {
            category: "games",
            kind: part,
            bytes: text.as_bytes(),
        };
        let counts = builder.add(meta, &[part]);
        assert_eq!(counts.skipped, 0, "every line of the fixture is an entry");
    }
    builder.build()
}

/// Nanoseconds that this thread has been on a processor.
fn on_processor() -> u64 {
    let said = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(said.tv_sec * 1_000_000_000 + said.tv_nsec)
        .expect("a thread's time is not negative")
}

fn best_of_five<T>(mut work: impl FnMut() -> T) -> f64 {
    let times = (0..5).map(|_| {
        let begin = on_processor();
        black_box(work());
        on_processor() - begin
    });
    times.min().unwrap_or(0) as f64 / 1e9
}

fn main() {
    let (names, networks) = (names(), networks());
    let seconds = best_of_five(|| compile(&names, &networks).len());
    let index = compile(&names, &networks);
    assert_eq!(index.len(), NAMES + NETWORKS, "nothing stands there twice");
    let memory = index.memory() as f64 / 1e6;
    println!(
        "{NAMES} names and {NETWORKS} networks: built in {seconds:.2} s, {memory:.1} MB in memory"
    );

    for (what, step, met) in [
        ("ten thousand, every second met", 97, 2),
        ("ten thousand, every twentieth met", 97, 20),
        ("a thousand, every twentieth met", 997, 20),
    ] {
        let mut hosts = Vec::new();
        for (at, name) in names.lines().step_by(step).enumerate() {
            hosts.push(match at % met {
                0 => format!("www.{name}"),
                _ => format!("www.x{name}"),
            });
        }
        let seconds = best_of_five(|| {
            let mut hits = 0;
            for _ in 0..ROUNDS {
                hits += hosts
                    .iter()
                    .filter(|host| !index.domain(host).is_empty())
                    .count();
            }
            assert_eq!(
                hits,
                ROUNDS * hosts.len().div_ceil(met),
                "as many as were meant"
            );
        });
        let rate = (hosts.len() * ROUNDS) as f64 / seconds / 1e6;
        println!("hosts, {what}: {rate:.2} million a second on one core");
    }

    let mut numbers = Numbers(3);
    let addresses: Vec<IpAddr> = (0..100_000)
        .map(|_| {
            let number = 20 * 0x0100_0000 + numbers.below(4 * 0x0100_0000);
            IpAddr::V4(Ipv4Addr::from(u32::try_from(number).expect("32 bits")))
        })
        .collect();
    let seconds = best_of_five(|| {
        let all = (0..ROUNDS / 10).flat_map(|_| &addresses);
        all.filter(|ip| !index.address(**ip).is_empty()).count()
    });
    let rate = (addresses.len() * ROUNDS / 10) as f64 / seconds / 1e6;
    println!("addresses: {rate:.2} million a second on one core");
}
