//! Reports as a person gets them: on schedule, each once, and with names withheld.

use crate::home::{Home, region};

#[test]
fn a_report_that_is_due_is_written_once() {
    let Some(home) = Home::with_engine("reports") else {
        return;
    };
    fill(&home);
    let folder = home.path("due");
    let config = home.path("invigil.toml");
    let schedule = format!(
        "[report]\nfolder = {folder:?}\n[[report.schedule]]\nreport = \"weekly\"\nday = \"monday\"\nat = \"06:30\"\n"
    );
    std::fs::write(&config, schedule).unwrap();
    let config = config.to_str().unwrap().to_owned();
    let run = |now: &str| {
        home.ends(
            0,
            &[
                "--quiet", "--config", &config, "report", "run", "--due", "--now", now,
            ],
        );
        let entries = std::fs::read_dir(&folder).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                (
                    path.file_name().unwrap().to_str().unwrap().to_owned(),
                    bytes,
                )
            })
            .collect();
        files.sort();
        files
    };
    let first = run("2026-03-16T06:31:00Z");
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "weekly-brook_lane-2026-W11.html",
            "weekly-hawthorn-2026-W11.html",
            "weekly-oakfield-2026-W11.html"
        ]
    );
    assert_eq!(run("2026-03-16T06:31:00Z"), first, "the same minute again");
    assert_eq!(run("2026-03-19T12:00:00Z"), first, "later in the week");
    assert_eq!(run("2026-03-23T06:31:00Z").len(), 6, "the week after");
}

#[test]
fn a_moment_without_a_zone_and_a_name_without_a_reason_are_refused() {
    let home = Home::without_engine();
    home.ends(2, &["who", "10.21.4.77", "--at", "2026-03-11T10:34:00"]);
    home.ends(
        2,
        &[
            "who",
            "10.21.4.77",
            "--at",
            "2026-03-11T10:34:00Z",
            "--reveal",
        ],
    );
    home.ends(2, &["audit", "--since", "2026-03-11"]);
}

fn fill(home: &Home) {
    for kind in ["establishments", "networks", "links"] {
        let file = region(&format!("registers/{kind}.csv"));
        home.ends(
            0,
            &[
                "--quiet",
                "register",
                kind,
                "import",
                file.to_str().unwrap(),
            ],
        );
    }
    let log = region("logs/squid-brook-lane.log.gz");
    home.ends(0, &["--quiet", "ingest", log.to_str().unwrap()]);
}
