//! A packet's way in stages, each run with all before it.

use std::hint::black_box;
use std::path::Path;

use invigil::capture::{CaptureFile, Step};
use invigil::flow::{EndedFlow, Meter, MeterOptions, MeteredFlow};
use invigil::record::{AccountText, AccountToken, Packet, Place, RowBinary, SourceId, Tokens};

use super::best;

/// As far as the way goes, with all before.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Stage {
    Read,
    Decode,
    Table,
    Applications,
    Record,
    Encode,
}

const STAGES: [(&str, Stage); 6] = [
    ("read", Stage::Read),
    ("decode", Stage::Decode),
    ("key and table", Stage::Table),
    ("applications", Stage::Applications),
    ("record", Stage::Record),
    ("encode", Stage::Encode),
];

/// Prints the nanoseconds a packet of each stage.
pub(super) fn table(capture: &Path) {
    let (mut packets, mut flows) = (0, 0);
    let mut before = 0.0;
    println!("{:16}{:>12}{:>12}", "stage", "ns/packet", "so far");
    for (name, stage) in STAGES {
        let mut seen = (0, 0);
        let time = best(|| seen = run(capture, stage));
        packets = seen.0;
        flows = flows.max(seen.1);
        #[expect(clippy::cast_precision_loss, reason = "fewer packets than 2^52")]
        let so_far = time / packets as f64;
        let own = so_far - before;
        println!("{name:16}{own:>12.1}{so_far:>12.1}");
        before = so_far;
    }
    println!(
        "{packets} packets, {flows} flows; a packet of which nothing is heard or ended pays for no stage after the table"
    );
}

/// Goes once as far as one stage, and says how many packets that were.
pub(super) fn one(name: &str, capture: &Path) {
    let stage = STAGES
        .iter()
        .find(|(stage, _)| stage.replace(' ', "_") == name.replace(' ', "_"));
    let (_, stage) = stage.expect("read, decode, key_and_table, applications, record or encode");
    let (packets, flows) = run(capture, *stage);
    println!("{packets} packets, {flows} flows");
}

/// Goes as far as a stage; how many packets and flows that were.
fn run(capture: &Path, stage: Stage) -> (u64, u64) {
    let mut way = Way {
        stage,
        meter: Meter::new(MeterOptions {
            applications: stage >= Stage::Applications,
            ..MeterOptions::default()
        }),
        ended: Vec::new(),
        flows: 0,
        rows: Vec::new(),
    };
    let input = std::fs::File::open(capture).unwrap();
    let mut file = CaptureFile::open(Box::new(input)).unwrap();
    let mut packets = 0;
    while let Some(step) = file.next_step().unwrap() {
        if let Step::Packet(packet) = step {
            packets += 1;
            way.packet(&packet);
        }
    }
    let mut is_more = stage >= Stage::Table;
    while is_more {
        is_more = way.meter.finish_some(&mut way.ended);
        way.end();
    }
    (packets, way.flows)
}

struct Way {
    stage: Stage,
    meter: Meter,
    ended: Vec<EndedFlow>,
    flows: u64,
    rows: Vec<u8>,
}

impl Way {
    fn packet(&mut self, packet: &Packet<'_>) {
        match self.stage {
            Stage::Read => drop(black_box(packet.bytes.first())),
            Stage::Decode => drop(black_box(Meter::payload_bytes(packet))),
            _ => {
                black_box(self.meter.packet(packet, &mut self.ended));
                self.meter.heard().clear();
                self.end();
            }
        }
    }

    fn end(&mut self) {
        self.flows += self.ended.len() as u64;
        for ended in self.ended.drain(..) {
            if self.stage < Stage::Record {
                drop(black_box(ended));
                continue;
            }
            let metered = black_box(MeteredFlow::from(ended));
            if self.stage == Stage::Encode {
                let mut tokens = NoTokens;
                let mut rows = RowBinary::onto(std::mem::take(&mut self.rows), &mut tokens);
                let place = Place {
                    source: SourceId([0; 16]),
                    frame: metered.first_frame,
                    ordinal: 0,
                };
                rows.row(place, &metered.flow);
                self.rows = rows.into_bytes();
                if self.rows.len() > 1 << 17 {
                    self.rows.clear();
                }
            }
        }
    }
}

/// No flow of a packet has an account.
struct NoTokens;

impl Tokens for NoTokens {
    fn token(&mut self, _account: &AccountText) -> AccountToken {
        AccountToken([0; 16])
    }
}
