//! `invigil report`: the weekly digest, the trend, and those that are due.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::civil::Date;

use crate::clock;
use crate::config::ScheduledReport;
use crate::detect::{Case, DetectSettings, identification};
use crate::ledger::{Act, Digest, ReportWritten};
use crate::record::Timestamp;
use crate::record::calendar::{Zone, add_days, monday, parse_week, print_week};
use crate::report::due::{self, file_name};
use crate::report::{Document, Weekly, establishments, render, trend, weekly};
use crate::store::Store;

use super::context::{Context, Exit};
use super::who::{attribution, moment, zone};

/// Make a report.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil report weekly --for hawthorn --week 2026-W11 --as html -o hawthorn.html\n  invigil report trend --weeks 8 -o trend.html\n  invigil report run --due"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// What happened at one establishment in one week.
    Weekly {
        /// The establishment.
        #[arg(long = "for", value_name = "ESTABLISHMENT")]
        establishment: String,
        #[command(flatten)]
        when: When,
        #[command(flatten)]
        out: Out,
    },
    /// Every establishment by week.
    Trend {
        #[command(flatten)]
        when: When,
        /// How many weeks.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=52))]
        weeks: u8,
        #[command(flatten)]
        out: Out,
    },
    /// Write the reports of the configuration's schedule that are due; each once.
    Run {
        /// Only what is due and was not written before.
        #[arg(long, required = true)]
        due: bool,
        /// Judge what is due as if it were this moment.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        now: Option<Timestamp>,
    },
}

/// Which week.
#[derive(Clone, Debug, clap::Args)]
struct When {
    /// The week by ISO 8601, such as 2026-W11; the last whole week if nothing is said.
    #[arg(long, value_name = "WEEK", value_parser = week, conflicts_with = "until")]
    week: Option<Date>,
    /// The week that ends with this moment, or in which it lies.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
}

/// In which form, and where to.
#[derive(Clone, Debug, clap::Args)]
struct Out {
    /// The form.
    #[arg(long = "as", value_enum, default_value_t = As::Html)]
    form: As,
    /// Where to; standard output if not said.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum As {
    /// A page.
    Html,
    /// Its figures and tables.
    Csv,
    /// All of it, for programs.
    Json,
}

fn week(text: &str) -> Result<Date, String> {
    parse_week(text).ok_or_else(|| "not a week such as 2026-W11".to_owned())
}

impl When {
    fn monday(&self, zone: &Zone) -> Date {
        match (self.week, self.until) {
            (Some(week), _) => week,
            // A moment at the end of a week belongs to that week.
            (None, Some(until)) => monday(zone.day(until.plus_micros(-1))),
            (None, None) => add_days(monday(zone.day(clock::now())), -7),
        }
    }
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let zone = zone(context)?;
    let store = context.store()?;
    match &args.command {
        Command::Weekly {
            establishment,
            when,
            out,
        } => {
            let monday = when.monday(&zone);
            let document = make_weekly(context, &store, establishment, monday, &zone)?;
            let bytes = put(context, &document, out)?;
            record(context, "weekly", establishment, monday, 1, &zone, &bytes)?;
        }
        Command::Trend { when, weeks, out } => {
            let last = when.monday(&zone);
            let document = make_trend(context, &store, last, *weeks, &zone)?;
            let bytes = put(context, &document, out)?;
            record(context, "trend", "", last, *weeks, &zone, &bytes)?;
        }
        Command::Run { now, .. } => {
            let now = now.unwrap_or_else(clock::now);
            run_due(context, &store, now, &zone)?;
        }
    }
    Ok(Exit::Done)
}

fn make_weekly(
    context: &Context,
    store: &Store,
    establishment: &str,
    monday: Date,
    zone: &Zone,
) -> anyhow::Result<Document> {
    let settings = DetectSettings::new(zone.clone(), attribution(context));
    let now = clock::now();
    let case = Case {
        store,
        since: zone.start_of_day(monday),
        until: zone.start_of_day(add_days(monday, 7)),
        now,
        settings: &settings,
    };
    let identified = identification(&case, establishment)?;
    let provider = &context.config.provider.name;
    Ok(weekly(
        store,
        &Weekly {
            establishment,
            monday,
            zone,
            provider,
            made: now,
            identified,
        },
    )?)
}

fn make_trend(
    context: &Context,
    store: &Store,
    last: Date,
    weeks: u8,
    zone: &Zone,
) -> anyhow::Result<Document> {
    let provider = &context.config.provider.name;
    Ok(trend(store, last, weeks, zone, provider, clock::now())?)
}

