//! `kill -9` in the middle of what changes the store beside storing: retention, mending, a backup. The next run heals.
//!
//! `make test` does a few; more is `INVIGIL_KILLS=40 cargo test --test it broken_off -- --nocapture`.

use std::time::Duration;

use invigil::store::Params;

use crate::backup::{identity, walk};
use crate::check::{SPOIL, faults, store_of};
use crate::home::Home;
use crate::keep::{AT, content, gone_again, hits, ledger, old_log, recent_log, retain};
use crate::kills::{Random, asked, exactly_once, killed_after, time_of, write_log};

/// A moment within the whole of a time: the work comes after the start, and is done anew by each run.
fn anywhere(random: &mut Random, whole: Duration) -> Duration {
    random.moment(whole * 3)
}

#[test]
fn a_deletion_that_is_killed_is_finished_and_says_what_went() {
    let arguments = ["--quiet", "store", "retain", "--until", AT];
    let (mut random, mut kills, mut homes, mut whole) = (Random(20_261_125), 0, 0, None);
    let mut open = 0;
    while kills < asked("INVIGIL_KILLS", 3) {
        let Some(home) = Home::with_engine("kills of retention") else {
            return;
        };
        old_log(&home);
        recent_log(&home);
        let Some(whole) = whole else {
            whole = Some(time_of(&home, &arguments));
            continue;
        };
        // A run that has nothing left to delete takes its time too: a home is killed in twice at most.
        for _ in 0..2 {
            if !killed_after(&home, &arguments, anywhere(&mut random, whole)) {
                break;
            }
            kills += 1;
            // What is half gone is named, and nothing of it is brought back.
            let (code, left, mended) = faults(&home, &["--mend"]);
            let is_named = |fault: &String| fault.starts_with("deletion_unfinished");
            assert!(left.iter().all(is_named), "{left:?}");
            open += u64::from(!left.is_empty());
            assert_eq!(code, Some(if left.is_empty() { 0 } else { 3 }));
            assert_eq!(mended, [""; 0]);
        }
        retain(&home, 0, &[]);
        assert_eq!((hits(&home, "1"), content(&home).as_str()), (31, "20"));
        assert_eq!(faults(&home, &[]), (Some(0), vec![], vec![]));
        assert_eq!(gone_again(&home), 0);
        home.ends(0, &["ledger", "verify"]);
        let entries = ledger(&home);
        let of = |word: &str| {
            entries
                .iter()
                .filter(|e| e["act"].get(word).is_some())
                .count()
        };
        assert_eq!(of("deletion_begun"), of("deleted"));
        homes += 1;
    }
    println!(
        "{kills} kills of retention in {homes} homes, {open} between an announcement and its end ({whole:?} without a kill)"
    );
}

#[test]
fn a_mending_that_is_killed_is_taken_up_again() {
    let Some(home) = Home::with_engine("kills of mending") else {
        return;
    };
    let log = home.path("access.log");
    write_log(&log, 5_000);
    home.ingest(&log);
    let rows = exactly_once(&home, "web_hits", 5_000);
    let arguments = ["--quiet", "store", "check", "--mend"];
    let spoil = |id: &str| {
        let sql = SPOIL.iter().find(|sql| sql.id() == id).unwrap();
        store_of(&home).run(*sql, &Params::new()).unwrap();
    };
    spoil("test/lost");
    let whole = time_of(&home, &arguments);
    let (mut random, mut kills) = (Random(20_261_126), 0);
    for id in ["test/twice", "test/lost", "test/rejects", "test/all"]
        .iter()
        .cycle()
    {
        spoil(id);
        while kills < asked("INVIGIL_KILLS", 4)
            && killed_after(&home, &arguments, anywhere(&mut random, whole))
        {
            kills += 1;
        }
        let (code, left, _) = faults(&home, &["--mend"]);
        assert_eq!((code, left), (Some(0), vec![]), "{id}");
        assert_eq!(exactly_once(&home, "web_hits", 5_000), rows, "{id}");
        if kills >= asked("INVIGIL_KILLS", 4) {
            break;
        }
    }
    println!("{kills} kills of mending ({whole:?} without a kill)");
}

#[test]
fn a_backup_that_is_killed_leaves_nothing_that_looks_whole_and_nothing_frozen() {
    let Some(home) = Home::with_engine("kills of a backup") else {
        return;
    };
    old_log(&home);
    recent_log(&home);
    let recipient = identity(&home).1;
    std::fs::create_dir(home.path("sets")).unwrap();
    let set = |name: &str| home.path("sets").join(name).to_str().unwrap().to_owned();
    let backup = |set: &str| {
        ["--quiet", "store", "backup", set, "--recipient", &recipient].map(str::to_owned)
    };
    let of = |all: &[String; 6]| -> Vec<&'static str> {
        all.iter().map(|one| &*one.clone().leak()).collect()
    };
    let whole = time_of(&home, &of(&backup(&set("first"))));
    let mut random = Random(20_261_127);
    let mut kills = 0;
    while kills < asked("INVIGIL_KILLS", 3) {
        let name = set(&format!("killed-{kills}"));
        if !killed_after(&home, &of(&backup(&name)), anywhere(&mut random, whole)) {
            home.ends(0, &["store", "drill", &name]);
            std::fs::remove_dir_all(&name).unwrap();
            continue;
        }
        kills += 1;
        let partial = format!("{name}.partial");
        if std::path::Path::new(&partial).exists() {
            let said = home.run(&["store", "drill", &partial]);
            assert_eq!(said.status.code(), Some(1), "{said:?}");
        }
        // Killed after it had its name, it is whole.
        if std::path::Path::new(&name).exists() {
            home.ends(0, &["store", "drill", &name]);
        } else {
            home.ends(0, &of(&backup(&name)));
            home.ends(0, &["store", "drill", &name]);
        }
        assert!(!std::path::Path::new(&partial).exists());
    }
    // As the engine leaves it when its end comes while it counts what it has frozen.
    for shadow in ["store/shadow", "store/enc/shadow"] {
        std::fs::create_dir_all(home.data().join(shadow)).unwrap();
        std::fs::write(home.data().join(shadow).join("increment.txt"), "").unwrap();
    }
    home.ends(0, &of(&backup(&set("last"))));
    let is_frozen = |path: &std::path::PathBuf| path.to_string_lossy().contains("invigil_backup");
    assert!(!walk(&home.data()).iter().any(is_frozen));
    home.ends(0, &["store", "check"]);
    home.ends(0, &["ledger", "verify"]);
    println!("{kills} kills of a backup ({whole:?} without a kill)");
}
