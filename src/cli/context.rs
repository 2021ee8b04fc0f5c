//! What every command has at hand: places, configuration, keys, and where it prints.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::clock;
use crate::config::{self, CaptureConfig, Config, Flags, Places};
use crate::keys::{KeyRing, Purpose};
use crate::ledger::{Act, ContentKept, Ledger, LedgerError, LedgerKeys, NameRevealed};
use crate::pipeline::deposit::Deposit;
use crate::pipeline::door::Door;
use crate::pipeline::lane::Left;
use crate::pipeline::output::{OutputFormat, printable, printable_line};
use crate::record::{AccountText, AccountToken, Realms, Tokens};
use crate::store::names::Names;
use crate::store::originals::Originals;
use crate::store::spool::Spool;
use crate::store::{Patience, Server, Store, StoreError, StoreSettings};

/// How a command ended; `main` turns it into the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, also with rejects.
    Done,
    /// What the caller asked to be told of was found, or the answer is "no".
    Found,
    /// The sums do not add up.
    SumsDoNotAddUp,
}

/// The options that stand anywhere on the command line.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct GlobalArgs {
    /// The data folder.
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print JSON where a table would be printed.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no counts on standard error.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More about what the program does on standard error; twice for all of it.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What every command has at hand.
#[derive(Debug)]
pub struct Context {
    /// The configuration.
    pub config: Config,
    /// Where things lie.
    pub places: Places,
    /// Whether JSON is wanted where a table would be printed.
    pub json: bool,
    /// Whether progress and counts are unwanted.
    pub quiet: bool,
}

impl Context {
    /// Reads the configuration.
    pub fn new(global: &GlobalArgs) -> anyhow::Result<Context> {
        let flags = Flags {
            data_dir: global.data_dir.clone(),
            config: global.config.clone(),
        };
        let (config, places) = config::load(&flags)?;
        Ok(Context {
            config,
            places,
            json: global.json,
            quiet: global.quiet,
        })
    }

    /// The same once more, for what outlives a command's own use of it.
    pub(super) fn again(&self) -> Context {
        Context {
            config: self.config.clone(),
            places: self.places.clone(),
            json: self.json,
            quiet: self.quiet,
        }
    }

    /// The same on a data folder of its own, with its own keys and an embedded store; it says nothing.
    pub(super) fn elsewhere(&self, data: &std::path::Path) -> Context {
        let mut other = self.again();
        other.places.data = data.to_owned();
        other.places.keys = data.join("keys");
        other.config.store.url = None;
        other.quiet = true;
        other
    }

    /// The keys of the data folder.
    pub fn keys(&self) -> anyhow::Result<KeyRing> {
        KeyRing::open(&self.places.keys, &self.places.data)
            .context("cannot open the keys of the data folder")
    }

    /// The originals of the data folder.
    pub fn originals(&self) -> anyhow::Result<Originals> {
        Ok(Originals::open(
            &self.places.data,
            &self.keys()?.key(Purpose::Originals),
        )?)
    }

    /// Tokens of accounts, and the table back to names.
    pub fn names(&self) -> anyhow::Result<Names> {
        let keys = self.keys()?;
        let realms = Realms::new(&self.config.accounts.same_realms)?;
        let names = Names::open(
            &self.places.data,
            &keys.key(Purpose::Tokens),
            &keys.key(Purpose::Names),
        )?;
        Ok(names.with_realms(realms))
    }

    /// Keys, store, ledger and originals together: what is needed to store and to judge.
    pub fn workshop(&self) -> anyhow::Result<Workshop> {
        let keys = self.keys()?;
        Ok(Workshop {
            originals: self.originals()?,
            spool: Spool::open(
                &self.places.data,
                &keys.key(Purpose::Pending),
                self.config.store.spool_bytes,
            ),
            ledger: self.ledger()?,
            store: self.door()?,
            keys,
        })
    }

    /// The store: the engine in the data folder, or the server that the configuration names.
    pub fn store(&self) -> anyhow::Result<Store> {
        let store = self.opened(Store::open(&self.store_settings()?))?;
        self.tell_notices(&store);
        Ok(store)
    }

