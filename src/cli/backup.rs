//! `invigil store backup`, `restore` and `drill`: one moment of everything, and the way back.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::clock;
use crate::pipeline::backup::{self, Drill, Making, Restored, Restoring, Unlock};
use crate::pipeline::sources;

use super::context::{Context, Exit};

/// Back up all that is needed to go on elsewhere.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  age-keygen -o recovery.txt        (once, on another machine: the identity stays there, in a safe)\n  invigil store backup /backup/2026-11-22 --recipient age1...\n  invigil store backup /backup/2026-11-23 --recipient age1... --base /backup/2026-11-22\n\nThe set lies there encrypted. Its keys are in it too, but only the recovery identity opens them.\nReading of files waits while the moment is frozen, which takes seconds, and not while it is copied.\nA set keeps what `invigil store retain` deletes later: throw sets away when their time has come, too."
)]
pub(super) struct BackupArgs {
    /// The folder that is made; it must not be there.
    #[arg(value_name = "SET")]
    set: PathBuf,
    /// The public age key of the recovery identity; may be given several times, and each identity opens the set.
    #[arg(long = "recipient", value_name = "KEY", required = true)]
    recipients: Vec<String>,
    /// An older set on the same disk: what is the same is linked and not copied. Each set is whole by itself.
    #[arg(long, value_name = "SET")]
    base: Option<PathBuf>,
}

/// Restore a backup.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil store restore /backup/2026-11-22 --into /srv/invigil/data --identity recovery.txt\n\nNothing is written over. The keys go into the folder of keys, and the configuration that was in the set\nlies in the new folder as invigil.toml.restored. Compare the ledger's head with one that somebody else keeps."
)]
pub(super) struct RestoreArgs {
    /// The set.
    #[arg(value_name = "SET")]
    set: PathBuf,
    /// The data folder that is made; it must not be there, or be empty.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// The recovery identity.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
}

