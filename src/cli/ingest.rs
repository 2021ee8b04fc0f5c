//! `invigil ingest`: logs to events.

use std::path::PathBuf;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock;
use crate::keys::{self, Purpose};
use crate::ledger::FrameNonces;
use crate::logs::{self, Fold, LogFormat, SourceSettings};
use crate::pipeline::PipelineError;
use crate::pipeline::formats;
use crate::pipeline::ingest::{LogReading, detect};
use crate::pipeline::input::{InputName, Opened};
use crate::pipeline::lane::Left;
use crate::pipeline::lists;
use crate::pipeline::output::{Kinds, Output, OutputFormat, Target};
use crate::pipeline::retention::Lines;
use crate::pipeline::sources;
use crate::pipeline::stop::{self, Told};
use crate::record::{Counts, Event, SourceId, SourceKind, Timestamp};

use super::context::{Context, Exit, OutputTokens};
use super::output_args::{OutputArgs, add_count};
use super::progress::Progress;

/// Logs to events.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil ingest access.log access.log.1.gz\n  invigil ingest --format radius_detail detail-20260302\n  zcat access.log.gz | invigil ingest --to jsonl -\n  invigil ingest --list-formats"
)]
pub struct Args {
    /// The logs, also gzipped; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "list_formats")]
    files: Vec<PathBuf>,
    /// The format, or `auto` to tell it from the first lines.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    format: String,
    /// List the formats and do nothing else.
    #[arg(long)]
    list_formats: bool,
    /// The zone of times that name none, such as Europe/London; else the configuration's.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// What a local time means that comes twice, in the hour when the clocks go back.
    #[arg(long, value_enum, default_value_t = FoldArg::Reject)]
    fold: FoldArg,
    /// A moment soon after the newest line, with its zone: gives a year to lines that have none. Else it is now, and
    /// such lines are read as of the twelve months before.
    #[arg(long, value_name = "TIME", value_parser = super::who::moment)]
    reference: Option<Timestamp>,
    /// Write what was rejected here, a JSON object a line: reason and place, not the line itself.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What a local time means that comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FoldArg {
    /// Reject the line.
    Reject,
    /// The first of the two, in summer time.
    First,
    /// The second, in winter time.
    Second,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let formats = Formats::of(args, context)?;
    if args.list_formats {
        return formats.list(context);
    }
    args.output.check()?;
    if let Some(format) = args.output.format(context) {
        let counts = print(args, context, &formats, format)?;
        args.output.write_counts(&counts_json(&counts))?;
        context.tell(sentence(&counts));
        return Ok(Exit::Done);
    }
    // What was stored before something failed is told too.
    let mut total = (Counts::default(), Left::default());
    let stored = store(args, context, &formats, &mut total);
    let (counts, left) = total;
    let mut json = counts_json(&counts);
    add_count(&mut json, "spooled", left.frames);
    add_count(&mut json, "dropped", left.dropped.counts.read);
    args.output.write_counts(&json)?;
    context.tell(sentence(&counts));
    stored?;
    context.arrived(&left)
}

/// The formats at hand, and what the person and the configuration say of the sources.
struct Formats<'a> {
    args: &'a Args,
    context: &'a Context,
    own: Vec<&'static dyn LogFormat>,
}

impl<'a> Formats<'a> {
    fn of(args: &'a Args, context: &'a Context) -> anyhow::Result<Self> {
        Ok(Formats {
            args,
            context,
            own: formats::own_formats(&context.config.logs)?,
        })
    }

