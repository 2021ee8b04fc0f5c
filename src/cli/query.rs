//! `invigil query`: questions to the store that the program knows by name.

use std::io::Write;

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::ledger::{Act, Digest, SearchRun};
use crate::store::{Params, QUERIES, Sql, Store, query};
use crate::{clock, ledger};

use super::context::{Context, Exit};

/// Ask the store a question that the program knows by name.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil query --list\n  invigil query store/sources\n  invigil query store/tables --to csv"
)]
pub struct Args {
    /// The question.
    #[arg(value_name = "NAME", required_unless_present = "list")]
    name: Option<String>,
    /// List the questions.
    #[arg(long)]
    list: bool,
    /// The form of the answer.
    #[arg(long, value_enum, default_value_t = To::Table)]
    to: To,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum To {
    /// Columns for the eye.
    Table,
    /// One JSON array.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a heading.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let Some(name) = args.name.as_deref().filter(|_| !args.list) else {
        return list(context);
    };
    let sql = query(name)
        .with_context(|| format!("there is no question {name:?}: see `invigil query --list`"))?;
    let store = context.store()?;
    if sql.heading("personal") == Some("yes") {
        record(context, sql)?;
    }
    let params = Params::new();
    match args.to {
        To::Table => print(context, &store, sql, &params)?,
        To::Json => context.print_json(&Value::Array(rows(&store, sql, &params)?))?,
        To::Jsonl => write(context, &store, sql, "JSONEachRow")?,
        To::Csv => write(context, &store, sql, "CSVWithNames")?,
        To::Parquet => write(context, &store, sql, "Parquet")?,
    }
    Ok(Exit::Done)
}

/// Enters that personal data is searched.
fn record(context: &Context, sql: Sql) -> anyhow::Result<()> {
    let ledger: ledger::Ledger = context.ledger()?;
    let digest = Digest::of(&[sql.id().as_bytes(), b"\n", sql.text().as_bytes()]);
    let act = Act::SearchRun(SearchRun {
        query: sql.id().to_owned(),
        digest,
        rows: None,
    });
    ledger.append(clock::now(), &act, None)?;
    Ok(())
}

fn list(context: &Context) -> anyhow::Result<Exit> {
    let rows: Vec<Vec<String>> = QUERIES
        .iter()
        .map(|sql| {
            vec![
                sql.id().to_owned(),
                sql.heading("title").unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    if context.json {
        let all = rows
            .iter()
            .map(|row| serde_json::json!({ "name": row.first(), "title": row.last() }));
        context.print_json(&all.collect())?;
    } else {
        context.print_table(&["name", "what it tells"], &rows)?;
    }
    Ok(Exit::Done)
}

fn write(context: &Context, store: &Store, sql: Sql, format: &str) -> anyhow::Result<()> {
    let mut out = context.out();
    store.stream(sql, &Params::new(), format, &mut out)?;
    Ok(out.flush()?)
}

fn rows(store: &Store, sql: Sql, params: &Params) -> anyhow::Result<Vec<Value>> {
    Ok(store
        .rows::<Map<String, Value>>(sql, params)?
        .into_iter()
        .map(Value::Object)
        .collect())
}

/// Prints an answer as a table, or as JSON with `--json`.
pub(super) fn print(
    context: &Context,
    store: &Store,
    sql: Sql,
    params: &Params,
) -> anyhow::Result<()> {
    if context.json {
        return context.print_json(&Value::Array(rows(store, sql, params)?));
    }
    let answer = store.bytes(sql, params, "CSVWithNames")?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(answer.as_slice());
    let mut lines = Vec::new();
    for record in reader.records() {
        lines.push(record?.iter().map(str::to_owned).collect::<Vec<String>>());
    }
    let heading = if lines.is_empty() {
        Vec::new()
    } else {
        lines.remove(0)
    };
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    context.print_table(&heading, &lines)
}
