//! Random changes and random forgeries of packages: each must be refused, by the program and by the script in the package.
//!
//! `INVIGIL_CHANGES` says how many bytes are changed and `INVIGIL_FORGERIES` how many packages are forged; the full counts
//! are 10000 and 1000. What is drawn is the same in every run.

use super::*;

/// Numbers that are the same in every run.
struct Draw(u64);

impl Draw {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        // The generator of Vigna's splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn of<'t, T>(&mut self, things: &'t [T]) -> &'t T {
        &things[self.below(things.len())]
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever wants the full counts says so"
)]
fn wanted(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable)
        .ok()
        .map_or(otherwise, |text| text.parse().unwrap())
}

type Files = BTreeMap<String, Vec<u8>>;

/// What a forger does; `None` where this package has nothing to do it to.
struct Forgery {
    name: &'static str,
    make: fn(&mut Draw, &Scene) -> Option<Files>,
}

/// What a forger has at hand.
struct Scene {
    /// The honest package.
    bag: Bag,
    /// Its key: the forger may be in the house.
    inside: Signer,
    /// A key of the forger's own.
    outside: Signer,
    /// The same package out of a ledger with another key.
    elsewhere: Bag,
}

const FORGERIES: [Forgery; 11] = [
    Forgery {
        name: "a line added",
        make: |draw, scene| {
            scene.lines(draw, |draw, lines| {
                let mut line = draw.of(lines).clone();
                let place = draw.below(line.len() - 1);
                // A line as it stands there already, or one that is a little different.
                line[place] ^= u8::from(draw.below(2) == 0);
                lines.insert(draw.below(lines.len() + 1), line);
                true
            })
        },
    },
    Forgery {
        name: "a line removed",
        make: |draw, scene| {
            scene.lines(draw, |draw, lines| {
                lines.remove(draw.below(lines.len()));
                true
            })
        },
    },
    Forgery {
        name: "lines put in another order",
        make: |draw, scene| {
            scene.lines(draw, |draw, lines| {
                let before = lines.clone();
                let (one, two) = (draw.below(lines.len()), draw.below(lines.len()));
                lines.swap(one, two);
                *lines != before
            })
        },
    },
    Forgery {
        name: "a line moved to another batch",
        make: |draw, scene| {
            scene.proofs(draw, "proofs/frames.jsonl", |draw, proof| {
                let batch = proof["batch"].as_u64().unwrap();
                let other = (batch + 1 + draw.below(2) as u64) % 3;
                proof["batch"] = other.into();
            })
        },
    },
    Forgery {
        name: "a line given another number",
        make: |draw, scene| {
            scene.proofs(draw, "proofs/frames.jsonl", |draw, proof| {
                let key = *draw.of(&["frame", "place"]);
                let value = proof[key].as_u64().unwrap();
                proof[key] = (value + 1 + draw.below(3) as u64).into();
            })
        },
    },
    Forgery {
        name: "an entry moved in time",
        make: |draw, scene| {
            scene.proofs(draw, "proofs/entries.jsonl", |draw, proof| {
                let entry = proof["entry"].as_str().unwrap().to_owned();
                proof["entry"] = other_digit(draw, &entry, "2026-03-").into();
            })
        },
    },
    Forgery {
        name: "a record moved in time",
        make: |draw, scene| {
            let paths = scene.tables();
            scene.resealed(|files| {
                let bytes = files.get_mut(*draw.of(&paths)).unwrap();
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = other_digit(draw, &text, "2026-03-").into_bytes();
                text.as_bytes() != bytes.as_slice()
            })
        },
    },
    Forgery {
        name: "the head of another ledger",
        make: |draw, scene| {
            let with_key = draw.below(2) == 0;
            scene.resealed(|files| {
                let mut names = vec!["data/proofs/head.txt"];
                names.extend(with_key.then_some("data/proofs/ledger.vkey"));
                for name in names {
                    files.insert(name.to_owned(), scene.elsewhere.files()[name].clone());
                }
                true
            })
        },
    },
    Forgery {
        name: "signed again by another key",
        make: |draw, scene| {
            let mut forged = if draw.below(2) == 0 {
                &scene.bag
            } else {
                &scene.elsewhere
            }
            .files()
            .clone();
            let comment = format!("number {}", draw.below(1000));
            let signature = scene
                .outside
                .sign(&forged["tagmanifest-sha256.txt"], &comment)
                .unwrap();
            forged.insert(
                "tagmanifest-sha256.txt.minisig".to_owned(),
                signature.into_bytes(),
            );
            Some(forged)
        },
    },
    Forgery {
        name: "a comment changed",
        make: |draw, scene| {
            let mut forged = scene.bag.files().clone();
            let bytes = forged.get_mut("tagmanifest-sha256.txt.minisig").unwrap();
            let text = String::from_utf8(bytes.clone()).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            // The first line is the comment that is not signed, the third the one that is.
            let line = &mut lines[*draw.of(&[0, 2])];
            let place = line.find(": ").unwrap() + 2;
            line.insert_str(
                place + draw.below(line.len() - place),
                ["x", " ", "Police "][draw.below(3)],
            );
            *bytes = (lines.join("\n") + "\n").into_bytes();
            Some(forged)
        },
    },
    Forgery {
        name: "a file that no manifest lists",
        make: |draw, scene| {
            let mut forged = scene.bag.files().clone();
            let folder = draw.of(&[
                "",
                "data/",
                "data/records/",
                "data/originals/",
                "data/proofs/",
                "more/",
            ]);
            forged.insert(
                format!("{folder}added{}.txt", draw.below(100)),
                b"added\n".to_vec(),
            );
            Some(forged)
        },
    },
];

