//! `invigil simulate score`: a simulated region goes into a store of its own by the ordinary commands; of every event it is asked who it was, and
//! the answer is compared with the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::attribute::{Answer, Facts};
use crate::clock;
use crate::config::{self, Flags};
use crate::detect::{Asked, audit};
use crate::record::{
    AccountText, AccountToken, Timestamp, Tokens, Verdict, from_store_ip, to_store_ip,
};
use crate::store::names::Names;
use crate::store::{Params, Sql, Store};

use super::context::{Context, Exit};
use super::simulate::ScoreArgs;
use super::who::attribution;

const SOURCES: Sql = Sql::embedded(
    "simulate/sources",
    include_str!("../../queries/simulate/sources.sql"),
);
const EVENTS: Sql = Sql::embedded(
    "simulate/events",
    include_str!("../../queries/simulate/events.sql"),
);

/// A line of `truth/events.jsonl`.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Told {
    source: String,
    frame: u64,
    time: String,
    ip: IpAddr,
    establishment: Option<String>,
    account: Option<String>,
    verdict: String,
    basis: Option<String>,
    trouble: Vec<String>,
    story: Option<String>,
    real: Option<String>,
}

/// A line of `truth/stories.jsonl`.
#[derive(Clone, Debug, Deserialize)]
struct ToldStory {
    rule: String,
    twin: bool,
    establishment: String,
    from: String,
    to: String,
    account: Option<String>,
}

#[derive(Deserialize)]
struct StoredSource {
    source: String,
    digest: String,
}

#[derive(Deserialize)]
struct StoredEvent {
    frame: u64,
    moment: i64,
    address: String,
    account: String,
}

/// What is counted of one kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Kind {
    events: u64,
    right: u64,
    wrong: u64,
    missed: u64,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct RuleScore {
    planted: u64,
    found: u64,
    #[serde(rename = "false")]
    wrongly: u64,
    twins: u64,
    twins_raised: u64,
}

/// The score.
#[derive(Clone, Debug, Default, Serialize)]
struct Score {
    events: u64,
    /// Lines of the truth to which the store has no row, or one with another time or address.
    not_stored: u64,
    determinable: u64,
    attributed_right: u64,
    wrong_names: u64,
    missed: u64,
    named_though_undeterminable: u64,
    disputed_right: u64,
    disputed_all: u64,
    shared_right: u64,
    shared_all: u64,
    not_attributable_right: u64,
    not_attributable_all: u64,
    establishment_wrong: u64,
    by_basis: BTreeMap<String, Kind>,
    by_trouble: BTreeMap<String, Kind>,
    rules: BTreeMap<String, RuleScore>,
}

/// Runs it.
pub(super) fn run(args: &ScoreArgs, context: &Context) -> anyhow::Result<Exit> {
    let folder = args.dir.join("score");
    anyhow::ensure!(
        !folder.exists(),
        "{} is there already: an earlier score left it, so look whether it is needed and take it away",
        folder.display()
    );
    let data = folder.join("data");
    let flags = Flags {
        data_dir: Some(data.clone()),
        config: Some(args.dir.join("invigil.toml")),
    };
    let (config, places) = config::load(&flags)?;
    let mut other = context.elsewhere(&data);
    other.config = config;
    other.places.engine = places.engine;
    other.config.store.url = None;
    let scored = score(args, &other, context);
    if !args.keep && folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot take away {}", folder.display()))?;
    }
    let score = scored?;
    if context.json {
        context.print_json(&serde_json::to_value(&score)?)?;
    } else {
        print(&score, context)?;
    }
    Ok(match score.wrong_names {
        0 => Exit::Done,
        _ => Exit::Found,
    })
}

