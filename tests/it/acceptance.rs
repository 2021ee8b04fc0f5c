//! What the product must hold before anybody relies on it: one test for each, by its name, on the invented region.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use ring::digest::{SHA256, SHA512, digest};

use crate::home::{Home, region};

/// The region's registers, lists, logs and captures, read once for all; one command at a time has the store.
fn the_region() -> Option<MutexGuard<'static, Home>> {
    static REGION: OnceLock<Option<Mutex<Home>>> = OnceLock::new();
    let home = REGION.get_or_init(|| {
        let config = std::fs::read_to_string(region("invigil.toml")).unwrap();
        let home = Home::with_engine("acceptance")?.configured(&config);
        for kind in ["establishments", "networks", "links", "accounts", "devices"] {
            let file = region("registers").join(format!("{kind}.csv"));
            home.ends(0, &["register", kind, "import", text(&file)]);
        }
        let list = |args: &[&str], file: &str| {
            home.ends(
                0,
                &[
                    &["lists", "add"],
                    args,
                    &[text(&region("lists").join(file))],
                ]
                .concat(),
            );
        };
        list(
            &["gambling", "--kind", "plain", "--category", "gambling"],
            "gambling.txt",
        );
        list(
            &[
                "help-sites",
                "--kind",
                "plain",
                "--category",
                "help",
                "--allow",
            ],
            "help-sites.txt",
        );
        let logs = region("logs").join("*.gz");
        home.ends(
            0,
            &[
                "ingest",
                "--quiet",
                "--reference",
                "2026-03-16T00:00:00Z",
                text(&logs),
            ],
        );
        Some(Mutex::new(home))
    });
    Some(
        home.as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    )
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn request(name: &str) -> String {
    std::fs::read_to_string(region("requests").join(name)).unwrap()
}

/// What comes of a request: the exit code and all that was said.
fn export(home: &Home, name: &str, request: &str) -> (i32, String) {
    let file = home.path(&format!("{name}.toml"));
    std::fs::write(&file, request).unwrap();
    let out = home.path(name);
    let output = home.run(&[
        "evidence",
        "export",
        "--request",
        text(&file),
        "--out",
        text(&out),
        "--keep-folder",
    ]);
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(said).unwrap(),
    )
}

/// The package that comes of a request, as a folder.
fn package(home: &Home, name: &str, request: &str) -> PathBuf {
    let (code, said) = export(home, name, request);
    assert_eq!(code, 0, "{said}");
    PathBuf::from(said.lines().next().unwrap())
}

fn refused(home: &Home, name: &str, request: &str, gate: &str) -> String {
    let (code, said) = export(home, name, request);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(gate), "refused, and not by {gate}: {said}");
    assert!(!home.path(name).exists(), "a folder was made for nothing");
    // The refusal is an entry of the ledger, by its gate.
    let entries = home.ends(0, &["ledger", "show", "--json"]);
    let entries: serde_json::Value = serde_json::from_str(&entries).unwrap();
    let answered = entries.as_array().unwrap().iter().any(|entry| {
        let answer = &entry["act"]["gate_answered"];
        answer["gate"] == gate && answer["passed"] == false
    });
    assert!(answered, "that {gate} refused stands not in the ledger");
    said
}

#[test]
fn la_asks_icr() {
    let Some(home) = the_region() else { return };
    let gate = "local_authority_without_connection_records";
    let said = refused(&home, "council", &request("council.toml"), gate);
    assert!(said.contains("s.62"), "{said}");
}

#[test]
fn notice_window_without_zone() {
    let Some(home) = the_region() else { return };
    let without = request("police.toml").replace("zone = \"Europe/London\"\n", "");
    refused(&home, "zoneless", &without, "zone_given");
}

#[test]
fn window_over_last_sunday_october() {
    let Some(home) = the_region() else { return };
    let twice = request("police.toml")
        .replace("2026-03-12T12:00:00", "2025-10-26T01:15:00")
        .replace("2026-03-12T13:00:00", "2025-10-26T04:00:00");
    let said = refused(&home, "october", &twice, "window_lawful");
    assert!(said.contains("happened twice"), "{said}");
    for moment in ["2025-10-26T00:15:00", "2025-10-26T01:15:00"] {
        assert!(said.contains(moment), "{moment} is not shown: {said}");
    }
}