/// The text with one digit changed in the minutes or seconds of one of its times that begin like this.
fn other_digit(draw: &mut Draw, text: &str, begins: &str) -> String {
    let times: Vec<usize> = text.match_indices(begins).map(|(at, _)| at).collect();
    let mut bytes = text.as_bytes().to_vec();
    if !times.is_empty() {
        // 2026-03-02T10:04:00: the last digit of day, hour, minute or second.
        let digit = &mut bytes[draw.of(&times) + draw.of(&[9, 12, 15, 18])];
        *digit = if *digit == b'9' { b'1' } else { *digit + 1 };
    }
    String::from_utf8(bytes).unwrap()
}

impl Scene {
    fn paths(&self, below: &str) -> Vec<&String> {
        self.bag
            .files()
            .keys()
            .filter(|path| path.starts_with(below))
            .collect()
    }

    /// The records as tables of text. What the house's own key signs as Parquet, nothing else in a package contradicts.
    fn tables(&self) -> Vec<&String> {
        let mut paths = self.paths("data/records/");
        paths.retain(|path| path.ends_with(".csv"));
        paths
    }

    /// The package with something changed and all manifests and the signature made again by the house's own key.
    fn resealed(&self, change: impl FnOnce(&mut Files) -> bool) -> Option<Files> {
        let mut files = self.bag.files().clone();
        files.retain(|path, _| path.starts_with("data/"));
        change(&mut files).then(|| {
            forge(&self.bag, |to| *to = files.clone(), &self.inside)
                .files()
                .clone()
        })
    }

