//! `invigil findings`: what the rules have found, as it is kept.

use std::io::Write;

use anyhow::bail;
use serde_json::{Value, json};

use crate::detect::{known_findings, rule};
use crate::pipeline::output::printable_line;
use crate::record::{Finding, Timestamp};
use crate::report::establishments;
use crate::store::Store;

use super::context::{Context, Exit};
use super::who::{moment, zone};

/// List findings, or show one in full.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil findings list\n  invigil findings list --establishment hawthorn --json\n  invigil findings show 2a4aeddf"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// List findings by the time of their window.
    List {
        /// Those whose window ends after this moment.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// Those whose window begins before this moment.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        until: Option<Timestamp>,
        /// Those of this establishment.
        #[arg(long, value_name = "NAME")]
        establishment: Option<String>,
    },
    /// Show one finding with its score, what could explain it, and the rows it rests on.
    Show {
        /// Its id, or enough of its beginning.
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.store()?;
    let always = (Timestamp::from_micros(0), Timestamp::MAX);
    match &args.command {
        Command::List {
            since,
            until,
            establishment,
        } => {
            let since = since.unwrap_or(always.0);
            let until = until.unwrap_or(always.1);
            known_establishment(&store, establishment.as_deref())?;
            let found = known_findings(&store, since, until, establishment.as_deref(), None)?;
            if context.json {
                context.print_json(&found.iter().map(finding_json).collect())?;
            } else {
                print_findings(context, &found)?;
            }
            Ok(Exit::Done)
        }
        Command::Show { id } => {
            if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                bail!("{id:?} is no id of a finding: take one from `invigil findings list`");
            }
            let id = id.to_ascii_lowercase();
            let found = known_findings(&store, always.0, always.1, None, Some(&id))?;
            let [finding] = found.as_slice() else {
                bail!(
                    "{} findings have an id that begins with {id}: see `invigil findings list`",
                    found.len()
                );
            };
            if context.json {
                context.print_json(&finding_json(finding))?;
            } else {
                show(context, finding)?;
            }
            Ok(Exit::Done)
        }
    }
}

/// A name that no register has is refused: "no findings" must not be what a slip of the pen looks like.
pub(super) fn known_establishment(store: &Store, named: Option<&str>) -> anyhow::Result<()> {
    let Some(name) = named else { return Ok(()) };
    if !establishments(store)?.contains_key(name) {
        bail!(
            "no register has an establishment {name:?}: see `invigil register establishments list`"
        );
    }
    Ok(())
}

/// Prints findings as a table. What was found says where and when, so that the table fits a terminal.
pub(super) fn print_findings(context: &Context, findings: &[Finding]) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = findings
        .iter()
        .map(|finding| {
            vec![
                finding.finding_id.to_string().chars().take(12).collect(),
                finding.severity.to_string(),
                finding.rule.0.to_string(),
                who(finding),
                finding.score.to_string(),
                finding.summary.clone(),
            ]
        })
        .collect();
    context.print_table(
        &["finding", "severity", "rule", "who", "score", "what"],
        &rows,
    )
}

/// The account's token, short, with its basis; or the verdict.
fn who(finding: &Finding) -> String {
    match (finding.basis, finding.subject_token.0.get(..8)) {
        (Some(basis), Some(token)) => format!("{token} ({basis})"),
        _ => finding.verdict.to_string(),
    }
}

fn show(context: &Context, finding: &Finding) -> anyhow::Result<()> {
    let zone = zone(context)?;
    let mut out = context.out();
    let mut line = |label: &str, text: &str| writeln!(out, "{label:<14} {}", printable_line(text));
    line("finding", &finding.finding_id.to_string())?;
    line("rule", &finding.rule.0)?;
    line("severity", finding.severity.as_str())?;
    line(
        "establishment",
        if finding.establishment.0.is_empty() {
            "not known"
        } else {
            &finding.establishment.0
        },
    )?;
    line("verdict", finding.verdict.as_str())?;
    line(
        "basis",
        finding.basis.map_or("none", |basis| basis.as_str()),
    )?;
    line(
        "account",
        if finding.subject_token.0.is_empty() {
            "none"
        } else {
            &finding.subject_token.0
        },
    )?;
    line("from", &zone.print(finding.window_from))?;
    line("until", &zone.print(finding.window_to))?;
    line("first seen", &zone.print(finding.first_seen))?;
    line("events", &finding.count.to_string())?;
    line("score", &finding.score.to_string())?;
    line("what", &finding.summary)?;
    line("explanation", &finding.explanation)?;
    for check in &finding.innocent_checks {
        line("considered", check)?;
    }
    if let Some(rule) = rule(&finding.rule.0) {
        let heading = rule.heading();
        line("told", heading.told)?;
        line("policy", heading.policy)?;
        line("lawful", heading.why)?;
        line("false alarms", heading.false_alarms)?;
    }
    for row in &finding.evidence {
        line("rests on", row)?;
    }
    Ok(out.flush()?)
}

/// A finding as JSON, with the names of its columns.
pub(super) fn finding_json(finding: &Finding) -> Value {
    json!({
        "finding_id": finding.finding_id.to_string(),
        "rule": finding.rule.0,
        "severity": finding.severity.as_str(),
        "establishment": finding.establishment.0,
        "verdict": finding.verdict.as_str(),
        "basis": finding.basis.map(|basis| basis.as_str()),
        "subject_token": finding.subject_token.0,
        "window_from": finding.window_from.to_string(),
        "window_to": finding.window_to.to_string(),
        "count": finding.count,
        "score": finding.score,
        "summary": finding.summary,
        "explanation": finding.explanation,
        "innocent_checks": finding.innocent_checks,
        "evidence": finding.evidence,
        "first_seen": finding.first_seen.to_string(),
    })
}
