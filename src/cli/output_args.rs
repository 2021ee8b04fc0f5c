//! The options of commands that make records: where they go, which of them, and the counts.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueEnum;

use crate::pipeline::output::{Kinds, Output, OutputFormat, Target};
use crate::record::{EVENT_TABLES, Tokens};

use super::context::Context;

/// Where records go and which of them.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Where records go: into the store, or to standard output (or -o) in this form.
    #[arg(long, value_enum, default_value_t = To::Store)]
    pub(super) to: To,
    /// Write here instead of standard output, with any --to but the store; a folder (an existing one, or with a slash at its end) gets a file for each kind.
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Which records, with any --to but the store: `all` (with rejects), `events`, or one kind such as `flows`.
    #[arg(long, value_name = "KIND")]
    pub(super) records: Option<String>,
    /// Write the counts here as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub(super) counts_json: Option<PathBuf>,
}

/// Where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// The store.
    Store,
    /// Columns for the eye.
    Table,
    /// One JSON array.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values.
    Csv,
    /// ClickHouse's RowBinary.
    Rowbinary,
}

/// What is said of `--threads` where records are stored.
pub(super) const OWN_THREADS: &str =
    "--threads goes with --to table, json, jsonl, csv or rowbinary: storing has threads of its own";

/// Adds a count to an object of counts.
pub(super) fn add_count(counts: &mut serde_json::Value, name: &str, count: u64) {
    if let Some(counts) = counts.as_object_mut() {
        counts.insert(name.to_owned(), count.into());
    }
}

impl OutputArgs {
    /// As when nothing is said.
    pub(super) fn to_the_store() -> OutputArgs {
        OutputArgs {
            to: To::Store,
            output: None,
            records: None,
            counts_json: None,
        }
    }

    /// The form of the output; none for the store. With `--json` a table is JSON.
    pub(super) fn format(&self, context: &Context) -> Option<OutputFormat> {
        match self.to {
            To::Store => None,
            To::Table if context.json => Some(OutputFormat::Json),
            To::Table => Some(OutputFormat::Table),
            To::Json => Some(OutputFormat::Json),
            To::Jsonl => Some(OutputFormat::Jsonl),
            To::Csv => Some(OutputFormat::Csv),
            To::Rowbinary => Some(OutputFormat::RowBinary),
        }
    }

    /// Refuses what would be passed over in silence: the store takes all records, and nothing is written beside it.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let option = match (&self.output, &self.records) {
            _ if self.to != To::Store => return Ok(()),
            (Some(_), _) => "-o",
            (None, Some(_)) => "--records",
            (None, None) => return Ok(()),
        };
        anyhow::bail!(
            "{option} goes with records that are written out: say in which form, such as --to jsonl"
        )
    }

    /// Opens the output.
    pub(super) fn open<T: Tokens>(
        &self,
        context: &Context,
        format: OutputFormat,
        default: Kinds,
        tokens: T,
    ) -> anyhow::Result<Output<'static, T>> {
        let kinds = match self.records.as_deref() {
            None => default,
            Some("all") => Kinds::All,
            Some("events") => Kinds::Events,
            Some(name) => Kinds::One(kind(name)?),
        };
        Ok(Output::new(
            format,
            kinds,
            target(context, self.output.as_deref())?,
            tokens,
        ))
    }

    /// Writes the counts where they were asked for.
    pub(super) fn write_counts(&self, counts: &serde_json::Value) -> anyhow::Result<()> {
        if let Some(path) = &self.counts_json {
            let text = format!("{counts}\n");
            std::fs::write(path, text)
                .with_context(|| format!("cannot write the counts to {}", path.display()))?;
        }
        Ok(())
    }
}

fn kind(name: &str) -> anyhow::Result<&'static str> {
    EVENT_TABLES
        .iter()
        .find(|table| table.name == name || table.kind == name)
        .map(|table| table.kind)
        .with_context(|| {
            let names: Vec<&str> = EVENT_TABLES.iter().map(|table| table.name).collect();
            format!(
                "there are no records called {name:?}: say all, events, or one of {}",
                names.join(", ")
            )
        })
}

fn target(context: &Context, path: Option<&Path>) -> anyhow::Result<Target<'static>> {
    let Some(path) = path else {
        return Ok(Target::Stream(Box::new(context.out())));
    };
    if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Ok(Target::Folder(path.to_owned()));
    }
    let file = File::create(path).with_context(|| format!("cannot write to {}", path.display()))?;
    let writer: Box<dyn Write> = Box::new(BufWriter::with_capacity(1 << 18, file));
    Ok(Target::Stream(writer))
}