fn score(args: &ScoreArgs, context: &Context, outside: &Context) -> anyhow::Result<Score> {
    outside.tell("simulate: the region is read");
    fill(&args.dir, context)?;
    let store = context.store()?;
    let stored: BTreeMap<String, String> = store
        .rows::<StoredSource>(SOURCES, &Params::new())?
        .into_iter()
        .map(|row| (row.digest, row.source))
        .collect();
    let mut scoring = Scoring {
        context,
        store: &store,
        names: context.names()?,
        stored,
        dir: &args.dir,
        score: Score::default(),
        differences: args
            .differences
            .as_deref()
            .map(|path| File::create(path).map(BufWriter::new))
            .transpose()
            .context("cannot write the differences")?,
        window: None,
    };
    outside.tell("simulate: who it was is asked of every event");
    let path = args.dir.join("truth/events.jsonl");
    let file = File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut chunk: Vec<Told> = Vec::new();
    for line in BufReader::new(file).lines() {
        let told: Told = serde_json::from_str(&line?)
            .with_context(|| format!("{} holds a line that is no truth", path.display()))?;
        if chunk
            .first()
            .is_some_and(|first| first.source != told.source)
        {
            scoring.chunk(&std::mem::take(&mut chunk))?;
        }
        chunk.push(told);
    }
    scoring.chunk(&chunk)?;
    outside.tell("simulate: the rules are run");
    scoring.rules()?;
    if let Some(differences) = &mut scoring.differences {
        differences.flush()?;
    }
    Ok(scoring.score)
}

/// Reads the region in by the commands that a person would give.
fn fill(dir: &Path, context: &Context) -> anyhow::Result<()> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    for kind in ["establishments", "networks", "links", "accounts", "devices"] {
        let file = text(dir.join("registers").join(format!("{kind}.csv")));
        super::run_words(context, &["register", kind, "import", &file])?;
    }
    // A list is called by its category.
    let mut lists: Vec<PathBuf> = fs::read_dir(dir.join("lists"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    lists.sort();
    for list in lists {
        let name = list.file_stem().unwrap_or_default().to_string_lossy();
        let words = [
            "lists",
            "add",
            &name,
            "--kind",
            "plain",
            "--category",
            &name,
            &text(list.clone()),
        ];
        super::run_words(context, &words)?;
    }
    let reference = last_moment(dir)?;
    for (folder, command) in [
        (
            "logs",
            ["ingest", "--reference", reference.as_str()].as_slice(),
        ),
        (
            "late",
            ["ingest", "--reference", reference.as_str()].as_slice(),
        ),
        ("captures", ["capture", "-r"].as_slice()),
    ] {
        let path = dir.join(folder);
        if !path.exists() {
            continue;
        }
        let mut files: Vec<String> = fs::read_dir(&path)?
            .map(|entry| Ok(text(entry?.path())))
            .collect::<std::io::Result<_>>()?;
        files.retain(|file| fs::metadata(file).is_ok_and(|meta| meta.len() > 0));
        files.sort();
        let files = files.iter().map(String::as_str);
        let words: Vec<&str> = command.iter().copied().chain(files).collect();
        super::run_words(context, &words)?;
    }
    Ok(())
}

/// A moment after all that happened: the day after the last that the truth tells of.
fn last_moment(dir: &Path) -> anyhow::Result<String> {
    let file = File::open(dir.join("truth/events.jsonl"))
        .context("cannot read truth/events.jsonl of the region")?;
    let mut last = Timestamp::default();
    for line in BufReader::new(file).lines() {
        let line = line?;
        // The time stands behind its name; what can not be read here is told when it is compared.
        let time = line
            .split_once("\"time\":\"")
            .and_then(|(_, rest)| rest.split('"').next());
        if let Some(time) = time.and_then(|time| Timestamp::parse(time).ok()) {
            last = last.max(time);
        }
    }
    Ok(last.plus_seconds(86_400).to_string())
}

struct Scoring<'a> {
    context: &'a Context,
    store: &'a Store,
    names: Names,
    stored: BTreeMap<String, String>,
    dir: &'a Path,
    score: Score,
    differences: Option<BufWriter<File>>,
    /// The first and the last moment of all events.
    window: Option<(Timestamp, Timestamp)>,
}