    /// One of the files of lines changed.
    fn lines(
        &self,
        draw: &mut Draw,
        change: fn(&mut Draw, &mut Vec<Vec<u8>>) -> bool,
    ) -> Option<Files> {
        let mut paths = self.paths("data/originals/");
        paths.extend(self.tables());
        paths.extend(self.paths("data/proofs/entries.jsonl"));
        let path = *draw.of(&paths);
        self.resealed(|files| {
            let bytes = files.get_mut(path).unwrap();
            let mut lines: Vec<Vec<u8>> = bytes
                .split_inclusive(|b| *b == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            let changed = lines.len() > 1 && change(draw, &mut lines);
            *bytes = lines.concat();
            changed
        })
    }

    /// One line of a file of proofs changed.
    fn proofs(
        &self,
        draw: &mut Draw,
        path: &str,
        change: fn(&mut Draw, &mut serde_json::Value),
    ) -> Option<Files> {
        self.resealed(|files| {
            let bytes = files.get_mut(&format!("data/{path}")).unwrap();
            let text = String::from_utf8(bytes.clone()).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let line = draw.below(lines.len());
            let mut proof: serde_json::Value = serde_json::from_str(&lines[line]).unwrap();
            let before = proof.clone();
            change(draw, &mut proof);
            lines[line] = proof.to_string();
            *bytes = (lines.join("\n") + "\n").into_bytes();
            proof != before
        })
    }
}

fn scene(request: &str, world: &World) -> Scene {
    let home = tempfile::tempdir().unwrap();
    let other = world_of(LedgerKeys {
        signing: [7; 32],
        records: [2; 32],
    });
    Scene {
        bag: world.export(request).0,
        inside: Signer::open(world.home.path()).unwrap(),
        outside: Signer::open(home.path()).unwrap(),
        elsewhere: other.export(request).0,
    }
}

/// How the script in the package ends with these files on the disk.
fn script(world: &World, files: &Files, name: &str) -> i32 {
    let folder = world.home.path().join(name);
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let key = world.home.path().join("log.vkey");
    fs::write(&key, world.ledger.verify_key().to_string()).unwrap();
    let code = python(
        &folder,
        &[
            "--signer",
            world.signer_file().to_str().unwrap(),
            "--log-key",
            key.to_str().unwrap(),
        ],
    );
    fs::remove_dir_all(folder).unwrap();
    code
}

/// The files under `data/` in which a forged package differs from both honest ones.
fn differing<'f>(scenes: &[Scene], files: &'f Files) -> Vec<&'f String> {
    let same = |path: &String, bytes| {
        scenes
            .iter()
            .any(|scene| scene.bag.files().get(path) == Some(bytes))
    };
    let own = files
        .iter()
        .filter(|(path, bytes)| path.starts_with("data/") && !same(path, *bytes));
    own.map(|(path, _)| path).collect()
}

#[test]
fn a_package_with_a_byte_changed_anywhere_is_refused() {
    let world = world();
    let key = world.key();
    let mut draw = Draw(1);
    let packages = [POLICE, INTERNAL].map(|request| world.export(request).0);
    for number in 0..wanted("INVIGIL_CHANGES", 300) {
        let mut files = draw.of(&packages).files().clone();
        // A file is drawn first, or the long ones would be all that is drawn; two in three are proofs.
        let paths: Vec<String> = files
            .keys()
            .filter(|path| {
                number % 3 == 0 || path.starts_with("data/proofs/") || path.contains("manifest")
            })
            .cloned()
            .collect();
        let path = draw.of(&paths).clone();
        let bytes = files.get_mut(&path).unwrap();
        let place = draw.below(bytes.len());
        bytes[place] ^= u8::try_from(1 + draw.below(255)).unwrap();
        let found = verify::check_files(&files, Some(&key), None);
        assert_eq!(wrong_file(&found), path, "byte {place}: {found:?}");
        if number % 50 == 0 {
            assert_eq!(script(&world, &files, "changed"), 1, "{path}, byte {place}");
        }
    }
}

#[test]
fn a_forged_package_is_refused_whoever_signed_it() {
    let world = world();
    let key = world.key();
    let log_key = world.ledger.verify_key();
    let mut draw = Draw(2);
    let scenes = [scene(POLICE, &world), scene(INTERNAL, &world)];
    for scene in &scenes {
        let honest = verify::check_files(scene.bag.files(), Some(&key), Some(&log_key));
        assert!(matches!(honest, Verification::Intact { .. }), "{honest:?}");
        assert_eq!(script(&world, scene.bag.files(), "honest"), 0);
    }
    let mut made: BTreeMap<&str, usize> = BTreeMap::new();
    let mut amiss = Vec::new();
    let count = wanted("INVIGIL_FORGERIES", 165);
    for number in 0..count {
        let forgery = &FORGERIES[number % FORGERIES.len()];
        let files = loop {
            let scene = draw.of(&scenes);
            if let Some(files) = (forgery.make)(&mut draw, scene) {
                break files;
            }
        };
        let found = verify::check_files(&files, Some(&key), Some(&log_key));
        if !matches!(found, Verification::Wrong { .. }) {
            amiss.push(format!(
                "{number}, {}: let pass, other than the honest one in {:?}",
                forgery.name,
                differing(&scenes, &files)
            ));
        } else if number % 12 == 0 && script(&world, &files, "forged") != 1 {
            amiss.push(format!(
                "{number}, {}: the script lets it pass, the program says {found:?}",
                forgery.name
            ));
        }
        *made.entry(forgery.name).or_default() += 1;
    }
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
    assert!(
        made.len() == FORGERIES.len() && made.values().sum::<usize>() == count,
        "{made:?}"
    );
}
