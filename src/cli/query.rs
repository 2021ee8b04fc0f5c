//! `invigil query`: questions to the store, by name or typed in as SQL.

use std::io::Write;

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::ledger::{Act, Digest, SearchRun};
use crate::store::{Content, Params, QUERIES, Sql, Store, query};
use crate::{clock, ledger};

use super::context::{Context, Exit, random_salt};

/// Ask the store a question that the program knows by name, or one in SQL.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil query --list\n  invigil query store/sources\n  invigil query store/tables --to csv\n  invigil query --sql 'SELECT host, count() AS hits FROM web_hits GROUP BY host ORDER BY hits DESC LIMIT 20'\n  invigil query --sql 'SELECT time, path FROM web_hits' --reveal-content --reason 'case 12'"
)]
pub struct Args {
    /// The question.
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "sql"])]
    name: Option<String>,
    /// A question in SQL. It may only ask, is entered in the ledger, and shows no content.
    #[arg(long, value_name = "TEXT", conflicts_with = "name")]
    sql: Option<String>,
    /// Show columns of class content too, such as paths and search terms; the ledger says so.
    #[arg(long, requires = "sql", requires = "reason")]
    reveal_content: bool,
    /// Why the question is asked; kept in the ledger's private record.
    #[arg(long, value_name = "TEXT", requires = "sql")]
    reason: Option<String>,
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
    if let Some(sql) = args.sql.as_deref().filter(|_| !args.list) {
        return typed_in(sql, args, context);
    }
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

/// Asks a question in SQL, after it was entered. A refused one stays entered: somebody asked it.
fn typed_in(sql: &str, args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args
        .reason
        .as_deref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        anyhow::bail!("a reason needs words");
    }
    let store = context.store()?;
    let content = if args.reveal_content {
        Content::Revealed
    } else {
        Content::Masked
    };
    record_typed_in(context, sql, args)?;
    let mut answer = Vec::new();
    match args.to {
        To::Table if !context.json => {
            store.answer(sql, content, "CSVWithNames", &mut answer)?;
            table(context, &answer)?;
        }
        To::Table | To::Json => {
            store.answer(sql, content, "JSONEachRow", &mut answer)?;
            let rows = serde_json::Deserializer::from_slice(&answer).into_iter();
            context.print_json(&Value::Array(rows.collect::<Result<_, _>>()?))?;
        }
        To::Jsonl => answer_onto(&store, sql, content, "JSONEachRow", context)?,
        To::Csv => answer_onto(&store, sql, content, "CSVWithNames", context)?,
        To::Parquet => answer_onto(&store, sql, content, "Parquet", context)?,
    }
    Ok(Exit::Done)
}

fn answer_onto(
    store: &Store,
    sql: &str,
    content: Content,
    format: &str,
    context: &Context,
) -> anyhow::Result<()> {
    let mut out = context.out();
    store.answer(sql, content, format, &mut out)?;
    Ok(out.flush()?)
}

/// Enters a question in SQL: its text and the reason lie in the private record, and the digest takes
/// in a salt from there, so that the entry alone tells nothing of it.
fn record_typed_in(context: &Context, sql: &str, args: &Args) -> anyhow::Result<()> {
    let salt = random_salt()?;
    let query = if args.reveal_content {
        "sql_with_content"
    } else {
        "sql"
    };
    let act = Act::SearchRun(SearchRun {
        query: query.to_owned(),
        digest: Digest::of(&[salt.as_bytes(), b"\n", sql.as_bytes()]),
        rows: None,
        who: None,
        tables: Vec::new(),
    });
    let private = serde_json::json!({ "salt": salt, "sql": sql, "reason": args.reason });
    context
        .ledger()?
        .append(clock::now(), &act, Some(&private))?;
    Ok(())
}

/// Enters that personal data is searched.
fn record(context: &Context, sql: Sql) -> anyhow::Result<()> {
    let ledger: ledger::Ledger = context.ledger()?;
    let digest = Digest::of(&[sql.id().as_bytes(), b"\n", sql.text().as_bytes()]);
    let act = Act::SearchRun(SearchRun {
        query: sql.id().to_owned(),
        digest,
        rows: None,
        who: None,
        tables: Vec::new(),
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
    table(context, &store.bytes(sql, params, "CSVWithNames")?)
}

/// Prints comma-separated values with a heading as a table.
fn table(context: &Context, answer: &[u8]) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(answer);
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