impl Scoring<'_> {
    /// Asks who it was of the events of one file.
    fn chunk(&mut self, told: &[Told]) -> anyhow::Result<()> {
        let Some(first) = told.first() else {
            return Ok(());
        };
        let path = self.dir.join(&first.source);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name: String = digest(&SHA256, &bytes)
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        drop(bytes);
        let rows = match self.stored.get(&name) {
            Some(source) => {
                let params = Params::new().text("source", source);
                self.store.rows::<StoredEvent>(EVENTS, &params)?
            }
            None => Vec::new(),
        };
        let rows: BTreeMap<u64, StoredEvent> =
            rows.into_iter().map(|row| (row.frame, row)).collect();
        let moments = || rows.values().map(|row| row.moment);
        let (Some(since), Some(until)) = (moments().min(), moments().max()) else {
            return self.none_stored(told);
        };
        let (since, until) = (
            Timestamp::from_micros(since),
            Timestamp::from_micros(until).plus_micros(1),
        );
        let window = self.window.get_or_insert((since, until));
        *window = (window.0.min(since), window.1.max(until));
        let addresses: BTreeSet<IpAddr> = told.iter().map(|told| told.ip).collect();
        let facts = Facts::load(
            self.store,
            &addresses,
            since,
            until,
            attribution(self.context),
        )?;
        for told in told {
            match rows.get(&told.frame) {
                Some(row) => self.event(told, row, &facts)?,
                None => self.none_stored(std::slice::from_ref(told))?,
            }
        }
        Ok(())
    }

    fn none_stored(&mut self, told: &[Told]) -> anyhow::Result<()> {
        let number = u64::try_from(told.len())?;
        self.score.events += number;
        self.score.not_stored += number;
        for told in told {
            self.difference(told, None)?;
            if told.verdict == "attributed" {
                self.score.determinable += 1;
                self.score.missed += 1;
            }
        }
        Ok(())
    }

    fn event(&mut self, told: &Told, row: &StoredEvent, facts: &Facts) -> anyhow::Result<()> {
        let time = Timestamp::from_micros(row.moment);
        let ip: IpAddr = row
            .address
            .parse()
            .context("the store has an address that is none")?;
        let ip = from_store_ip(to_store_ip(ip));
        if time.to_string() != told.time || ip != told.ip {
            return self.none_stored(std::slice::from_ref(told));
        }
        let named = AccountToken::parse(&row.account);
        let answer = facts.who(ip, time, named.as_ref());
        let token = |names: &mut Names, name: &Option<String>| {
            name.as_ref()
                .and_then(|name| AccountText::new(name.as_str()))
                .map(|name| names.token(&name))
        };
        let (account, real) = (
            token(&mut self.names, &told.account),
            token(&mut self.names, &told.real),
        );
        let verdict = answer.verdict.as_str();
        let is_named = answer.verdict == Verdict::Attributed;
        let wrong = is_named && (real.is_none() || answer.account != real);
        let right = verdict == told.verdict && (!is_named || answer.account == account);
        let determinable = told.verdict == "attributed";
        let missed = determinable && !is_named;
        let one = |is: bool| u64::from(is);
        let score = &mut self.score;
        score.events += 1;
        score.determinable += one(determinable);
        score.attributed_right += one(determinable && right);
        score.wrong_names += one(wrong);
        score.missed += one(missed);
        score.named_though_undeterminable += one(is_named && !determinable);
        score.establishment_wrong +=
            one(answer.establishment.is_some() && answer.establishment != told.establishment);
        for (word, all, well) in [
            (
                "disputed",
                &mut score.disputed_all,
                &mut score.disputed_right,
            ),
            ("shared", &mut score.shared_all, &mut score.shared_right),
            (
                "not_attributable",
                &mut score.not_attributable_all,
                &mut score.not_attributable_right,
            ),
        ] {
            *all += one(told.verdict == word);
            *well += one(told.verdict == word && right);
        }
        let count = |kind: &mut Kind| {
            kind.events += 1;
            kind.right += one(right);
            kind.wrong += one(wrong);
            kind.missed += one(missed);
        };
        count(
            score
                .by_basis
                .entry(told.basis.clone().unwrap_or_else(|| "none".to_owned()))
                .or_default(),
        );
        for trouble in &told.trouble {
            count(score.by_trouble.entry(trouble.clone()).or_default());
        }
        if told.trouble.is_empty() {
            count(score.by_trouble.entry("none".to_owned()).or_default());
        }
        if !right || wrong {
            self.difference(told, Some(&answer))?;
        }
        Ok(())
    }

    fn difference(&mut self, told: &Told, answer: Option<&Answer>) -> anyhow::Result<()> {
        let Some(file) = &mut self.differences else {
            return Ok(());
        };
        let answer = answer.map(|answer| {
            let reasons: Vec<&str> = answer.reasons.iter().map(|reason| reason.as_str()).collect();
            json!({
                "verdict": answer.verdict.as_str(),
                "basis": answer.basis.map(|basis| basis.as_str()),
                "reasons": reasons,
                "margin_us": answer.margin_us,
                "span": answer.span.map(|span| format!("{} to {} ({})", span.from, span.to, span.end.as_str())),
            })
        });
        writeln!(file, "{}", json!({ "truth": told, "answer": answer }))?;
        Ok(())
    }

    /// Runs the rules over the whole time, and compares what they find with what was planted.
    fn rules(&mut self) -> anyhow::Result<()> {
        let Some((since, until)) = self.window else {
            return Ok(());
        };
        let path = self.dir.join("truth/stories.jsonl");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let stories: Vec<ToldStory> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let asked = Asked {
            since,
            until,
            establishment: None,
            rules: Vec::new(),
        };
        let settings = super::audit::settings(self.context, &[], &[])?;
        let found = audit(self.store, &asked, clock::now(), &settings)?;
        let mut is_of_a_story = vec![false; found.findings.len()];
        for story in &stories {
            let account = story
                .account
                .as_ref()
                .and_then(|name| AccountText::new(name.as_str()));
            let account =
                account.map_or_else(String::new, |name| self.names.token(&name).to_string());
            let (from, to) = (Timestamp::parse(&story.from)?, Timestamp::parse(&story.to)?);
            let mut told = false;
            for (finding, known) in found.findings.iter().zip(&mut is_of_a_story) {
                let tells = finding.rule.0 == story.rule
                    && finding.establishment.0 == story.establishment
                    && *finding.subject_token.0 == *account
                    && finding.window_from < to
                    && finding.window_to > from;
                told |= tells;
                *known |= tells && !story.twin;
            }
            let rule = self.score.rules.entry(story.rule.clone()).or_default();
            match story.twin {
                true => {
                    (rule.twins, rule.twins_raised) =
                        (rule.twins + 1, rule.twins_raised + u64::from(told))
                }
                false => {
                    (rule.planted, rule.found) = (rule.planted + 1, rule.found + u64::from(told))
                }
            }
        }
        for (finding, known) in found.findings.iter().zip(&is_of_a_story) {
            let rule = self
                .score
                .rules
                .entry(finding.rule.0.to_string())
                .or_default();
            rule.wrongly += u64::from(!known);
        }
        Ok(())
    }
}

