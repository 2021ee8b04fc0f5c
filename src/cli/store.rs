//! `invigil store`: the state of the store, its schema, the engine kept up for others.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;

use crate::store::{LIBRARY_VERSION, Params, Serving, StoreSettings, query};

use super::context::{Context, Exit};

/// The store: its state, its schema, the engine.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil store status\n  invigil store serve &\n  invigil store serve --listen 127.0.0.1:8123 --key-file ~/.config/invigil/ask.key &\n  invigil store check --mend\n  invigil store engine"
)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Tables with their rows and size, and the sources that were read.
    Status,
    /// Bring the schema up to date. Every command does this too; twice does no harm.
    Migrate,
    /// Keep the engine up for other commands, until interrupted.
    Serve {
        /// Answer at this loopback address too, such as 127.0.0.1:8123, for tools that speak ClickHouse's HTTP
        /// interface. They may only ask, and are shown no content.
        #[arg(long, value_name = "ADDRESS", requires = "key_file")]
        listen: Option<SocketAddr>,
        /// The file with the key that they bring, readable by its owner alone.
        #[arg(long, value_name = "FILE", requires = "listen")]
        key_file: Option<PathBuf>,
    },
    /// Compare the store, the originals and the spool with the ledger; exit 3 if they do not agree.
    Check {
        /// Mend what can be mended: store what waits, make rows again from their originals, take rows away that no
        /// batch covers. Each mending is an entry in the ledger.
        #[arg(long)]
        mend: bool,
    },
    /// Store what waits in the spool for a store that was away.
    Replay,
    /// Say which engine is used and whether it is there; exit 1 if it is not.
    Engine,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Status => status(context),
        Action::Migrate => {
            let store = context.store()?;
            for applied in store.migrate()? {
                context.tell(format!("made again: {}", applied.id));
            }
            context.tell("the schema is up to date");
            Ok(Exit::Done)
        }
        Action::Serve { listen, key_file } => serve(context, listen.zip(key_file.as_deref())),
        Action::Check { mend } => super::store_check::run(*mend, context),
        Action::Replay => replay(context),
        Action::Engine => engine(context),
    }
}

fn status(context: &Context) -> anyhow::Result<Exit> {
    let store = context.store()?;
    let drift = store.drift()?;
    let questions: Vec<_> = ["store/tables", "store/sources"]
        .iter()
        .filter_map(|id| query(id))
        .collect();
    if context.json {
        let mut all = serde_json::Map::new();
        let drift: Vec<_> = drift.iter().map(ToString::to_string).collect();
        all.insert("drift".to_owned(), drift.into());
        for sql in questions {
            let rows: Vec<serde_json::Value> = store.rows(sql, &Params::new())?;
            all.insert(
                sql.id().trim_start_matches("store/").to_owned(),
                rows.into(),
            );
        }
        context.print_json(&all.into())?;
        return Ok(Exit::Done);
    }
    for sql in questions {
        super::query::print(context, &store, sql, &Params::new())?;
    }
    // What is told at each opening was told already.
    for drift in drift
        .iter()
        .filter(|drift| !store.notices().contains(&drift.to_string()))
    {
        context.warn(format!("store: {drift}"));
    }
    Ok(Exit::Done)
}

fn serve(context: &Context, address: Option<(SocketAddr, &Path)>) -> anyhow::Result<Exit> {
    let StoreSettings::Embedded(embedded) = context.store_settings()? else {
        anyhow::bail!("the configuration names a ClickHouse server: there is no engine to keep up");
    };
    let serving = Serving::start(&embedded)?;
    context.tell(format!(
        "the store answers on {}; end it with Ctrl-C",
        serving.socket().display()
    ));
    if let Some((address, file)) = address {
        let key = key_of(file)?;
        let address = serving.listen(address, key.trim())?;
        context.tell(format!(
            "and on http://{address} for whoever brings the key"
        ));
    }
    serving.until_asked_to_end()?;
    Ok(Exit::Done)
}

/// The key in a file that nobody else can read.
fn key_of(file: &Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let unreadable = || format!("cannot read the key {}", file.display());
    let mode = std::fs::metadata(file).with_context(unreadable)?.mode();
    anyhow::ensure!(
        mode & 0o077 == 0,
        "the key {} can be read by others: chmod 600 it",
        file.display()
    );
    Ok(std::fs::read_to_string(file)
        .with_context(unreadable)?
        .into())
}

fn replay(context: &Context) -> anyhow::Result<Exit> {
    let workshop = context.workshop()?;
    let left = workshop.deposit().finish()?;
    let exit = context.arrived(&left)?;
    context.tell("nothing waits in the spool");
    Ok(exit)
}

fn engine(context: &Context) -> anyhow::Result<Exit> {
    let path = &context.places.engine;
    let there = path.exists();
    if context.json {
        context.print_json(&serde_json::json!({
            "path": path.display().to_string(),
            "present": there,
            "version": LIBRARY_VERSION,
        }))?;
    } else {
        let state = if there {
            "present"
        } else {
            "missing: run `make engine`, or name it with INVIGIL_ENGINE"
        };
        let row = vec![
            LIBRARY_VERSION.to_owned(),
            path.display().to_string(),
            state.to_owned(),
        ];
        context.print_table(&["version wanted", "library", "state"], &[row])?;
    }
    Ok(if there { Exit::Done } else { Exit::Found })
}
