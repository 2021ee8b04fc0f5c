//! `invigil ingest`: logs to events.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock;
use crate::keys::{self, Purpose};
use crate::logs::{self, Fold, LogFormat, SourceSettings};
use crate::pipeline::PipelineError;
use crate::pipeline::follow::{Choice, Following, Told as FollowTold};
use crate::pipeline::formats;
use crate::pipeline::ingest::{LogReading, Making, detect};
use crate::pipeline::input::archive::{self, Found};
use crate::pipeline::input::picked::Picked;
use crate::pipeline::input::{InputError, InputName, Opened};
use crate::pipeline::lane::Left;
use crate::pipeline::lists;
use crate::pipeline::log_files::{LogFiles, TakenUp, damaged};
use crate::pipeline::output::{Kinds, MadeRows, Output, OutputFormat, Rows, Target};
use crate::pipeline::retention;
use crate::pipeline::sources;
use crate::pipeline::stop::{self, Told};
use crate::pipeline::syslog::Chosen;
use crate::record::{Counts, Event, IgnoreReason, Place, RejectReason, SourceId, Timestamp};

use super::context::{Context, Exit, OutputTokens};
use super::output_args::{OutputArgs, add_count};
use super::progress::Progress;

/// Logs to events.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil ingest access.log access.log.1.gz\n  invigil ingest --format radius_detail detail-20260302\n  invigil ingest '/var/log/squid/*.log' old-logs.tar.gz archive/\n  invigil ingest --follow /var/log/squid/access.log\n  zcat access.log.gz | invigil ingest --to jsonl -\n  invigil ingest --list-formats"
)]
pub struct Args {
    /// The logs: files, also packed (gzip, zstd, xz, bzip2) or in a tar or zip; folders with all that is in them; patterns in quotes; `-` is standard input.
    #[arg(value_name = "FILE", required_unless_present = "list_formats")]
    files: Vec<PathBuf>,
    /// Go on reading what is written to these logs, rotated or not, until told to stop. What was rotated away beside them is read too.
    #[arg(long)]
    follow: bool,
    /// List the formats and do nothing else.
    #[arg(long)]
    list_formats: bool,
    #[command(flatten)]
    lines: Lines,
    /// Write what was rejected here, a JSON object a line: reason and place, not the line itself.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// With any --to but the store: from 2 on, so many threads read and one cuts and writes; what comes out is the same. The store has threads of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    threads: usize,
    #[command(flatten)]
    output: OutputArgs,
}

/// What lines are, and what they do not say.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Lines {
    /// The format, or `auto` to tell it from the first lines.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    format: String,
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
    let formats = Formats::of(&args.lines, context)?;
    if args.list_formats {
        return formats.list(context);
    }
    args.output.check()?;
    if let Some(format) = args.output.format(context) {
        anyhow::ensure!(
            !args.follow,
            "--follow stores what it reads: leave --to out"
        );
        let (counts, unread) = print(args, context, &formats, format)?;
        args.output.write_counts(&counts_json(&counts))?;
        context.tell(sentence(&counts));
        return all_read(unread);
    }
    // What was stored before something failed is told too.
    let mut total = (Counts::default(), Left::default());
    let stored = match args.follow {
        true => follow(args, context, &formats, &mut total).map(|()| 0),
        false => store(args, context, &formats, &mut total),
    };
    let (counts, left) = total;
    let mut json = counts_json(&counts);
    add_count(&mut json, "spooled", left.frames);
    add_count(&mut json, "dropped", left.dropped.counts.read);
    args.output.write_counts(&json)?;
    context.tell(sentence(&counts));
    let unread = stored?;
    context.arrived(&left)?;
    all_read(unread)
}

/// Files that were found in a folder or an archive and could not be read are no success.
fn all_read(unread: u64) -> anyhow::Result<Exit> {
    anyhow::ensure!(
        unread == 0,
        "{unread} of the files could not be read: they are named above; the others were"
    );
    Ok(Exit::Done)
}