    fn format(&self, name: &str) -> Option<&'static dyn LogFormat> {
        let own = self.own.iter().copied();
        own.clone()
            .find(|format| format.name() == name)
            .or_else(|| logs::format(name))
    }

    /// Says what was chosen and on what evidence: how many of the first lines are of that format, and what came next.
    fn tell_choice(&self, name: &str, found: &[(&'static dyn LogFormat, u8)]) {
        let mut found = found.iter();
        if let Some((format, share)) = found.next() {
            let next = match found.next() {
                Some((next, share)) => format!("; next is {} with {share} %", next.name()),
                None => String::new(),
            };
            let lines = logs::SAMPLE_LINES;
            self.context.tell(format!(
                "{name} is read as {}: {share} % of its first lines ({lines} at most) are{next}",
                format.name()
            ));
        }
    }

    /// Every format, an operator's own first.
    fn list(&self, context: &Context) -> anyhow::Result<Exit> {
        let all = || self.own.iter().chain(logs::FORMATS);
        if context.json {
            let formats: Vec<_> = all()
            .map(|format| {
                json!({ "name": format.name(), "title": format.title(), "extensions": format.extensions() })
            })
            .collect();
            context.print_json(&formats.into())?;
        } else {
            let rows: Vec<Vec<String>> = all()
                .map(|format| {
                    vec![
                        format.name().to_owned(),
                        format.title().to_owned(),
                        format.extensions().join(" "),
                    ]
                })
                .collect();
            context.print_table(&["name", "title", "usual endings"], &rows)?;
        }
        Ok(Exit::Done)
    }

    /// What the readers of this source are told: by the command line, else by what is known of the source, else by what holds for all.
    fn settings(&self, name: &InputName) -> anyhow::Result<SourceSettings> {
        let (args, config) = (self.args, &self.context.config);
        let source = formats::source(&config.logs, &name.to_string());
        let zone = args
            .zone
            .as_deref()
            .or(source.and_then(|source| source.zone.as_deref()))
            .unwrap_or(&config.time.zone);
        let fold = match args.fold {
            FoldArg::Reject => Fold::Reject,
            FoldArg::First => Fold::First,
            FoldArg::Second => Fold::Second,
        };
        Ok(SourceSettings {
            zone: TimeZone::get(zone).with_context(|| {
                format!("there is no time zone {zone:?}: use a name such as Europe/London")
            })?,
            reference: args.reference.unwrap_or_else(clock::now),
            fold,
            corrections: source
                .map(formats::corrections)
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// The format that was named, or the one that the first lines look like; nothing for an empty input.
    fn choose(&self, input: Opened) -> anyhow::Result<Option<(&'static dyn LogFormat, Opened)>> {
        let name = input.name.to_string();
        let source = formats::source(&self.context.config.logs, &name);
        let named = match self.args.format.as_str() {
            "auto" => source.and_then(|source| source.format.as_deref()),
            named => Some(named),
        };
        if let Some(named) = named {
            let format = self.format(named).with_context(|| {
                format!("there is no log format {named:?}: see `invigil ingest --list-formats`")
            })?;
            return Ok(Some((format, input)));
        }
        let (found, input) = detect(input, &self.own)?;
        let Some(input) = input else { return Ok(None) };
        self.tell_choice(&name, &found);
        let format = found.first().map(|(format, _)| *format).with_context(|| {
        format!("cannot tell the format of {name}: name one with --format (`invigil ingest --list-formats`); captures are read with `invigil capture -r`, registers with `invigil register KIND import`")
    })?;
        Ok(Some((format, input)))
    }
}

fn print(
    args: &Args,
    context: &Context,
    formats: &Formats<'_>,
    to: OutputFormat,
) -> anyhow::Result<Counts> {
    let lists = lists::load(&context.places.data)?;
    let mut output = args
        .output
        .open(context, to, Kinds::Events, context.output_tokens(to)?)?;
    let mut rejects = args
        .rejects
        .as_deref()
        .map(|path| reject_file(path, context))
        .transpose()?;
    let mut total = Counts::default();
    for path in &args.files {
        let name = InputName::of(path);
        let source = name.passing_source()?;
        let progress = Progress::of(context, &name);
        let settings = formats.settings(&name)?;
        let Some((format, input)) = formats.choose(progress.open(&name)?)? else {
            continue;
        };
        let reading = LogReading {
            format,
            settings: &settings,
            lists: &lists,
            told_to_stop: Told::default(),
            lines: Lines::default(),
        };
        let counts = reading.each_record(input, source, |place, event| {
            if let (Some(rejects), Event::Reject(_)) = (&mut rejects, event) {
                rejects
                    .record(place, event)
                    .map_err(PipelineError::Output)?;
            }
            output.record(place, event).map_err(PipelineError::Output)
        })?;
        total.add(&counts);
    }
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    output.finish()?;
    Ok(total)
}

fn store(
    args: &Args,
    context: &Context,
    formats: &Formats<'_>,
    total: &mut (Counts, Left),
) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.rejects.is_none(),
        "with --to store, rejects are in the store: `invigil query store/rejects`; --rejects goes with the other outputs"
    );
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    let lists = lists::load(&context.places.data)?;
    let mut names = context.names()?;
    let told_to_stop = stop::when_told()?;
    for path in &args.files {
        let name = InputName::of(path);
        let _one_at_a_time = if name.is_regular() {
            Some(sources::lock_files(&context.places.data, &deposit)?)
        } else {
            deposit.finish()?;
            None
        };
        let progress = Progress::of(context, &name);
        let settings = formats.settings(&name)?;
        let Some((format, input)) = formats.choose(progress.open(&name)?)? else {
            continue;
        };
        let resolved = if name.is_regular() {
            let history = deposit.history()?;
            let identity = name.identify(history.points())?;
            let id = workshop.keys.id();
            sources::of_file(&identity, &history, SourceKind::LogFile, format.name(), id)
        } else {
            sources::of_session(SourceId(keys::random()?), SourceKind::Stream, format.name())
        };
        if resolved.complete {
            total.0.add(&resolved.counts_when_complete());
            continue;
        }
        let reading = LogReading {
            format,
            settings: &settings,
            lists: &lists,
            told_to_stop: told_to_stop.clone(),
            lines: Lines::of(deposit.ledger.entries()?),
        };
        let nonces = FrameNonces::new(&workshop.keys.key(Purpose::Nonces), resolved.source.id);
        let (counts, left) = reading.store(
            input,
            &resolved.source,
            resolved.stored_bytes,
            &mut names,
            nonces,
            &deposit,
        )?;
        total.0.add(&counts);
        total.1.add(left);
    }
    Ok(())
}

/// Stores one log as the command does, for measuring.
pub(super) fn store_one(
    context: &Context,
    file: &std::path::Path,
    format: &str,
) -> anyhow::Result<()> {
    let args = Args {
        files: vec![file.to_owned()],
        format: format.to_owned(),
        list_formats: false,
        zone: Some("UTC".to_owned()),
        fold: FoldArg::First,
        reference: None,
        rejects: None,
        output: OutputArgs::to_the_store(),
    };
    let formats = Formats::of(&args, context)?;
    let mut total = (Counts::default(), Left::default());
    store(&args, context, &formats, &mut total)?;
    context.arrived(&total.1).map(drop)
}

fn reject_file(
    path: &std::path::Path,
    context: &Context,
) -> anyhow::Result<Output<'static, OutputTokens>> {
    let file = std::fs::File::create(path)
        .with_context(|| format!("cannot write to {}", path.display()))?;
    let target = Target::Stream(Box::new(std::io::BufWriter::new(file)));
    let tokens = context.output_tokens(OutputFormat::Jsonl)?;
    Ok(Output::new(
        OutputFormat::Jsonl,
        Kinds::One("reject"),
        target,
        tokens,
    ))
}

pub(super) fn counts_json(counts: &Counts) -> serde_json::Value {
    json!({
        "read": counts.read,
        "stored": counts.stored,
        "rejected": counts.rejected,
        "ignored": counts.ignored,
        "records": counts.records,
        "bytes": counts.bytes,
        "reasons": counts.reasons,
    })
}

pub(super) fn sentence(counts: &Counts) -> String {
    let mut text = format!(
        "lines read {} = stored {} + rejected {} + ignored {}; records {}",
        counts.read, counts.stored, counts.rejected, counts.ignored, counts.records
    );
    for (reason, frames) in &counts.reasons {
        text.push_str(&format!("; {reason} {frames}"));
    }
    text
}