#[test]
fn url_in_cd_package() {
    let Some(home) = the_region() else { return };
    let folder = package(&home, "urls", &request("police.toml"));
    let csv = std::fs::read(folder.join("data/records/web_records.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let names = reader.headers().unwrap().clone();
    let url = names.iter().position(|name| name == "url").unwrap();
    assert!(
        !names
            .iter()
            .any(|name| ["path", "query", "referrer", "search_terms"].contains(&name))
    );
    let mut rows = 0;
    for row in reader.records() {
        let row = row.unwrap();
        let behind = row[url]
            .split_once("://")
            .map_or(&row[url], |(_, behind)| behind);
        assert_eq!(
            behind.find('/'),
            Some(behind.len() - 1),
            "{behind} goes on behind its first slash"
        );
        assert!(!behind.contains(['?', '#']), "{behind}");
        rows += 1;
    }
    assert_eq!(rows, 26);
}

#[test]
fn staff_subject_without_hr_step() {
    let Some(home) = the_region() else { return };
    let internal = request("police.toml")
        .replace("regime = \"ipa_60a\"", "regime = \"internal\"")
        .replace("kind = \"police\"", "kind = \"internal\"")
        .replace("purpose = \"serious_crime\"", "purpose = \"policy_breach\"")
        .replace("role = \"suspect\"", "role = \"suspect\"\nstaff = true");
    refused(&home, "staff", &internal, "human_resources_told");
    let told = internal.replace(
        "staff = true",
        "staff = true\nhr_informed = \"2026-03-16T12:00:00Z\"",
    );
    assert_eq!(export(&home, "told", &told).0, 0);
}

#[test]
fn two_users_one_ip_within_15_minutes() {
    let Some(home) = the_region() else { return };
    let who = |moment: &str| {
        let output = home.run(&["who", "10.21.4.77", "--at", moment, "--json"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let token = |account: &str| {
        let answer = home.ends(0, &["who", "10.21.4.77", "--at", account, "--json"]);
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["account"].as_str().unwrap().to_owned()
    };
    // One stops at 10:22:41, the other starts at 10:31:17; clocks may be a second off.
    let (first, second) = (token("2026-03-11T10:15:00Z"), token("2026-03-11T10:34:00Z"));
    assert_ne!(first, second);
    assert!(who("2026-03-11T10:22:39Z").contains(&first));
    for between in [
        "2026-03-11T10:22:43Z",
        "2026-03-11T10:27:00Z",
        "2026-03-11T10:31:15Z",
    ] {
        let answer: serde_json::Value = serde_json::from_str(&who(between)).unwrap();
        assert_eq!(answer["verdict"], "not_attributable", "{between}: {answer}");
    }
    assert!(who("2026-03-11T10:31:19Z").contains(&second));
}

#[test]
fn one_byte_of_any_payload_changed() {
    let Some(home) = the_region() else { return };
    let folder = package(&home, "changed", &request("police.toml"));
    let signer = home.path("signer.pub");
    std::fs::write(&signer, home.ends(0, &["evidence", "signer"])).unwrap();
    let verify = |more: &[&str]| home.run(&[&["evidence", "verify", text(&folder)], more].concat());
    let signed = ["--signer", text(&signer)];
    assert_eq!(verify(&signed).status.code(), Some(0));
    for file in files(&folder.join("data")) {
        let whole = std::fs::read(&file).unwrap();
        let Some(middle) = whole.len().checked_sub(1).map(|last| last / 2) else {
            continue;
        };
        let mut changed = whole.clone();
        changed[middle] ^= 1;
        std::fs::write(&file, changed).unwrap();
        let said = verify(&signed);
        assert_eq!(said.status.code(), Some(1), "{}", file.display());
        let name = text(file.strip_prefix(&folder).unwrap()).to_owned();
        assert!(
            String::from_utf8(said.stdout).unwrap().contains(&name),
            "{name} is not named"
        );
        assert_ne!(bagit(&folder), Some(true), "{name}");
        std::fs::write(&file, whole).unwrap();
    }
    // Whoever changes the manifests too is found by the signature; whoever signs anew, by the proofs.
    let original = files(&folder.join("data/originals")).remove(0);
    let mut line = std::fs::read(&original).unwrap();
    line[0] ^= 1;
    std::fs::write(&original, line).unwrap();
    write_manifests(&folder);
    assert_ne!(bagit(&folder), Some(false), "the manifests are whole again");
    let minisign = Command::new("minisign")
        .args([
            "-V",
            "-p",
            text(&signer),
            "-m",
            text(&folder.join("tagmanifest-sha256.txt")),
        ])
        .output();
    assert!(minisign.is_err() || !minisign.unwrap().status.success());
    let unsigned = verify(&[]);
    assert_eq!(unsigned.status.code(), Some(1));
    let said = String::from_utf8(unsigned.stdout).unwrap();
    assert!(
        said.contains("originals") && said.contains("not the line that was collected"),
        "{said}"
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long an export takes says when to kill it"
)]
fn an_export_that_is_killed_leaves_a_whole_package_or_none() {
    let Some(home) = the_region() else { return };
    let file = home.path("killed.toml");
    std::fs::write(&file, request("police.toml")).unwrap();
    let out = home.path("killed");
    let export = [
        "evidence",
        "export",
        "--request",
        text(&file),
        "--out",
        text(&out),
        "--keep-folder",
    ];
    let begun = std::time::Instant::now();
    home.ends(0, &export);
    let whole = begun.elapsed();
    let turns = 12;
    for turn in 1..=turns {
        let mut exporting = home
            .command(&export)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Most of it is the engine's start: the later half of the moments fall into what comes then.
        std::thread::sleep(whole / 2 + whole * turn / (2 * turns));
        exporting.kill().unwrap();
        exporting.wait().unwrap();
    }
    home.ends(0, &["ledger", "verify"]);
    let signer = home.path("killed.pub");
    std::fs::write(&signer, home.ends(0, &["evidence", "signer"])).unwrap();
    let entries = home.ends(0, &["ledger", "show", "--json"]);
    let mut packages = 0;
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !text(&path).ends_with(".partial") {
            home.ends(
                0,
                &["evidence", "verify", text(&path), "--signer", text(&signer)],
            );
            // Nothing is handed over that the ledger does not know.
            let signed = std::fs::read(path.join("tagmanifest-sha256.txt")).unwrap();
            let hash: String = digest(&SHA256, &signed)
                .as_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert!(entries.contains(&hash), "{} is no entry", path.display());
            packages += 1;
        }
    }
    assert!(packages > 0);
}

#[test]
fn pcap_with_drops() {
    let Some(home) = the_region() else { return };
    let capture = home.path("lossy.pcapng");
    std::fs::write(&capture, lossy_capture()).unwrap();
    let counts = home.path("counts.json");
    home.ends(
        0,
        &[
            "capture",
            "-r",
            text(&capture),
            "--counts-json",
            text(&counts),
        ],
    );
    let counted: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&counts).unwrap()).unwrap();
    assert_eq!(
        (
            counted["dropped_kernel"].as_u64(),
            counted["dropped_device"].as_u64()
        ),
        (Some(41), Some(7))
    );
    let wanted = request("police.toml")
        .replace("\"web_records\", \"sign_ins\"", "\"connection_records\"")
        .replace(
            "kind = \"account\"\nvalue = \"p10217\"",
            "kind = \"address\"\nvalue = \"10.21.0.36\"",
        );
    let folder = package(&home, "lossy", &wanted);
    let operating = std::fs::read_to_string(folder.join("data/operating.json")).unwrap();
    assert!(
        operating.contains("48 packets or lines of source"),
        "{operating}"
    );
    let statement = std::fs::read_to_string(folder.join("data/statement.md")).unwrap();
    assert!(
        statement.contains("are incomplete: ")
            && statement.contains("48 packets or lines of source"),
        "{statement}"
    );
    if let Ok(report) = Command::new("pdftotext")
        .arg(folder.join("data/report.pdf"))
        .arg("-")
        .output()
    {
        let report = String::from_utf8_lossy(&report.stdout).into_owned();
        assert!(
            report.contains("Incomplete.") && report.contains("48 packets or lines"),
            "{report}"
        );
    }
    home.ends(0, &["evidence", "replay", text(&folder)]);
}

/// Two packets of the pupil's address within the request's hour, and statistics of what was lost.
fn lossy_capture() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    };
    let mut file = block(
        0x0a0d_0d0a,
        &[
            &0x1a2b_3c4d_u32.to_le_bytes()[..],
            &[1, 0, 0, 0],
            &[0xff; 8],
        ]
        .concat(),
    );
    file.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
    // Ethernet, IPv4 without a checksum that anybody asks for, UDP from 10.21.0.36 to 192.0.2.9.
    let frame: Vec<u8> = [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..],
        &[
            0x45, 0, 0, 32, 0, 1, 0, 0, 64, 17, 0, 0, 10, 21, 0, 36, 192, 0, 2, 9,
        ],
        &[0x9c, 0x40, 0x27, 0x0f, 0, 12, 0, 0, 1, 2, 3, 4],
        &[0; 14],
    ]
    .concat();
    let micros = |seconds: u64| {
        let ticks = (1_773_318_000 + seconds) * 1_000_000;
        [
            u32::try_from(ticks >> 32).unwrap(),
            u32::try_from(ticks & 0xffff_ffff).unwrap(),
        ]
        .map(u32::to_le_bytes)
        .concat()
    };
    for seconds in [0, 1] {
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        file.extend(block(
            6,
            &[&[0; 4][..], &micros(seconds), &length, &length, &frame].concat(),
        ));
    }
    // Counts go on from the beginning: of two statistics the later one holds.
    for (device, system) in [(3_u64, 20_u64), (7, 41)] {
        let options = [
            &[5, 0, 8, 0][..],
            &device.to_le_bytes(),
            &[7, 0, 8, 0],
            &system.to_le_bytes(),
            &[0; 4],
        ]
        .concat();
        file.extend(block(5, &[&[0; 4][..], &micros(2), &options].concat()));
    }
    file
}

