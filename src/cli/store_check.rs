//! `invigil store check`: whether store, originals, spool and ledger say the same, and the mending of where they do not.

use anyhow::Context as _;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock;
use crate::keys::Purpose;
use crate::ledger::FrameNonces;
use crate::logs::{Fold, SourceSettings};
use crate::pipeline::check::{Checked, END, Fault, StoreCheck};
use crate::pipeline::lists;
use crate::pipeline::mend::Mending;
use crate::pipeline::sources;
use crate::record::SourceId;

use super::context::{Context, Exit};

/// Runs it; exit 3 if something does not agree.
pub(super) fn run(mend: bool, context: &Context) -> anyhow::Result<Exit> {
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    let _nobody_reads_files = sources::hold_files(&context.places.data)?;
    let nonces_key = workshop.keys.key(Purpose::Nonces);
    let nonces = |source: SourceId| FrameNonces::new(&nonces_key, source);
    let check = StoreCheck {
        deposit: &deposit,
        nonces: &nonces,
    };
    let mut checked = check.check()?;
    let mut mended = Vec::new();
    if mend && !checked.faults.is_empty() {
        let zone = &context.config.time.zone;
        let mut with = Mending {
            settings: SourceSettings {
                zone: TimeZone::get(zone)
                    .with_context(|| format!("there is no time zone {zone:?}"))?,
                reference: clock::now(),
                fold: Fold::Reject,
                corrections: Default::default(),
            },
            lists: &lists::load(&context.places.data)?,
            names: &mut context.names()?,
        };
        mended = check.mend(&checked.faults, &mut with)?;
        checked = check.check()?;
    }
    print(context, &checked, &mended)?;
    Ok(if checked.faults.is_empty() {
        Exit::Done
    } else {
        Exit::SumsDoNotAddUp
    })
}

fn print(context: &Context, checked: &Checked, mended: &[Fault]) -> anyhow::Result<()> {
    if context.json {
        return context.print_json(&json!({
            "sources": checked.sources,
            "batches": checked.batches,
            "rows": checked.rows,
            "at_work": checked.at_work,
            "mended": mended.iter().map(as_json).collect::<Vec<_>>(),
            "faults": checked.faults.iter().map(as_json).collect::<Vec<_>>(),
        }));
    }
    let all = mended
        .iter()
        .map(|fault| ("mended", fault))
        .chain(checked.faults.iter().map(|fault| ("stands", fault)));
    let rows: Vec<Vec<String>> = all
        .map(|(state, fault)| {
            let last = match fault.last {
                END => "end".to_owned(),
                last => last.to_string(),
            };
            vec![
                state.to_owned(),
                fault.kind.as_str().to_owned(),
                fault.source.to_string(),
                fault.table.to_owned(),
                format!("{} to {last}", fault.first),
                fault.expected.to_string(),
                fault.found.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let heading = [
            "state", "fault", "source", "table", "frames", "expected", "found",
        ];
        context.print_table(&heading, &rows)?;
    }
    context.tell(format!(
        "{} sources, {} batches, {} rows: {}{}",
        checked.sources,
        checked.batches,
        checked.rows,
        match checked.faults.len() {
            0 => "store, originals, spool and ledger agree".to_owned(),
            1 => "one thing does not agree".to_owned(),
            many => format!("{many} things do not agree"),
        },
        match checked.at_work {
            0 => String::new(),
            sources => format!("; {sources} sources are being read and were passed over"),
        }
    ));
    Ok(())
}

fn as_json(fault: &Fault) -> serde_json::Value {
    json!({
        "fault": fault.kind.as_str(),
        "source": fault.source.to_string(),
        "table": fault.table,
        "first_frame": fault.first,
        "last_frame": fault.last,
        "expected": fault.expected,
        "found": fault.found,
    })
}
