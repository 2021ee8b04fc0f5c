//! The region simulator: the same seed gives the same bytes whatever the number of threads, and no name is wrong on what it makes.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::home::Home;

fn make(home: &Home, seed: &str, threads: &str, name: &str) -> String {
    let out = home.path(name).to_str().unwrap().to_owned();
    let words = [
        "--quiet",
        "simulate",
        "make",
        "--seed",
        seed,
        "--establishments",
        "3",
        "--days",
        "4",
        "--scale",
        "40",
        "--requests",
        "12",
        "--threads",
        threads,
        "--out",
        &out,
    ];
    home.ends(0, &words);
    out
}

/// The files below a folder with their content.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                std::fs::read(&path).unwrap(),
            );
        }
    }
    all
}

#[test]
fn a_region_is_the_same_whatever_the_number_of_threads() {
    let home = Home::without_engine();
    let one = make(&home, "7", "1", "one");
    let three = make(&home, "7", "3", "three");
    let (one, three) = (files(Path::new(&one)), files(Path::new(&three)));
    assert!(one.len() > 15, "{:?}", one.keys());
    assert!(one == three, "the files differ");
}

#[test]
fn a_folder_that_holds_something_is_not_written_to() {
    let home = Home::without_engine();
    let out = make(&home, "7", "2", "region");
    let output = home.run(&["simulate", "make", "--seed", "8", "--out", &out]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn no_name_is_wrong_on_a_simulated_region_and_nothing_that_can_be_known_is_missed() {
    let Some(home) = Home::with_engine("simulate") else {
        return;
    };
    // One seed with the change of the clocks in October, one with that in March.
    for seed in ["7", "8"] {
        let out = make(&home, seed, "2", seed);
        let said = home.ends(0, &["--json", "--quiet", "simulate", "score", &out]);
        let score: Value = serde_json::from_str(&said).unwrap();
        let number = |name: &str| score[name].as_u64().unwrap();
        let zero = [
            "wrong_names",
            "named_though_undeterminable",
            "not_stored",
            "establishment_wrong",
        ];
        for name in zero {
            assert_eq!(number(name), 0, "{name} of seed {seed}: {said}");
        }
        assert!(number("determinable") > 2000, "{said}");
        assert!(number("missed") * 1000 <= number("determinable"), "{said}");
        for (right, all) in [
            ("disputed_right", "disputed_all"),
            ("shared_right", "shared_all"),
        ] {
            assert!(number(all) > 0, "{all} of seed {seed}: {said}");
            assert!(
                number(right) * 100 >= number(all) * 99,
                "{right} of seed {seed}: {said}"
            );
        }
        let hits = &score["rules"]["category_hit"];
        assert_eq!(hits["found"], hits["planted"], "{said}");
        assert_eq!(hits["twins_raised"], 0, "{said}");
        assert!(
            !Path::new(&out).join("score").exists(),
            "the store is taken away"
        );
    }
}