/// Whether `bagit.py` accepts the folder; nothing where there is none.
fn bagit(folder: &Path) -> Option<bool> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/bagit.py");
    let output = Command::new(program)
        .arg("--validate")
        .arg(folder)
        .output()
        .ok()?;
    Some(output.status.success())
}

/// Writes all four manifests of a package anew.
fn write_manifests(folder: &Path) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let lines = |paths: &[PathBuf], algorithm| {
        let line = |path: &PathBuf| {
            let hash = digest(algorithm, &std::fs::read(path).unwrap());
            format!(
                "{}  {}\n",
                hex(hash.as_ref()),
                text(path.strip_prefix(folder).unwrap())
            )
        };
        paths.iter().map(line).collect::<String>()
    };
    let payload = files(&folder.join("data"));
    std::fs::write(folder.join("manifest-sha256.txt"), lines(&payload, &SHA256)).unwrap();
    std::fs::write(folder.join("manifest-sha512.txt"), lines(&payload, &SHA512)).unwrap();
    let tags: Vec<PathBuf> = [
        "VERIFY.md",
        "bag-info.txt",
        "bagit.txt",
        "manifest-sha256.txt",
        "manifest-sha512.txt",
        "verify.py",
    ]
    .map(|name| folder.join(name))
    .into();
    let (short, long) = (lines(&tags, &SHA256), lines(&tags, &SHA512));
    std::fs::write(folder.join("tagmanifest-sha256.txt"), short).unwrap();
    std::fs::write(folder.join("tagmanifest-sha512.txt"), long).unwrap();
}

/// Every file below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn embedded_widget() {
    let Some(home) = the_region() else { return };
    let output = home.run(&[
        "audit",
        "--since",
        "2026-03-02T00:00:00Z",
        "--until",
        "2026-03-16T00:00:00Z",
        "--json",
    ]);
    assert_eq!(output.status.code(), Some(1), "the region has findings");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let days: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| {
            finding["rule"] == "category_hit" && finding["establishment"] == "hawthorn"
        })
        .map(|finding| &finding["window_from"].as_str().unwrap()[..10])
        .collect();
    // On the tenth a page about football pulled in one script of a betting advert; on the twelfth somebody asked for such pages.
    assert!(
        !days.contains(&"2026-03-10"),
        "an advert is taken for intent: {days:?}"
    );
    assert!(days.contains(&"2026-03-12"), "{days:?}");
}