/// Hold a drill.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil store drill /backup/2026-11-22 --identity recovery.txt\n  invigil store drill /backup/2026-11-22        (with the keys of this data folder)\n\nWithout the identity all but the wrapped keys is proved. That a drill was held is entered in the ledger."
)]
pub(super) struct DrillArgs {
    /// The set.
    #[arg(value_name = "SET")]
    set: PathBuf,
    /// The recovery identity; the keys of this data folder if not said.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// A folder for the trial, which is taken away afterwards; `drill` in the data folder if not said.
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

/// Makes a set.
pub(super) fn make(args: &BackupArgs, context: &Context) -> anyhow::Result<Exit> {
    embedded(context)?;
    let recipients = backup::recipients(&args.recipients)?;
    let data = context.places.data.canonicalize();
    let data = data.context("there is no data folder to back up")?;
    let workshop = context.workshop()?;
    let _alone = sources::lock_keeping(&data)?;
    let files = sources::lock_files(&data, &workshop.deposit())?;
    // Made at first use: they shall be in the set.
    crate::evidence::Signer::open(workshop.keys.folder())?;
    let store = workshop.store.store()?;
    let making = Making {
        data: &data,
        keys: &workshop.keys,
        store: &store,
        ledger: &workshop.ledger,
        config: context.places.config.as_deref(),
        recipients: &recipients,
        base: args.base.as_deref(),
        now: clock::now,
    };
    let bar = bar(context);
    let made = making.into_set(&args.set, move || drop(files), &mut |done, total| {
        show(bar.as_ref(), done, total);
    })?;
    let of = &made.backed_up;
    if context.json {
        context.print_json(&json!({ "set": of, "linked": made.linked }))?;
    }
    context.tell(format!(
        "backed up: {} files ({} linked), {} bytes, {} rows, the ledger with {} entries",
        of.files, made.linked, of.bytes, of.rows, of.size
    ));
    Ok(Exit::Done)
}

/// Restores a set.
pub(super) fn restore(args: &RestoreArgs, context: &Context) -> anyhow::Result<Exit> {
    let identity = identity(&args.identity)?;
    let bar = bar(context);
    let restored = Restoring {
        set: &args.set,
        unlock: Unlock::Identity(&identity),
        into: &args.into,
        keys: &context.places.keys,
        engine: &context.places.engine,
        now: clock::now,
    }
    .run(&mut |done, total| show(bar.as_ref(), done, total))?;
    drop(bar);
    if context.json {
        context.print_json(&said_of(&restored))?;
    }
    context.tell(sentence("restored", &restored));
    context.tell("what was deleted since is there again: run `invigil store retain` next");
    context.tell("compare the ledger's head with one that somebody else keeps:");
    context.tell(restored.manifest.ledger_head.trim_end());
    Ok(Exit::Done)
}

/// Holds a drill.
pub(super) fn hold_drill(args: &DrillArgs, context: &Context) -> anyhow::Result<Exit> {
    let identity = args.identity.as_deref().map(identity).transpose()?;
    let (keys, ledger) = (context.keys()?, context.ledger()?);
    let work = match &args.work {
        Some(work) => {
            anyhow::ensure!(
                !work.exists(),
                "{} is there already: the folder of a drill is taken away afterwards, so name a new one",
                work.display()
            );
            work.clone()
        }
        None => context.places.data.join("drill"),
    };
    let _alone = sources::lock_keeping(&context.places.data)?;
    let bar = bar(context);
    let held = Drill {
        set: &args.set,
        identity: identity.as_deref().map(String::as_str),
        keys: &keys,
        ledger: &ledger,
        work: &work,
        engine: &context.places.engine,
        now: clock::now,
    };
    let result = backup::drill(&held, &mut |done, total| show(bar.as_ref(), done, total))?;
    drop(bar);
    match result {
        Ok(restored) => {
            if context.json {
                context.print_json(&json!({ "passed": true, "set": said_of(&restored) }))?;
            }
            context.tell(sentence("the drill has passed", &restored));
            if identity.is_none() {
                context.tell("the wrapped keys were not opened: that takes --identity");
            }
            Ok(Exit::Done)
        }
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(told).collect();
            if context.json {
                context.print_json(&json!({ "passed": false, "problems": problems }))?;
            }
            for problem in &problems {
                context.warn(format!("WRONG: {problem}"));
            }
            Ok(Exit::Found)
        }
    }
}

/// An error with its causes.
fn told(error: &backup::BackupError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    text
}

fn identity(path: &std::path::Path) -> anyhow::Result<zeroize::Zeroizing<String>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read the identity {}", path.display()))?;
    Ok(text.into())
}

fn embedded(context: &Context) -> anyhow::Result<()> {
    anyhow::ensure!(
        context.config.store.url.is_none(),
        "the configuration names a ClickHouse server: back that up with its own BACKUP, at a moment at which nothing is read in, and the data folder beside it"
    );
    Ok(())
}

fn said_of(restored: &Restored) -> serde_json::Value {
    json!({
        "manifest": restored.digest,
        "made": restored.manifest.made,
        "files": restored.manifest.files.len(),
        "bytes": restored.manifest.bytes(),
        "rows": restored.manifest.rows(),
        "ledger_entries": restored.ledger.entries,
        "ledger_root": restored.ledger.root,
        "answers": restored.answers,
    })
}

fn sentence(done: &str, restored: &Restored) -> String {
    format!(
        "{done}: of {}, {} files as they were, {} rows, {} questions answered as then, the ledger whole with {} entries",
        restored.manifest.made,
        restored.manifest.files.len(),
        restored.manifest.rows(),
        restored.answers,
        restored.ledger.entries
    )
}

/// A bar on a terminal, and nothing where nobody looks.
fn bar(context: &Context) -> Option<ProgressBar> {
    if context.quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    Some(bar)
}

fn show(bar: Option<&ProgressBar>, done: u64, total: u64) {
    let Some(bar) = bar else { return };
    bar.set_length(total);
    bar.set_position(done.min(total));
    if done >= total {
        bar.finish_and_clear();
    }
}