fn print(score: &Score, context: &Context) -> anyhow::Result<()> {
    let line = |what: &str, number: u64, of: Option<u64>| {
        let share = of.filter(|of| *of > 0).map_or_else(String::new, |of| {
            format!(
                "{}.{:03} %",
                number * 100 / of,
                number * 100_000 / of % 1000
            )
        });
        vec![
            what.to_owned(),
            number.to_string(),
            of.map_or_else(String::new, |of| of.to_string()),
            share,
        ]
    };
    let rows = vec![
        line(
            "events compared",
            score.events - score.not_stored,
            Some(score.events),
        ),
        line(
            "determinable, attributed rightly",
            score.attributed_right,
            Some(score.determinable),
        ),
        line("wrong names", score.wrong_names, None),
        line("missed", score.missed, Some(score.determinable)),
        line(
            "named though not determinable",
            score.named_though_undeterminable,
            None,
        ),
        line(
            "disputed, said so",
            score.disputed_right,
            Some(score.disputed_all),
        ),
        line(
            "shared, said so",
            score.shared_right,
            Some(score.shared_all),
        ),
        line(
            "not attributable, said so",
            score.not_attributable_right,
            Some(score.not_attributable_all),
        ),
        line("wrong establishment", score.establishment_wrong, None),
    ];
    context.print_table(&["what", "events", "of", "share"], &rows)?;
    for (what, kinds) in [("basis", &score.by_basis), ("trouble", &score.by_trouble)] {
        let rows: Vec<Vec<String>> = kinds
            .iter()
            .map(|(name, kind)| {
                let numbers = [kind.events, kind.right, kind.wrong, kind.missed]
                    .map(|number| number.to_string());
                [vec![name.clone()], numbers.to_vec()].concat()
            })
            .collect();
        context.print_table(&[what, "events", "right", "wrong", "missed"], &rows)?;
    }
    let rows: Vec<Vec<String>> = score
        .rules
        .iter()
        .map(|(name, rule)| {
            let numbers = [
                rule.planted,
                rule.found,
                rule.wrongly,
                rule.twins,
                rule.twins_raised,
            ]
            .map(|number| number.to_string());
            [vec![name.clone()], numbers.to_vec()].concat()
        })
        .collect();
    context.print_table(
        &["rule", "planted", "found", "false", "twins", "twins raised"],
        &rows,
    )
}
