//! Reports and dashboards on the engine, from rows by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::attribute::fill::fill;
use crate::record::calendar::Zone;
use crate::record::{Timestamp, Verdict};
use crate::store::scratch::Scratch;
use crate::store::{Params, Sql};

#[test]
fn the_weekly_digest_tells_the_week_and_is_the_same_each_time() {
    let Some(scratch) = scratch() else { return };
    let document = digest(&scratch);
    let figures: BTreeMap<&str, &str> = document
        .sections
        .iter()
        .flat_map(|section| &section.parts)
        .filter_map(|part| match part {
            Part::Figures(figures) => Some(figures),
            _ => None,
        })
        .flatten()
        .map(|figure| (figure.label.as_str(), figure.value.as_str()))
        .collect();
    // 580 let through, 52 refused, one in the last second of Sunday; Monday's first second is the next week's.
    assert_eq!(figures["Requests"], "633");
    assert_eq!(figures["Refused by the filter"], "52");
    assert_eq!(figures["Met one of our lists"], "33");
    let page = render::html(&document).unwrap();
    assert_eq!(page, render::html(&digest(&scratch)).unwrap());
    golden(&fixtures().join("expected.html"), &page);
    let text = String::from_utf8(page).unwrap();
    assert!(
        text.contains("Oakfield Primary &#60;School&#62; &#38; Nursery"),
        "names are escaped"
    );
    assert!(!text.contains("<script") && !text.contains("http://") && !text.contains("https://"));
    let csv = String::from_utf8(render::csv(&document).unwrap()).unwrap();
    assert!(csv.contains("What happened,Key figures,Requests,value,633"));
    let json: Value = serde_json::from_slice(&render::json(&document).unwrap()).unwrap();
    assert_eq!(json["report"], "weekly");
}

#[test]
fn the_trend_has_every_establishment_and_leaves_out_what_nobody_counted() {
    let Some(scratch) = scratch() else { return };
    let last = jiff::civil::date(2026, 3, 9);
    let document = trend(&scratch.store, last, 8, &zone(), "a provider", now()).unwrap();
    let headings: Vec<&str> = document
        .sections
        .iter()
        .map(|section| section.heading.as_str())
        .collect();
    assert_eq!(
        headings[1..3],
        ["Elmtree High", "Oakfield Primary <School> & Nursery"]
    );
    let Part::Chart(chart) = &document.sections[2].parts[0] else {
        panic!("a chart")
    };
    assert_eq!(chart.labels, ["W10", "W11"]);
    assert_eq!(chart.series[0].values, [40, 52]);
    assert!(!render::html(&document).unwrap().is_empty());
}

#[test]
fn an_establishment_that_no_register_has_is_refused() {
    let Some(scratch) = scratch() else { return };
    let zone = zone();
    let asked = Weekly {
        establishment: "nowhere",
        monday: jiff::civil::date(2026, 3, 9),
        zone: &zone,
        provider: "a provider",
        made: now(),
        identified: BTreeMap::new(),
    };
    let error = weekly(&scratch.store, &asked).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no register has an establishment \"nowhere\""
    );
}

#[test]
fn every_panel_of_every_dashboard_runs_and_reads_views_only() {
    let Some(scratch) = scratch() else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let board: Value = serde_json::from_str(&text).unwrap();
        let panels = board["panels"].as_array().unwrap();
        let questions = panels
            .iter()
            .flat_map(|panel| panel["targets"].as_array().unwrap());
        let questions = questions.map(|target| target["rawSql"].as_str().unwrap());
        let variables = board["templating"]["list"].as_array().unwrap().iter();
        let variables = variables
            .filter(|v| v["type"] == "query")
            .map(|v| v["query"].as_str().unwrap());
        let mut asked = 0;
        for question in questions.chain(variables) {
            let views_only = question
                .split("FROM ")
                .skip(1)
                .all(|rest| rest.starts_with("v_"));
            assert!(views_only, "reads more than views: {question}");
            let sql = Sql::embedded(
                "dashboard",
                Box::leak(without_macros(question).into_boxed_str()),
            );
            let answer = scratch.store.bytes(sql, &Params::new(), "CSV");
            let answer = answer.unwrap_or_else(|error| panic!("{error}: {question}"));
            assert!(
                !answer.is_empty() || question.contains("establishment = ''"),
                "no rows: {question}"
            );
            asked += 1;
        }
        assert!(asked > 5);
    }
}

