//! A home of its own for a test: nothing of the user's folders, configuration or keys is seen or touched.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary home; it is gone when the test ends.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    engine: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl Home {
    /// A home, or none where there is no engine: the test then says that it was left out.
    pub(crate) fn with_engine(test: &str) -> Option<Home> {
        let home = Home::without_engine();
        if let Some(engine) = engine() {
            return Some(Home {
                engine: Some(engine),
                ..home
            });
        }
        assert!(
            !nothing_may_be_left_out(),
            "{test}: there is no engine here (make engine)"
        );
        println!("{test}: left out, there is no engine here (make engine)");
        None
    }

    /// A home in which no engine is known.
    pub(crate) fn without_engine() -> Home {
        Home {
            folder: tempfile::tempdir().unwrap(),
            engine: None,
            config: None,
        }
    }

    /// A path below the home.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The same home, with a configuration.
    pub(crate) fn configured(self, text: &str) -> Home {
        let config = self.path("invigil.toml");
        std::fs::write(&config, text).unwrap();
        Home {
            config: Some(config),
            ..self
        }
    }

    /// The engine's library, if this home has one.
    pub(crate) fn engine(&self) -> Option<&Path> {
        self.engine.as_deref()
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .env("NO_COLOR", "1")
            .env("INVIGIL_DATA_DIR", self.data())
            .env("INVIGIL_KEYS_DIR", self.path("keys"))
            .env(
                "INVIGIL_ENGINE",
                self.engine
                    .as_deref()
                    .unwrap_or(Path::new("/nowhere/libchdb.so")),
            )
            .stdin(std::process::Stdio::null());
        if let Some(config) = &self.config {
            command.env("INVIGIL_CONFIG", config);
        }
        command
    }

    /// Runs the program and answers with all that it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The answer to a question with content shown, a JSON object a line.
    pub(crate) fn revealed(&self, sql: &str) -> String {
        let shown = ["--reveal-content", "--reason", "a test", "--to", "jsonl"];
        self.ends(0, &[&["query", "--sql", sql], &shown[..]].concat())
    }

    /// Runs the program, which must end with this exit code; answers with its standard output.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "invigil {}\n{}\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Ingests a file and answers with its counts, which must add up.
    pub(crate) fn ingest(&self, file: &Path) -> Counts {
        let counts = self.path("counts.json");
        self.ends(
            0,
            &[
                "ingest",
                "--counts-json",
                counts.to_str().unwrap(),
                file.to_str().unwrap(),
            ],
        );
        Counts::read(&counts)
    }
}

/// What `--counts-json` says of an ingest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) read: u64,
    pub(crate) stored: u64,
    pub(crate) rejected: u64,
    pub(crate) ignored: u64,
}

impl Counts {
    pub(crate) fn read(path: &Path) -> Counts {
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let number = |name: &str| {
            json[name]
                .as_u64()
                .unwrap_or_else(|| panic!("no `{name}` in {json}"))
        };
        let counts = Counts {
            read: number("read"),
            stored: number("stored"),
            rejected: number("rejected"),
            ignored: number("ignored"),
        };
        assert_eq!(
            counts.read,
            counts.stored + counts.rejected + counts.ignored,
            "the sums do not add up: {json}"
        );
        counts
    }
}

/// The program that was built with the tests, or another build of it, such as a fast one for a long run.
#[expect(
    clippy::disallowed_methods,
    reason = "a long run is asked for by variables"
)]
fn program() -> PathBuf {
    std::env::var_os("INVIGIL_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_invigil").into(), PathBuf::from)
}

/// Where the engine lies for the person who runs the tests: the tests' own homes have none.
#[expect(
    clippy::disallowed_methods,
    reason = "a test is given its engine as a person would name it"
)]
fn engine() -> Option<PathBuf> {
    let named = std::env::var_os("INVIGIL_ENGINE").map(PathBuf::from);
    let below = |folder: PathBuf| {
        folder
            .join("invigil/engine")
            .join(invigil::config::ENGINE_VERSION)
            .join("libchdb.so")
    };
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    [
        named,
        data.map(below),
        Some(PathBuf::from("/usr/lib/invigil/libchdb.so")),
    ]
    .into_iter()
    .flatten()
    .find(|path| path.exists())
}

/// Whether a missing engine fails the tests that need one: `make test` says so, a bare `cargo test` does not.
#[expect(
    clippy::disallowed_methods,
    reason = "the Makefile tells the tests, and nothing else can"
)]
pub(crate) fn nothing_may_be_left_out() -> bool {
    std::env::var_os("INVIGIL_TEST_ALL").is_some()
}

/// A file of the invented region.
pub(crate) fn region(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/region")
        .join(file)
}
