//! What every command has at hand: places, configuration, keys, and where it prints.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use anyhow::Context as _;

use zeroize::Zeroizing;

use crate::clock;
use crate::config::{self, CaptureConfig, Config, Flags, Places};
use crate::keys::{KeyRing, Purpose};
use crate::ledger::{Act, ContentKept, Ledger, LedgerKeys, NameRevealed};
use crate::pipeline::deposit::Deposit;
use crate::pipeline::output::OutputFormat;
use crate::record::{AccountText, AccountToken, Tokens};
use crate::store::names::Names;
use crate::store::originals::Originals;
use crate::store::pending::Pending;
use crate::store::{Store, StoreSettings};

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
        Ok(Names::open(
            &self.places.data,
            &keys.key(Purpose::Tokens),
            &keys.key(Purpose::Names),
        )?)
    }

    /// Keys, store, ledger and originals together: what is needed to store and to judge.
    pub fn workshop(&self) -> anyhow::Result<Workshop> {
        let keys = self.keys()?;
        Ok(Workshop {
            originals: self.originals()?,
            pending: Pending::open(&self.places.data, &keys.key(Purpose::Pending))?,
            ledger: self.ledger()?,
            store: self.store()?,
            keys,
        })
    }

    /// The store: the engine in the data folder, or the server that the configuration names.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(&self.store_settings()?)?)
    }

    /// Where the store is and how it is opened.
    pub fn store_settings(&self) -> anyhow::Result<StoreSettings> {
        let server = &self.config.store;
        let Some(url) = &server.url else {
            let key = self.keys()?.key(Purpose::Store);
            return Ok(StoreSettings::embedded(
                &self.places.data,
                &self.places.engine,
                key,
                clock::now(),
            ));
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
        Ok(StoreSettings::server(
            url,
            server.user.as_deref(),
            password,
            server.database.as_deref(),
        ))
    }

    /// The ledger of the data folder.
    pub fn ledger(&self) -> anyhow::Result<Ledger> {
        let keys = self.keys()?;
        let ledger_keys = LedgerKeys {
            signing: *keys.key(Purpose::LedgerSigning),
            records: *keys.key(Purpose::LedgerRecords),
        };
        let folder = self.places.data.join("ledger");
        let ledger = Ledger::open(&folder, &ledger_keys, &self.config.provider.ledger_origin)?;
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
    pub fn out(&self) -> io::BufWriter<io::StdoutLock<'static>> {
        io::BufWriter::new(io::stdout().lock())
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
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Prints a JSON value, for `--json`.
    pub fn print_json(&self, value: &serde_json::Value) -> anyhow::Result<()> {
        let mut out = self.out();
        serde_json::to_writer_pretty(&mut out, value)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// Prints a table with a heading; as wide as the terminal, or as it needs where there is none.
    pub fn print_table(&self, heading: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::UTF8_FULL_CONDENSED);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        }
        table.set_header(heading);
        for row in rows {
            table.add_row(row);
        }
        let mut out = self.out();
        writeln!(out, "{table}")?;
        Ok(out.flush()?)
    }
}

/// Keys, store, ledger and originals together.
#[derive(Debug)]
pub struct Workshop {
    /// The keys of the data folder.
    pub keys: KeyRing,
    /// The store.
    pub store: Store,
    /// The ledger.
    pub ledger: Ledger,
    /// The originals.
    pub originals: Originals,
    /// The batches on their way.
    pub pending: Pending,
}

impl Workshop {
    /// Where batches are brought.
    pub fn deposit(&self) -> Deposit<'_> {
        Deposit {
            store: &self.store,
            ledger: &self.ledger,
            originals: &self.originals,
            pending: &self.pending,
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