/// Writes the document where it is wanted; gives its bytes.
fn put(context: &Context, document: &Document, out: &Out) -> anyhow::Result<Vec<u8>> {
    let form = if context.json { As::Json } else { out.form };
    let bytes = match form {
        As::Html => render::html(document)?,
        As::Csv => render::csv(document)?,
        As::Json => render::json(document)?,
    };
    match out.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            write_whole(path, &bytes)?;
            context.tell(format!(
                "report: {} written to {}",
                document.report,
                path.display()
            ));
        }
        None => {
            let mut to = context.out();
            to.write_all(&bytes)?;
            to.flush()?;
        }
    }
    Ok(bytes)
}

/// Writes a file so that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write the report to {}", path.display()))
}

/// The ledger's act for a report of so many weeks.
fn act(
    report: &str,
    place: &str,
    last: Date,
    weeks: u8,
    zone: &Zone,
    digest: Digest,
) -> ReportWritten {
    let first = add_days(last, -7 * (i64::from(weeks) - 1));
    ReportWritten {
        report: report.to_owned(),
        establishment: place.to_owned(),
        from: zone.start_of_day(first),
        to: zone.start_of_day(add_days(last, 7)),
        digest,
    }
}

fn record(
    context: &Context,
    report: &str,
    place: &str,
    last: Date,
    weeks: u8,
    zone: &Zone,
    bytes: &[u8],
) -> anyhow::Result<()> {
    let act = act(report, place, last, weeks, zone, Digest::of(&[bytes]));
    context
        .ledger()?
        .append(clock::now(), &Act::ReportWritten(act), None)?;
    Ok(())
}

/// How many weeks a scheduled trend tells of.
const TREND_WEEKS: u8 = 8;

fn run_due(context: &Context, store: &Store, now: Timestamp, zone: &Zone) -> anyhow::Result<()> {
    let folder = context
        .config
        .report
        .folder
        .clone()
        .unwrap_or_else(|| context.places.data.join("reports"));
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder of reports {}", folder.display()))?;
    let _one_at_a_time = lock(&context.places.data)?;
    let (mut written, mut known) = (0u32, 0u32);
    if context.config.report.schedule.is_empty() {
        context.warn("report: nothing is scheduled: [[report.schedule]] of the configuration says what is due when");
    }
    for line in &context.config.report.schedule {
        let week = due::Weekly::parse(&line.day, &line.at)?.week(zone, now);
        for place in places(line, store)? {
            let path = folder.join(file_name(&line.report, place.as_deref(), week));
            // The file is the mark that it was written: it is there whole or not at all.
            if path.exists() {
                known += 1;
                continue;
            }
            let (document, weeks) = match &place {
                Some(place) => (make_weekly(context, store, place, week, zone)?, 1),
                None => (
                    make_trend(context, store, week, TREND_WEEKS, zone)?,
                    TREND_WEEKS,
                ),
            };
            let bytes = render::html(&document)?;
            write_whole(&path, &bytes)?;
            let place = place.unwrap_or_default();
            record(context, &line.report, &place, week, weeks, zone, &bytes)?;
            context.tell(format!(
                "report: {} of {} written to {}",
                line.report,
                print_week(week),
                path.display()
            ));
            written += 1;
        }
    }
    context.tell(format!(
        "report: {written} written, {known} had been written before"
    ));
    Ok(())
}

/// Lets one program at a time write what is due, so that two timers do not both write the same. Held until it is dropped.
fn lock(data: &Path) -> anyhow::Result<std::fs::File> {
    let path = data.join("reports.lock");
    let open = || -> std::io::Result<std::fs::File> {
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        file.lock()?;
        Ok(file)
    };
    open().with_context(|| format!("cannot lock {}", path.display()))
}

/// For whom a line of the schedule is: one establishment, each, or none for a report of all.
fn places(line: &ScheduledReport, store: &Store) -> anyhow::Result<Vec<Option<String>>> {
    match (line.report.as_str(), &line.establishment) {
        ("trend", _) => Ok(vec![None]),
        ("weekly", Some(place)) => Ok(vec![Some(place.clone())]),
        ("weekly", None) => Ok(establishments(store)?.into_keys().map(Some).collect()),
        (other, _) => bail!("the schedule names no report {other:?}: it can be weekly or trend"),
    }
}
