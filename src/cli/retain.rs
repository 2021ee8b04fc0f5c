//! `invigil store retain`: what has had its time goes, and the ledger says what.

use serde_json::json;

use crate::clock;
use crate::keys::Purpose;
use crate::pipeline::retention::{Gone, Keeper, Outcome, Periods};
use crate::pipeline::sources;
use crate::record::Timestamp;

use super::context::{Context, Exit};
use super::who::moment;

/// Delete what has had its time.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil store retain --dry-run\n  invigil store retain\n  invigil store retain --until 2026-09-01T00:00:00Z\n\nThe periods are those of [retention] in the configuration; what `invigil hold` holds stays.\nDeleted is what is off the disk as files. The disk's blocks may keep it until they are written again, and\nwhoever has the keys could read it there: there is one key for all, so no month can be made unreadable alone."
)]
pub(super) struct Args {
    /// Delete what was due at this moment, with its zone; now if not said.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only say what is due, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub(super) fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let now = clock::now();
    let at = args.until.unwrap_or(now);
    anyhow::ensure!(
        at <= now,
        "--until is later than now: what is not due yet is not deleted"
    );
    let periods = Periods::of(&context.config.retention)?;
    let workshop = context.workshop()?;
    let names_key = workshop.keys.key(Purpose::Names);
    let store = workshop.store.store()?;
    let keeper = Keeper {
        data: &context.places.data,
        store: &store,
        ledger: &workshop.ledger,
        originals: &workshop.originals,
        names_key: &names_key,
        periods: &periods,
        at,
        now: clock::now,
    };
    let outcome = if args.dry_run {
        keeper.plan()?
    } else {
        let _alone = sources::lock_keeping(&context.places.data)?;
        let _no_file_meanwhile = sources::lock_files(&context.places.data, &workshop.deposit())?;
        keeper.run(&mut |gone| {
            context.tell(format!(
                "{} {}: {}",
                gone.deletion.table, gone.deletion.fate, gone.rows
            ));
        })?
    };
    print(&outcome, args.dry_run, context)?;
    Ok(match args.dry_run && !outcome.gone.is_empty() {
        true => Exit::Found,
        false => Exit::Done,
    })
}

fn print(outcome: &Outcome, is_trial: bool, context: &Context) -> anyhow::Result<()> {
    if context.json {
        let gone = outcome.gone.iter().map(|gone| {
            json!({
                "what": gone.deletion,
                "rows": gone.rows,
                "entry": (!is_trial).then_some(gone.entry),
                "resumed": gone.resumed,
            })
        });
        let kept = outcome
            .kept
            .iter()
            .map(|(table, kept)| json!({ "table": table, "hold": kept.hold, "rows": kept.rows }));
        let later = outcome
            .later
            .iter()
            .map(|(table, rows)| json!({ "table": table, "rows": rows }));
        return context.print_json(&json!({
            "trial": is_trial,
            "gone": gone.collect::<Vec<_>>(),
            "kept": kept.collect::<Vec<_>>(),
            "dated_later_than_now": later.collect::<Vec<_>>(),
            "names_in_use": outcome.names_in_use,
        }));
    }
    let mut rows: Vec<Vec<String>> = outcome.gone.iter().flat_map(lines_of).collect();
    for (table, kept) in &outcome.kept {
        rows.push(vec![
            table.clone(),
            format!("kept by hold {}", kept.hold),
            String::new(),
            String::new(),
            kept.rows.to_string(),
            String::new(),
        ]);
    }
    if !rows.is_empty() {
        let heading = ["of", "what", "rule", "before", "rows", "month"];
        context.print_table(&heading, &rows)?;
    }
    for (table, rows) in &outcome.later {
        context.warn(format!(
            "{rows} rows of {table} are dated later than now, and will not be due for long: a clock was wrong"
        ));
    }
    if outcome.names_in_use {
        context.warn("another program has the table of names in use: names that nothing speaks of stay until the next run");
    }
    let rows: u64 = outcome.gone.iter().map(|gone| gone.rows).sum();
    context.tell(match (rows, is_trial) {
        (0, _) => "nothing is due".to_owned(),
        (rows, true) => format!("due: {rows}; nothing was changed"),
        (rows, false) => format!("deleted: {rows}; each is an entry of the ledger"),
    });
    Ok(())
}

/// A line a month, or one for what is not cut by month.
fn lines_of(gone: &Gone) -> Vec<Vec<String>> {
    let deletion = &gone.deletion;
    let line = |rows: u64, month: &str| {
        vec![
            deletion.table.clone(),
            deletion.fate.clone(),
            deletion.rule.clone(),
            deletion.until.to_string(),
            rows.to_string(),
            month.to_owned(),
        ]
    };
    if deletion.months.is_empty() || gone.resumed {
        return vec![line(gone.rows, "")];
    }
    let months = deletion.months.iter();
    months
        .map(|month| match month.month.as_str() {
            // What bears no time stands in the month of 1970.
            "197001" => line(month.rows, "no time"),
            "all" => line(month.rows, ""),
            name => line(month.rows, name),
        })
        .collect()
}