    /// The way to the store, which may be away for now. One that is there must take rows: nobody reads a file for nothing.
    fn door(&self) -> anyhow::Result<Door> {
        let door = self.opened(Door::open(self.store_settings()?))?;
        if !door.is_closed() {
            let store = self.opened(door.store())?;
            self.tell_notices(&store);
            match store.must_take_rows() {
                // It may in a moment.
                Err(error) if error.is_worth_another_try() => {}
                taken => self.opened(taken)?,
            }
        }
        Ok(door)
    }

    /// A server's address may hold a password: it is told where it stands, not what it is.
    fn opened<T>(&self, opened: Result<T, StoreError>) -> anyhow::Result<T> {
        if self.config.store.url.is_none() {
            return Ok(opened?);
        }
        opened.context("cannot use the ClickHouse server that store.url in the configuration names")
    }

    fn tell_notices(&self, store: &Store) {
        for notice in store.notices() {
            self.warn(format!("store: {notice}"));
        }
    }

    /// Where the store is and how it is opened.
    pub fn store_settings(&self) -> anyhow::Result<StoreSettings> {
        let server = &self.config.store;
        let Some(url) = &server.url else {
            let key = self.keys()?.key(Purpose::Store);
            let mut settings =
                StoreSettings::embedded(&self.places.data, &self.places.engine, key, clock::now());
            if let StoreSettings::Embedded(embedded) = &mut settings {
                embedded.outside = Some(super::outside::outside(self));
            }
            return Ok(settings);
        };
        let password = match &server.password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| {
                    format!("cannot read the store's password from {}", path.display())
                })?;
                Some(Zeroizing::new(
                    text.lines().next().unwrap_or_default().to_owned(),
                ))
            }
            None => None,
        };
        let patience = Patience::default();
        let seconds = |said: Option<u32>, usual: Duration| {
            said.map_or(usual, |said| Duration::from_secs(said.max(1).into()))
        };
        Ok(StoreSettings::Server(Server {
            compressed: server.compress.unwrap_or(true),
            trusted: server.ca_file.clone(),
            patience: Patience {
                connect: seconds(server.connect_seconds, patience.connect),
                answer: seconds(server.answer_seconds, patience.answer),
                between: seconds(server.between_seconds, patience.between),
            },
            ..Server::at(
                url,
                server.user.as_deref(),
                password,
                server.database.as_deref(),
            )
        }))
    }

    /// The ledger of the data folder.
    pub fn ledger(&self) -> anyhow::Result<Ledger> {
        let keys = self.keys()?;
        let ledger_keys = LedgerKeys {
            signing: *keys.key(Purpose::LedgerSigning),
            records: *keys.key(Purpose::LedgerRecords),
        };
        let folder = self.places.data.join("ledger");
        let origin = &self.config.provider.ledger_origin;
        let ledger = match Ledger::open(&folder, &ledger_keys, origin) {
            Err(LedgerError::BadHead) => {
                // A changed configuration must not look like a forged ledger.
                let head = std::fs::read_to_string(folder.join("head")).unwrap_or_default();
                match head.lines().next() {
                    Some(known) if known != origin => anyhow::bail!(
                        "the ledger of the data folder is called {known:?}, and provider.ledger_origin in the configuration says {origin:?}: a ledger keeps its name, so name it there as it is"
                    ),
                    _ => return Err(LedgerError::BadHead.into()),
                }
            }
            opened => opened?,
        };
        if ledger.repaired() > 0 {
            self.warn(format!(
                "the ledger ended in {} bytes of an entry that was never acknowledged; they were cut off",
                ledger.repaired()
            ));
        }
        Ok(ledger)
    }

    /// Tokens for an output. Only RowBinary has them; the other forms print names as the operator's own file has them,
    /// and need no keys.
    pub fn output_tokens(&self, format: OutputFormat) -> anyhow::Result<OutputTokens> {
        let names = (format == OutputFormat::RowBinary)
            .then(|| self.names())
            .transpose()?;
        Ok(OutputTokens(names))
    }

    /// The name behind a token, after the reason for looking was entered in the ledger.
    pub fn reveal(&self, token: AccountToken, reason: &str) -> anyhow::Result<Option<String>> {
        let act = Act::NameRevealed(NameRevealed {
            token: token.to_string(),
        });
        let private = serde_json::json!({ "reason": reason });
        self.ledger()?.append(clock::now(), &act, Some(&private))?;
        Ok(self.names()?.name(token)?)
    }

    /// Where data is printed.
    pub fn out(&self) -> io::BufWriter<StandardOutput> {
        standard_output()
    }

    /// Ends a command that stores: what was lost is told, and what waits for a store that is away is no success.
    pub fn arrived(&self, left: &Left) -> anyhow::Result<Exit> {
        if left.dropped.batches > 0 {
            self.warn(format!(
                "{} batches with {} frames were lost: the store was away and there was no more room for what waits for it; the ledger says which",
                left.dropped.batches, left.dropped.counts.read
            ));
        }
        anyhow::ensure!(
            left.batches == 0,
            "{}; {} batches with {} frames wait for it in the spool, encrypted and in order: the next command that stores brings them there, or `invigil store replay`",
            left.reason,
            left.batches,
            left.frames
        );
        Ok(Exit::Done)
    }

    /// Tells the person something beside the data, on standard error, unless it is unwanted.
    pub fn tell(&self, text: impl std::fmt::Display) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// Tells the person something that must not be missed, on standard error.
    pub fn warn(&self, text: impl std::fmt::Display) {
        // A closed standard error is no reason to stop the work.
        let text = text.to_string();
        drop(writeln!(io::stderr().lock(), "{}", printable(&text)));
    }

    /// Prints a JSON value, for `--json`.
    pub fn print_json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        let mut out = self.out();
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// Prints one line of data.
    pub fn print_line(&self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        let mut out = self.out();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// Prints a table with a heading; where it is wider than the terminal, its widest column is wrapped, and where that
    /// would leave nothing to read, each row is printed as lines of its own.
    pub fn print_table(&self, heading: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| row.iter().map(|cell| printable_line(cell)).collect())
            .collect();
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        // A terminal that does not know its width says nought.
        let width = match io::stdout().is_terminal() {
            true => table.width().filter(|width| *width > 0),
            false => None,
        };
        let text = match width.map_or(Layout::Whole, |width| layout(heading, &rows, width)) {
            Layout::Lines => lines(heading, &rows),
            other => {
                table.set_header(heading).add_rows(&rows);
                if let Layout::Wrapped { column } = other {
                    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
                    let whole = comfy_table::ColumnConstraint::ContentWidth;
                    let others = table.column_iter_mut().enumerate();
                    others.for_each(|(at, one)| {
                        if at != column {
                            one.set_constraint(whole);
                        }
                    });
                } else {
                    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
                }
                format!("{table}\n")
            }
        };
        let mut out = self.out();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// How a table meets its terminal.
#[derive(Debug, PartialEq, Eq)]
enum Layout {
    /// As it is.
    Whole,
    /// With its widest column wrapped.
    Wrapped {
        /// Which.
        column: usize,
    },
    /// Each row as lines of its own.
    Lines,
}

/// A column that is wrapped keeps at least so many characters.
const NARROWEST: usize = 20;

fn layout(heading: &[&str], rows: &[Vec<String>], width: u16) -> Layout {
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let widths: Vec<usize> = heading
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let widest = cells(at).map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(name.chars().count())
        })
        .collect();
    // Two spaces and a line around each column, and the last line.
    let whole: usize = widths.iter().map(|width| width + 3).sum::<usize>() + 1;
    let Some((column, widest)) = widths.iter().enumerate().max_by_key(|(_, width)| **width) else {
        return Layout::Whole;
    };
    match usize::from(width) {
        width if whole <= width => Layout::Whole,
        width if whole - widest + NARROWEST.min(*widest) <= width => Layout::Wrapped { column },
        _ => Layout::Lines,
    }
}