/// Hands out each input that these names mean: files, those in folders and those in archives; nothing in the place of
/// one that is damaged. What is wrong with one that was not named itself is told, and the others are read.
fn each_input(
    files: &[PathBuf],
    context: &Context,
    unread: &mut u64,
    mut each: impl FnMut(Option<InputName>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let picked = Picked::of(files)?;
    let named = picked.named.iter().map(|path| (path, true));
    let found = picked.found.iter().map(|path| (path, false));
    for (path, is_named) in named.chain(found) {
        let name = InputName::of(path);
        let mut one = |name: Option<InputName>, may_fail: bool| match each(name) {
            Err(error) if may_fail && is_about_the_file(&error) => {
                *unread += 1;
                context.warn(format!("{error:#}"));
                Ok(())
            }
            done => done,
        };
        let kind = match name {
            InputName::Stdin => None,
            _ => match archive::Kind::of(path) {
                Err(error) if !is_named => {
                    one(Some(name), true)?;
                    drop(error);
                    continue;
                }
                kind => kind?,
            },
        };
        let Some(kind) = kind else {
            one(Some(name), !is_named)?;
            continue;
        };
        kind.each(path, |found| match found {
            Found::Member(member) => one(Some(InputName::Member(member)), true),
            Found::Damage { name, source } => {
                context.warn(format!("{name} is damaged, the rest is lost: {source}"));
                one(None, false)
            }
        })?;
    }
    Ok(())
}

/// Whether an error is about one file and its lines, and not about all of the work.
fn is_about_the_file(error: &anyhow::Error) -> bool {
    let input = error.downcast_ref::<InputError>().is_some();
    let read = matches!(error.downcast_ref(), Some(PipelineError::Input(_)));
    input || read || error.downcast_ref::<UnknownFormat>().is_some()
}

/// The first lines are like none of the formats.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot tell the format of {0}: name one with --format (`invigil ingest --list-formats`); captures are read with `invigil capture -r`, registers with `invigil register KIND import`"
)]
struct UnknownFormat(String);

/// The formats at hand, and what the person and the configuration say of the sources.
pub(super) struct Formats<'a> {
    args: &'a Lines,
    context: &'a Context,
    own: Vec<&'static dyn LogFormat>,
}

impl<'a> Formats<'a> {
    pub(super) fn of(args: &'a Lines, context: &'a Context) -> anyhow::Result<Self> {
        Ok(Formats {
            args,
            context,
            own: formats::own_formats(&context.config.logs)?,
        })
    }