#[test]
fn the_page_opens_in_a_browser_without_a_scroll_bar_at_320_pixels() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    let page = std::fs::read_to_string(fixtures().join("expected.html")).unwrap();
    // The page itself forbids scripts: the frame around it measures it.
    let file = folder.path().join("page.html");
    let measured = page.replace("http-equiv=\"Content-Security-Policy\"", "name=\"removed\"").replace(
        "</body>",
        "<script>document.title = 'width ' + document.documentElement.scrollWidth + ' of ' + document.documentElement.clientWidth;</script></body>",
    );
    std::fs::write(&file, measured).unwrap();
    let frame = folder.path().join("frame.html");
    std::fs::write(&frame, "<iframe id=f src=page.html width=320 height=20000 style='border:0'></iframe><pre id=o></pre><script>f.onload=()=>{o.textContent=f.contentDocument.title}</script>").unwrap();
    let output = std::process::Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--allow-file-access-from-files",
        ])
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", frame.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    assert!(dom.contains("width 320 of 320"), "{dom}");
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn browser() -> Option<PathBuf> {
    let names = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = names.iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no chromium");
    }
    found
}

/// What Grafana's data source puts in for its macros and variables.
fn without_macros(question: &str) -> String {
    let from = "toDateTime('2026-03-02 00:00:00', 'UTC')";
    let to = "toDateTime('2026-03-16 12:00:00', 'UTC')";
    let mut sql = question
        .replace("$__fromTime", from)
        .replace("$__toTime", to);
    sql = sql.replace("${establishment:sqlstring}", "'oakfield','elmtree'");
    for (makro, with) in [
        (
            "$__timeFilter(",
            "@ >= toDateTime64('2026-03-02 00:00:00', 3, 'UTC') AND @ <= toDateTime64('2026-03-16 12:00:00', 3, 'UTC')",
        ),
        (
            "$__timeInterval(",
            "toStartOfInterval(toDateTime(@), INTERVAL 600 second)",
        ),
    ] {
        while let Some((before, rest)) = sql.split_once(makro) {
            let (column, after) = rest.split_once(')').unwrap();
            sql = format!("{before}{}{after}", with.replace('@', column));
        }
    }
    assert!(!sql.contains('$'), "an unknown macro: {sql}");
    sql
}

fn digest(scratch: &Scratch) -> Document {
    let zone = zone();
    let asked = Weekly {
        establishment: "oakfield",
        monday: jiff::civil::date(2026, 3, 9),
        zone: &zone,
        provider: "a provider",
        made: now(),
        identified: BTreeMap::from([
            (Verdict::Attributed, 180),
            (Verdict::Disputed, 2),
            (Verdict::Shared, 0),
            (Verdict::NotAttributable, 451),
        ]),
    };
    weekly(&scratch.store, &asked).unwrap()
}

fn scratch() -> Option<Scratch> {
    let scratch = Scratch::open()?;
    fill(&scratch.store, &fixtures().join("week"));
    Some(scratch)
}

fn zone() -> Zone {
    Zone::named("Europe/London").unwrap()
}

fn now() -> Timestamp {
    Timestamp::parse("2026-03-16T06:30:00Z").unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/report")
}

/// Compares with the file; `UPDATE_FIXTURES=1` writes it anew.
fn golden(path: &Path, made: &[u8]) {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(path, made).unwrap();
    }
    let expected = std::fs::read(path).unwrap_or_default();
    assert!(
        made == expected,
        "{} differs (UPDATE_FIXTURES=1 writes it anew)",
        path.display()
    );
}