/// Rows as lines, each with the name of its column; what is empty is left out.
fn lines(heading: &[&str], rows: &[Vec<String>]) -> String {
    let label = heading.iter().map(|name| name.chars().count()).max();
    let label = label.unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        for (name, cell) in heading.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            text.push_str(&format!("{name:<label$}  {cell}\n"));
        }
        text.push('\n');
    }
    text
}

/// Sixteen random bytes as text: with them a digest tells nothing of what it is of.
pub(super) fn random_salt() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .ok()
        .context("the system gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where data is printed. A terminal gets no control characters: data comes from the wire and from strangers' files,
/// and must not steer what a person sees.
#[derive(Debug)]
pub struct StandardOutput {
    stdout: io::StdoutLock<'static>,
    guard: Option<Guard>,
}

/// Standard output, guarded if it is a terminal.
pub fn standard_output() -> io::BufWriter<StandardOutput> {
    let stdout = io::stdout();
    let guard = stdout.is_terminal().then(Guard::default);
    io::BufWriter::new(StandardOutput {
        stdout: stdout.lock(),
        guard,
    })
}

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.guard {
            None => self.stdout.write(bytes),
            Some(guard) => {
                self.stdout.write_all(&guard.pass(bytes))?;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Puts question marks in the place of control characters, but for ends of lines and tabs; a character may be cut
/// between two writes.
#[derive(Debug, Default)]
struct Guard {
    /// Whether the last byte was 0xC2, which begins the control characters beyond ASCII.
    began: bool,
}

impl Guard {
    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        let clean = |&byte: &u8| {
            let second = std::mem::replace(&mut self.began, byte == 0xC2);
            match byte {
                b'\n' | b'\t' => byte,
                0..0x20 | 0x7F => b'?',
                // What comes out is a printable character of Latin-1.
                0x80..=0x9F if second => 0xBF,
                _ => byte,
            }
        };
        bytes.iter().map(clean).collect()
    }
}

/// Keys, store, ledger and originals together.
#[derive(Debug)]
pub struct Workshop {
    /// The keys of the data folder.
    pub keys: KeyRing,
    /// The store, which may be away.
    pub store: Door,
    /// The ledger.
    pub ledger: Ledger,
    /// The originals.
    pub originals: Originals,
    /// What is on its way.
    pub spool: Spool,
}

impl Workshop {
    /// Where batches are brought.
    pub fn deposit(&self) -> Deposit<'_> {
        Deposit {
            store: &self.store,
            ledger: &self.ledger,
            originals: &self.originals,
            spool: &self.spool,
            now: clock::now,
        }
    }
}

/// Tokens for an output, where it has any.
#[derive(Debug)]
pub struct OutputTokens(Option<Names>);

impl Tokens for OutputTokens {
    fn token(&mut self, account: &AccountText) -> AccountToken {
        self.0
            .as_mut()
            .map_or(AccountToken([0; 16]), |names| names.token(account))
    }
}

impl Workshop {
    /// Enters that content from the wire is kept, and why; the basis itself lies in the private record.
    pub fn record_content_policy(&self, config: &CaptureConfig) -> anyhow::Result<()> {
        let private = serde_json::json!({ "legal_basis": config.legal_basis });
        self.ledger.append(
            clock::now(),
            &Act::ContentKept(ContentKept {
                since: clock::now(),
            }),
            Some(&private),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_keeps_to_the_width_of_its_terminal() {
        let heading = ["id", "what"];
        let rows = [vec!["7".to_owned(), "x".repeat(60)]];
        assert_eq!(layout(&heading, &rows, 80), Layout::Whole);
        assert_eq!(layout(&heading, &rows, 40), Layout::Wrapped { column: 1 });
        assert_eq!(layout(&heading, &rows, 20), Layout::Lines);
        let text = lines(&heading, &[vec!["7".to_owned(), "x".to_owned()]]);
        assert_eq!(text, "id    7\nwhat  x\n\n");
    }

    #[test]
    fn control_characters_do_not_pass_to_a_terminal_even_when_they_are_cut() {
        let mut guard = Guard::default();
        assert_eq!(guard.pass(b"a\x1b[31m\tb\r\n"), b"a?[31m\tb?\n");
        let mut shown = guard.pass(b"x\xC2");
        shown.extend(guard.pass(b"\x9B31m \xC3\x9F"));
        assert_eq!(String::from_utf8(shown).unwrap(), "x\u{bf}31m \u{df}");
    }
}
