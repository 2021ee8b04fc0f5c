//! `invigil ledger`: the record of every act, its signed head, and the proofs of its entries.

use std::io::Write;

use serde_json::json;

use crate::ledger::{Digest, Entry, Ledger, LedgerError, PrivateRecord};

use super::context::{Context, Exit};

/// The record of every act: what was read, asked for, answered and handed over.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil ledger head\n  invigil ledger head --key\n  invigil ledger show --last 20\n  invigil ledger prove 7\n  invigil ledger verify"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Print the signed head, for others to keep.
    Head {
        /// Print the key that heads are checked with instead.
        #[arg(long)]
        key: bool,
    },
    /// Print entries.
    Show {
        /// So many, the newest.
        #[arg(long, value_name = "N")]
        last: Option<usize>,
        /// One entry, with its private record.
        #[arg(long, value_name = "INDEX", conflicts_with = "last")]
        entry: Option<u64>,
    },
    /// Print the proof that an entry is under the signed head; or that an older head is a beginning of it.
    Prove {
        /// The entry's index.
        #[arg(required_unless_present = "since", conflicts_with = "since")]
        index: Option<u64>,
        /// The size of an older head.
        #[arg(long, value_name = "SIZE")]
        since: Option<u64>,
    },
    /// Read everything again and check it. Exit code 1 when something is wrong.
    Verify,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Head { key } => head(&context.ledger()?, *key, context),
        Command::Show { last, entry } => show(&context.ledger()?, *last, *entry, context),
        Command::Prove { index, since } => prove(&context.ledger()?, *index, *since, context),
        Command::Verify => verify(context),
    }
}

fn head(ledger: &Ledger, key: bool, context: &Context) -> anyhow::Result<Exit> {
    let head = ledger.head();
    let verify_key = ledger.verify_key().to_string();
    if context.json {
        context.print_json(
            &json!({"size": head.size, "root": head.root, "note": head.note, "key": verify_key}),
        )?;
    } else if key {
        let mut out = context.out();
        writeln!(out, "{verify_key}")?;
        out.flush()?;
    } else {
        let mut out = context.out();
        write!(out, "{}", head.note)?;
        out.flush()?;
    }
    Ok(Exit::Done)
}

fn show(
    ledger: &Ledger,
    last: Option<usize>,
    entry: Option<u64>,
    context: &Context,
) -> anyhow::Result<Exit> {
    if let Some(index) = entry {
        let entry = ledger.entry(index)?;
        let private = match ledger.private(&entry)? {
            None => json!(null),
            Some(PrivateRecord::Kept(value)) => value,
            Some(PrivateRecord::Erased) => json!("erased"),
        };
        context.print_json(&json!({"entry": entry, "private": private}))?;
        return Ok(Exit::Done);
    }
    let entries: Vec<Entry> = ledger.entries()?.collect();
    let skipped = last.map_or(0, |last| entries.len().saturating_sub(last));
    let shown = entries.iter().skip(skipped);
    if context.json {
        context.print_json(&json!(shown.collect::<Vec<_>>()))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = shown
        .map(|entry| {
            vec![
                entry.index.to_string(),
                entry.time.to_string(),
                entry.act.word().to_owned(),
                details(entry),
            ]
        })
        .collect();
    context.print_table(&["entry", "time", "act", "details"], &rows)?;
    Ok(Exit::Done)
}

/// The few facts of an entry that tell it from its neighbours.
fn details(entry: &Entry) -> String {
    let act = serde_json::to_value(&entry.act).unwrap_or_default();
    let facts = act
        .get(entry.act.word())
        .and_then(|facts| facts.as_object());
    let worth = [
        "source",
        "format",
        "first_frame",
        "last_frame",
        "stored",
        "rejected",
        "ignored",
        "register",
        "list",
        "gate",
        "passed",
        "rows",
        "findings",
        "report",
        "query",
    ];
    let said = worth.iter().filter_map(|name| {
        let value = facts?.get(*name)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{name} {text}"))
    });
    said.collect::<Vec<_>>().join(", ")
}

fn prove(
    ledger: &Ledger,
    index: Option<u64>,
    since: Option<u64>,
    context: &Context,
) -> anyhow::Result<Exit> {
    let head = ledger.head();
    let proof = match (index, since) {
        (Some(index), _) => {
            let line = ledger.entry(index)?.line()?;
            let path: Vec<Digest> = ledger.inclusion(index, head.size)?;
            json!({"index": index, "entry": line, "leaf": Entry::leaf(line.as_bytes()), "path": path, "head": head.note})
        }
        (None, since) => {
            let since = since.unwrap_or_default();
            let path = ledger.consistency(since, head.size)?;
            json!({"since": since, "path": path, "head": head.note})
        }
    };
    context.print_json(&proof)?;
    Ok(Exit::Done)
}

fn verify(context: &Context) -> anyhow::Result<Exit> {
    let verified = match context.ledger().and_then(|ledger| Ok(ledger.verify()?)) {
        Ok(verified) => verified,
        Err(error) if is_damage(&error) => {
            if context.json {
                context.print_json(&json!({"whole": false, "reason": format!("{error:#}")}))?;
            }
            context.warn(format!("WRONG: {error:#}"));
            return Ok(Exit::Found);
        }
        Err(error) => return Err(error),
    };
    if context.json {
        context.print_json(&json!({
            "whole": true,
            "entries": verified.entries,
            "root": verified.root,
            "private": verified.private,
            "erased": verified.erased,
        }))?;
    } else {
        let mut out = context.out();
        writeln!(
            out,
            "whole: {} entries under root {}; {} private records kept, {} erased",
            verified.entries, verified.root, verified.private, verified.erased
        )?;
        out.flush()?;
    }
    Ok(Exit::Done)
}

/// Whether the ledger could be read and is not what it should be.
fn is_damage(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref(),
        Some(
            LedgerError::Damaged { .. }
                | LedgerError::NotAsSigned { .. }
                | LedgerError::BadHead
                | LedgerError::PrivateRecord(_)
        )
    )
}