    /// Refuses a name that no format has.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let named = self.args.format.as_str();
        anyhow::ensure!(
            named == "auto" || self.format(named).is_some(),
            "there is no log format {named:?}: see `invigil ingest --list-formats`"
        );
        Ok(())
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
            let text = format!(
                "{name} is read as {}: {share} % of its first lines ({lines} at most) are{next}",
                format.name()
            );
            if *share < MOST_LINES {
                self.context.warn(format!(
                    "WARNING: {text}; most of its lines are of no format that is known or of several: what can not be read as {} is rejected and counted, and may be read again with another --format",
                    format.name()
                ));
            } else {
                self.context.tell(text);
            }
        }
    }

    /// Says so where most lines of a file could not be read, however its format was chosen: it is likely not of that format.
    fn tell_rejected(&self, name: &str, format: &dyn LogFormat, counts: &Counts) {
        let other = counts.reasons.get(IgnoreReason::OtherMessage.as_str());
        if counts.stored == 0 && other.is_some_and(|other| *other > counts.read / 2) {
            self.context.warn(format!(
                "WARNING: of {} lines of {name} none is a record of {}: is it of that format? See `invigil ingest --list-formats` and --format",
                counts.read,
                format.name()
            ));
        }
        if counts.rejected > counts.read / 2 {
            let rejected = |word: &str| RejectReason::parse(word).is_some();
            let mut reasons: Vec<_> = counts.reasons.iter().collect();
            reasons.retain(|(word, _)| rejected(word));
            reasons.sort_by_key(|(word, count)| (std::cmp::Reverse(**count), **word));
            let reasons: Vec<String> = reasons
                .iter()
                .take(3)
                .map(|(word, count)| format!("{word} {count}"))
                .collect();
            self.context.warn(format!(
                "WARNING: {} of {} lines of {name} could not be read as {} ({}): is it of that format? See `invigil ingest --list-formats` and --format",
                counts.rejected,
                counts.read,
                format.name(),
                reasons.join(", ")
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

    /// What is told to the readers of this sender's lines. What the configuration says was checked for all sources that
    /// it names when it was read; a sender that it does not name has what holds for all.
    pub(super) fn settings_of(&self, name: &str) -> SourceSettings {
        let named = InputName::Sender(name.to_owned());
        self.settings(&named).unwrap_or_else(|error| {
            self.context
                .warn(format!("{error:#}; times of this sender are read as UTC"));
            SourceSettings {
                zone: TimeZone::UTC,
                reference: clock::now(),
                fold: Fold::Reject,
                corrections: logs::Corrections::default(),
            }
        })
    }

    /// The format of a sender: the one that was named, or the one that its first lines look like, as they came or behind
    /// their headings. Where they look like none, they are kept, and rejected one by one.
    pub(super) fn of_sender(&self, name: &str, lines: &[&[u8]], bare: &[&[u8]]) -> Chosen {
        let source = formats::source(&self.context.config.logs, name);
        let named = match self.args.format.as_str() {
            "auto" => source.and_then(|source| source.format.as_deref()),
            named => Some(named),
        };
        let named = named.and_then(|named| self.format(named));
        let likeness = |lines: &[&[u8]]| match named {
            Some(format) => Some((format, format.likeness(lines))),
            None => logs::likenesses(lines, &self.own).first().copied(),
        };
        let share = |found: Option<(_, u8)>| found.map_or(0, |(_, share)| share);
        let (whole, behind) = (likeness(lines), likeness(bare));
        let is_behind_heading = share(behind) > share(whole);
        let found = if is_behind_heading { behind } else { whole };
        match found {
            Some((format, share)) => {
                tracing::info!(format = format.name(), share, "a sender's format is known");
                Chosen {
                    format,
                    is_behind_heading,
                }
            }
            None => {
                self.context.warn("cannot tell the format of a sender from its first lines: they are kept and rejected; name one with --format, or by [[logs.source]] in the configuration");
                Chosen {
                    format: self.fallback(),
                    is_behind_heading: false,
                }
            }
        }
    }

    /// The format that lines of no known format are rejected by.
    fn fallback(&self) -> &'static dyn LogFormat {
        logs::formats::strictest()
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
        let format = found.first().map(|(format, _)| *format);
        let format = format.ok_or(UnknownFormat(name))?;
        Ok(Some((format, input)))
    }
}

/// The rows that one of several reading threads makes, and those of what was rejected.
struct PrintedRows {
    rows: Rows<OutputTokens>,
    rejects: Option<Rows<OutputTokens>>,
}

impl Making for PrintedRows {
    type Made = (MadeRows, MadeRows);

    fn record(&mut self, place: Place, event: &Event<'_>) -> Result<(), PipelineError> {
        if let (Some(rejects), Event::Reject(_)) = (&mut self.rejects, event) {
            rejects
                .record(place, event)
                .map_err(PipelineError::Output)?;
        }
        self.rows
            .record(place, event)
            .map_err(PipelineError::Output)
    }

    fn take(&mut self, (rows, rejects): Self::Made) -> Self::Made {
        let rejected = self.rejects.as_mut().map(|made| made.take(rejects));
        (self.rows.take(rows), rejected.unwrap_or_default())
    }
}

/// From this share of lines on, in hundredths, a file is taken for what it looks like without a warning.
const MOST_LINES: u8 = 50;

/// Counts, and how many files could not be read.
type Printed = (Counts, u64);

fn print(
    args: &Args,
    context: &Context,
    formats: &Formats<'_>,
    to: OutputFormat,
) -> anyhow::Result<Printed> {
    let lists = lists::load(&context.places.data)?;
    let mut output = args
        .output
        .open(context, to, Kinds::Events, context.output_tokens(to)?)?;
    let mut rejects = args
        .rejects
        .as_deref()
        .map(|path| reject_file(path, context))
        .transpose()?;
    let (mut total, mut unread) = (Counts::default(), 0);
    each_input(&args.files, context, &mut unread, |name| {
        let Some(name) = name else {
            total.add(&damaged());
            return Ok(());
        };
        let source = name.passing_source()?;
        let input_name = name.to_string();
        let progress = Progress::of(context, &name);
        let settings = formats.settings(&name)?;
        let Some((format, input)) = formats.choose(progress.open(&name)?)? else {
            return Ok(());
        };
        let reading = LogReading {
            format,
            settings: &settings,
            lists: &lists,
            told_to_stop: Told::default(),
            lines: retention::Lines::default(),
        };
        let out = |place, event: &Event<'_>| {
            if let (Some(rejects), Event::Reject(_)) = (&mut rejects, event) {
                rejects
                    .record(place, event)
                    .map_err(PipelineError::Output)?;
            }
            output.record(place, event).map_err(PipelineError::Output)
        };
        let counts = match args.threads {
            1 => reading.each_record(input, source, out)?,
            threads => {
                let mut makers = Vec::new();
                for _ in 0..threads {
                    makers.push(PrintedRows {
                        rows: output.rows(context.output_tokens(to)?),
                        rejects: match &rejects {
                            Some(file) => Some(file.rows(context.output_tokens(to)?)),
                            None => None,
                        },
                    });
                }
                reading.each_made(input, source, makers, |(rows, rejected)| {
                    if let Some(rejects) = &mut rejects {
                        rejects.append(rejected).map_err(PipelineError::Output)?;
                    }
                    output.append(rows).map_err(PipelineError::Output)
                })?
            }
        };
        formats.tell_rejected(&input_name, format, &counts);
        total.add(&counts);
        Ok(())
    })?;
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    output.finish()?;
    Ok((total, unread))
}

/// Stores what is new; gives how many files could not be read.
fn store(
    args: &Args,
    context: &Context,
    formats: &Formats<'_>,
    total: &mut (Counts, Left),
) -> anyhow::Result<u64> {
    anyhow::ensure!(args.threads == 1, super::output_args::OWN_THREADS);
    anyhow::ensure!(
        args.rejects.is_none(),
        "with --to store, rejects are in the store: `invigil query store/rejects`; --rejects goes with the other outputs"
    );
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    let lists = lists::load(&context.places.data)?;
    let mut names = context.names()?;
    let nonces = workshop.keys.key(Purpose::Nonces);
    let files = LogFiles {
        deposit: &deposit,
        data_id: workshop.keys.id(),
        nonces: &nonces,
        lists: &lists,
        told_to_stop: stop::when_told()?,
    };
    let mut unread = 0;
    each_input(&args.files, context, &mut unread, |name| {
        let Some(name) = name else {
            total.0.add(&damaged());
            return Ok(());
        };
        if files.told_to_stop.is_set() {
            return Err(PipelineError::Interrupted.into());
        }
        let _one_at_a_time = if name.is_regular() {
            Some(sources::lock_files(&context.places.data, &deposit)?)
        } else {
            deposit.finish()?;
            None
        };
        // A log may be rotated meanwhile: which source it is and what is read of it must be of one file.
        let name = name.held()?;
        let progress = Progress::of(context, &name);
        let input_name = name.to_string();
        let settings = formats.settings(&name)?;
        let Some((format, input)) = formats.choose(progress.open(&name)?)? else {
            return Ok(());
        };
        let taken = if name.is_regular() {
            let history = deposit.history()?;
            files.take_up(&name, format, input, &history)?
        } else {
            TakenUp::of_stream(SourceId(keys::random()?), format, input)
        };
        let (counts, left) = files.store(taken, format, &settings, &mut names)?;
        formats.tell_rejected(&input_name, format, &counts);
        total.0.add(&counts);
        total.1.add(left);
        Ok(())
    })?;
    Ok(unread)
}

/// Follows logs until the program is told to stop.
fn follow(
    args: &Args,
    context: &Context,
    formats: &Formats<'_>,
    total: &mut (Counts, Left),
) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.rejects.is_none() && !args.files.iter().any(|path| path.as_os_str() == "-"),
        "--follow takes files alone, and stores what it reads"
    );
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    let lists = lists::load(&context.places.data)?;
    let nonces = workshop.keys.key(Purpose::Nonces);
    let told_to_stop = stop::when_told()?;
    let files = LogFiles {
        deposit: &deposit,
        data_id: workshop.keys.id(),
        nonces: &nonces,
        lists: &lists,
        // A look ends by itself; what it has begun it ends.
        told_to_stop: Told::default(),
    };
    let picked = Picked::of(&args.files)?;
    let paths = picked.named.into_iter().chain(picked.found).collect();
    let choice = Followed {
        formats,
        untold: RefCell::default(),
    };
    let data = &context.places.data;
    let mut following = Following::new(files, data, choice, context.names()?, paths);
    let mut trouble = String::new();
    while !told_to_stop.is_set() {
        let is_more = match following.look() {
            Ok((counts, left, is_more)) => {
                total.0.add(&counts);
                if left.batches > 0 && trouble.is_empty() {
                    context.warn(format!("{}: batches wait in the spool", left.reason));
                }
                trouble.clone_from(&left.reason);
                total.1.dropped.batches += left.dropped.batches;
                is_more
            }
            // Room, permission or the store may come back; nothing is passed over meanwhile.
            Err(error) => {
                let told = format!("{:#}", anyhow::Error::from(error));
                if told != trouble {
                    context.warn(format!("{told}; trying again"));
                }
                trouble = told;
                false
            }
        };
        if !is_more {
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
    let (counts, left) = following.end()?;
    total.0.add(&counts);
    total.1.add(left);
    Ok(())
}

/// How long a follower rests between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// What is known of files that are followed.
struct Followed<'a> {
    formats: &'a Formats<'a>,
    /// Files of which it was told that their format is not known yet.
    untold: RefCell<BTreeSet<String>>,
}

