//! `invigil store`: the state of the store, its schema, the engine kept up for others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::store::{LIBRARY_VERSION, Params, Serving, StoreSettings, TlsFiles, query};

use super::context::{Context, Exit};

/// The store: its state, its schema, the engine.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil store status\n  invigil store serve &\n  invigil store serve --listen 127.0.0.1:8123 --key-file ~/.config/invigil/ask.key &\n  invigil store serve --listen 0.0.0.0:8443 --tls-cert store.pem --tls-key store.key &\n  invigil store check --mend\n  invigil store engine"
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
    /// Print the schema, for a server or a cluster on which somebody else makes it.
    Schema {
        /// For a cluster of this name: events replicated and shared out by address, the rest on every node.
        #[arg(long, value_name = "NAME")]
        cluster: Option<String>,
    },
    /// Keep the engine up for other commands, until interrupted.
    Serve {
        /// Answer at this address too, such as 127.0.0.1:8123, for tools that speak ClickHouse's HTTP interface and
        /// bring a key. They may only ask (or work in the database workbench, if their key says so), and are shown no content.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
        /// A file with a key to ask with, readable by its owner alone; others stand in the configuration as [[store.key]].
        #[arg(long, value_name = "FILE", requires = "listen")]
        key_file: Option<PathBuf>,
        /// The certificate with its chain, as PEM; off this machine there is no answer without TLS.
        #[arg(long, value_name = "FILE", requires = "listen", requires = "tls_key")]
        tls_cert: Option<PathBuf>,
        /// The certificate's private key, as PEM, readable by its owner alone.
        #[arg(long, value_name = "FILE", requires = "tls_cert")]
        tls_key: Option<PathBuf>,
    },
    /// Compare the store, the originals and the spool with the ledger; exit 3 if they do not agree.
    Check {
        /// Mend what can be mended: store what waits, make rows again from their originals, take rows away that no
        /// batch covers. Each mending is an entry in the ledger.
        #[arg(long)]
        mend: bool,
    },
    /// Delete what has had its time, and enter in the ledger what went. Exit 1 with --dry-run if something is due.
    Retain(super::retain::Args),
    /// Back up store, ledger, originals, names, registers, lists and keys, as of one moment, into a new folder.
    Backup(super::backup::BackupArgs),
    /// Restore a backup into a new data folder, and prove that it is what was backed up.
    Restore(super::backup::RestoreArgs),
    /// Restore a backup on trial and throw it away again; exit 1 if anything is not as it was, and what.
    Drill(super::backup::DrillArgs),
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
        Action::Schema { cluster } => schema(cluster.as_deref(), context),
        Action::Serve {
            listen,
            key_file,
            tls_cert,
            tls_key,
        } => {
            let tls = tls_cert.clone().zip(tls_key.clone());
            let tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
            serve(context, *listen, key_file.as_deref(), tls.as_ref())
        }
        Action::Check { mend } => super::store_check::run(*mend, context),
        Action::Retain(args) => super::retain::run(args, context),
        Action::Backup(args) => super::backup::make(args, context),
        Action::Restore(args) => super::backup::restore(args, context),
        Action::Drill(args) => super::backup::hold_drill(args, context),
        Action::Replay => replay(context),
        Action::Engine => engine(context),
    }
}

fn schema(cluster: Option<&str>, context: &Context) -> anyhow::Result<Exit> {
    let statements = match cluster {
        None => crate::store::for_server(),
        Some(name) => crate::store::for_cluster(name).ok_or_else(|| {
            anyhow::anyhow!(
                "a cluster's name has letters, digits, - and _, as in the server's remote_servers"
            )
        })?,
    };
    for statement in statements {
        context.print_line(format!("{statement};\n"))?;
    }
    Ok(Exit::Done)
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

fn serve(
    context: &Context,
    listen: Option<SocketAddr>,
    key_file: Option<&Path>,
    tls: Option<&TlsFiles>,
) -> anyhow::Result<Exit> {
    let StoreSettings::Embedded(embedded) = context.store_settings()? else {
        anyhow::bail!("the configuration names a ClickHouse server: there is no engine to keep up");
    };
    // Whatever can not be read is said before the engine starts.
    let keys = match listen {
        Some(_) => super::outside::keys(context, key_file)?,
        None => Vec::new(),
    };
    if let Some(tls) = tls {
        super::outside::only_its_owner_reads(&tls.key)?;
    }
    let serving = Serving::start(&embedded)?;
    context.tell(format!(
        "the store answers on {}; end it with Ctrl-C",
        serving.socket().display()
    ));
    if let Some(address) = listen {
        let address = serving.listen(address, &keys, tls)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        context.tell(format!(
            "and on {scheme}://{address} for whoever brings a key"
        ));
    }
    serving.until_asked_to_end()?;
    Ok(Exit::Done)
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