impl Choice for Followed<'_> {
    fn format(&self, lines: Opened, known: Option<&str>) -> Option<&'static dyn LogFormat> {
        let name = lines.name.to_string();
        let source = formats::source(&self.formats.context.config.logs, &name);
        let is_named = source.is_some_and(|source| source.format.is_some());
        if self.formats.args.format == "auto"
            && !is_named
            && let Some(known) = known.and_then(|known| self.formats.format(known))
        {
            // A file that is stored is not told anew from its first lines: in another format it would be another source.
            return Some(known);
        }
        match self.formats.choose(lines) {
            Ok(chosen) => chosen.map(|(format, _)| format),
            Err(error) => {
                if self.untold.borrow_mut().insert(name) {
                    self.formats
                        .context
                        .warn(format!("{error:#}; it is looked at again"));
                }
                None
            }
        }
    }

    fn settings(&self, name: &InputName) -> SourceSettings {
        // What the configuration says was found to be sound for this file before, or its format would not be known.
        self.formats
            .settings(name)
            .unwrap_or_else(|_| SourceSettings {
                zone: TimeZone::UTC,
                reference: clock::now(),
                fold: Fold::Reject,
                corrections: logs::Corrections::default(),
            })
    }

    fn tell(&self, what: FollowTold<'_>) {
        let context = self.formats.context;
        match what {
            FollowTold::Away(path, why) => context.warn(format!(
                "cannot read {}: {why}; it is waited for",
                path.display()
            )),
            FollowTold::Back(path) => context.warn(format!("{} can be read again", path.display())),
            FollowTold::Rotated(path) => context.tell(format!("{} was rotated", path.display())),
        }
    }
}

/// Stores one log as the command does, for measuring.
pub(super) fn store_one(
    context: &Context,
    file: &std::path::Path,
    format: &str,
) -> anyhow::Result<()> {
    let args = Args {
        files: vec![file.to_owned()],
        follow: false,
        list_formats: false,
        lines: Lines {
            format: format.to_owned(),
            zone: Some("UTC".to_owned()),
            fold: FoldArg::First,
            reference: None,
        },
        rejects: None,
        threads: 1,
        output: OutputArgs::to_the_store(),
    };
    let formats = Formats::of(&args.lines, context)?;
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
