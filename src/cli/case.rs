//! `invigil case`: what is done about a suspicion, question by question, by a protocol.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::casework::{Case, PROTOCOL, Protocol, Told, cases, step};
use crate::clock;
use crate::ledger::{Act, CaseOpened, Digest, Entry, Ledger, PrivateRecord, SearchRun, holds};
use crate::record::Timestamp;

use super::context::{Context, Exit};

/// Cases: what is done about a suspicion, question by question, by the Internet Safety Protocol.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil case open --establishment hawthorn --role head --by 'A. Head' --note 'reported by a pupil on 12 March'\n  invigil case answer 117 no --role head --by 'A. Head'\n  invigil case answer 117 yes --role head --by 'A. Head' --hold 121\n  invigil case show 117 --reveal 'review by leadership'\n  invigil case list --overdue\n  invigil case protocol"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Open a case; prints its number.
    Open(OpenArgs),
    /// Answer the question that a case is at; prints the next one.
    Answer(Box<AnswerArgs>),
    /// Show a case: where it is, what is asked, what was answered. Names and words with --reveal.
    Show {
        /// Its number.
        case: u64,
        /// Show who did what, and their words; why is entered in the ledger.
        #[arg(long, value_name = "WHY")]
        reveal: Option<String>,
    },
    /// List the cases that are not at their end, or all of them. Sealed ones with --sealed alone.
    List {
        /// Those that have ended too.
        #[arg(long)]
        all: bool,
        /// Those alone that should have been answered by now. Exit code 1 if there are any.
        #[arg(long)]
        overdue: bool,
        /// Sealed ones too; why is entered in the ledger.
        #[arg(long, value_name = "WHY")]
        sealed: Option<String>,
    },
    /// Print the protocol: states, answers, what they need and whom to tell.
    Protocol,
}

#[derive(Clone, Debug, clap::Args)]
struct OpenArgs {
    /// The establishment that it is about.
    #[arg(long, value_name = "NAME")]
    establishment: Option<String>,
    /// Tell of it to nobody who does not ask for sealed cases, with a reason.
    #[arg(long)]
    sealed: bool,
    #[command(flatten)]
    by: By,
    /// What it is about. It lies in the private record.
    #[arg(long, value_name = "TEXT")]
    note: String,
}

/// Who does it.
#[derive(Clone, Debug, clap::Args)]
struct By {
    /// The role of whoever does it, such as head, designated_lead, information_policy, network_staff.
    #[arg(long, value_name = "ROLE")]
    role: String,
    /// Who does it. The name lies in the private record.
    #[arg(long, value_name = "NAME")]
    by: String,
}

#[derive(Clone, Debug, clap::Args)]
struct AnswerArgs {
    /// The number of the case.
    case: u64,
    /// The answer.
    answer: String,
    #[command(flatten)]
    by: By,
    /// Who was spoken to, when and how. It lies in the private record.
    #[arg(long, value_name = "TEXT")]
    contact: Option<String>,
    /// The legal hold that keeps what the case is about (`invigil hold add`).
    #[arg(long, value_name = "NUMBER")]
    hold: Option<u64>,
    /// The number that somebody else, such as the police, gave the matter. It lies in the private record.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// The code for what came of it.
    #[arg(long, value_name = "CODE")]
    outcome: Option<String>,
    /// Words on why. They lie in the private record.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let protocol = Protocol::parse(PROTOCOL)?;
    match &args.command {
        Command::Open(args) => open(args, &protocol, context),
        Command::Answer(args) => answer(args, &protocol, context),
        Command::Show { case, reveal } => show(*case, reveal.as_deref(), &protocol, context),
        Command::List {
            all,
            overdue,
            sealed,
        } => list((*all, *overdue), sealed.as_deref(), &protocol, context),
        Command::Protocol => print(&protocol, context),
    }
}

fn open(args: &OpenArgs, protocol: &Protocol, context: &Context) -> anyhow::Result<Exit> {
    has_words("--note", &args.note)?;
    has_words("--by", &args.by.by)?;
    if let Some(name) = &args.establishment {
        let known = context.store()?.networks_of(name)?;
        anyhow::ensure!(
            !known.is_empty(),
            "the register knows no network of {name:?} (`invigil register networks list`)"
        );
    }
    let act = Act::CaseOpened(CaseOpened {
        protocol: Digest::of(&[PROTOCOL.as_bytes()]),
        state: protocol.first.clone(),
        establishment: args.establishment.clone(),
        sealed: args.sealed,
    });
    let private = json!({"by": args.by.by, "role": args.by.role, "note": args.note});
    let ledger = context.ledger()?;
    let number = ledger.append(clock::now(), &act, Some(&private))?;
    if context.json {
        context.print_json(&json!({"case": number, "state": protocol.first}))?;
    } else {
        context.print_line(number)?;
    }
    tell_next(&find(&ledger, number)?, protocol, context);
    Ok(Exit::Done)
}

fn answer(args: &AnswerArgs, protocol: &Protocol, context: &Context) -> anyhow::Result<Exit> {
    has_words("--by", &args.by.by)?;
    let (ledger, now) = (context.ledger()?, clock::now());
    if let Some(number) = args.hold {
        let all = holds(ledger.entries()?, now);
        let held = all
            .iter()
            .any(|hold| hold.entry.index == number && hold.is_active());
        anyhow::ensure!(
            held,
            "there is no hold {number} that holds: see `invigil hold list`"
        );
    }
    let told = Told {
        role: args.by.role.clone(),
        contact: args.contact.clone(),
        hold: args.hold,
        reference: args.reference.clone(),
        outcome: args.outcome.clone(),
        note: args.note.clone(),
    };
    let case = find(&ledger, args.case)?;
    let stepped = step(&case, protocol, &args.answer, &told)?;
    let private = json!({
        "by": args.by.by,
        "role": args.by.role,
        "contact": args.contact,
        "reference": args.reference,
        "note": args.note,
    });
    let entry = ledger.append(now, &Act::CaseStepped(stepped), Some(&private))?;
    let case = find(&ledger, args.case)?;
    anyhow::ensure!(
        !case.void.contains(&entry),
        "somebody else answered while you did: the answer was entered (entry {entry}) and does not count; see `invigil case show {}`",
        args.case
    );
    if context.json {
        context.print_json(&summary(&case, protocol, now))?;
    } else {
        context.print_line(case.state())?;
    }
    tell_next(&case, protocol, context);
    Ok(Exit::Done)
}

/// Says what is asked next, whom to tell, and by when.
fn tell_next(case: &Case, protocol: &Protocol, context: &Context) {
    let Some(state) = protocol.state(case.state()) else {
        return;
    };
    context.tell(&state.question);
    if state.no_view {
        context.tell(
            "Nobody opens the material: to look at it can be an offence, and spoils evidence.",
        );
    }
    if !state.tell.is_empty() {
        context.tell(format!("to be told: {}", state.tell.join(", ")));
    }
    if let Some(due) = case.due(protocol) {
        context.tell(format!("by {due}"));
    }
    for (name, edge) in &state.answers {
        let needs: Vec<&str> = edge.needs.iter().map(|need| need.as_str()).collect();
        let needs = match needs.is_empty() {
            true => String::new(),
            false => format!(" (needs {})", needs.join(" and ")),
        };
        context.tell(format!("  {name}{needs}"));
    }
}

fn find(ledger: &Ledger, number: u64) -> anyhow::Result<Case> {
    cases(ledger.entries()?)
        .into_iter()
        .find(|case| case.number == number)
        .with_context(|| format!("there is no case {number}: see `invigil case list`"))
}

fn summary(case: &Case, protocol: &Protocol, now: Timestamp) -> Value {
    let state = protocol.state(case.state());
    let due = case.due(protocol);
    json!({
        "case": case.number,
        "establishment": case.opened.establishment,
        "sealed": case.opened.sealed,
        "state": case.state(),
        "since": case.since().to_string(),
        "due": due.map(|due| due.to_string()),
        "overdue": due.is_some_and(|due| due < now),
        "question": state.map(|state| &state.question),
        "extraction": state.is_some_and(|state| state.extraction),
        "excluded": case.excluded(protocol),
    })
}

fn show(
    number: u64,
    reveal: Option<&str>,
    protocol: &Protocol,
    context: &Context,
) -> anyhow::Result<Exit> {
    let (ledger, now) = (context.ledger()?, clock::now());
    let case = find(&ledger, number)?;
    anyhow::ensure!(
        !case.opened.sealed || reveal.is_some(),
        "there is no case {number}: see `invigil case list`"
    );
    if let Some(why) = reveal {
        looked(&ledger, "case", why, 1, now)?;
    }
    let mut rows = Vec::new();
    let mut steps = Vec::new();
    let opened = (
        &case.entry,
        "opened".to_owned(),
        case.opened.state.clone(),
        None,
        None,
    );
    let stepped = case.steps.iter().map(|step| {
        let said = &step.stepped;
        (
            &step.entry,
            said.answer.clone(),
            said.to.clone(),
            said.hold,
            said.outcome.clone(),
        )
    });
    for (entry, answer, to, hold, outcome) in std::iter::once(opened).chain(stepped) {
        let private = match reveal {
            Some(_) => private(&ledger, entry)?,
            None => Value::Null,
        };
        let mut row = vec![
            entry.index.to_string(),
            entry.time.to_string(),
            answer.clone(),
            to.clone(),
            hold.map(|hold| hold.to_string()).unwrap_or_default(),
            outcome.clone().unwrap_or_default(),
        ];
        if reveal.is_some() {
            for name in WORDS {
                row.push(
                    private
                        .get(name)
                        .and_then(Value::as_str)
                        .unwrap_or_default()
                        .to_owned(),
                );
            }
        }
        steps.push(json!({"entry": entry.index, "time": entry.time.to_string(), "answer": answer, "to": to, "hold": hold, "outcome": outcome, "private": private}));
        rows.push(row);
    }
    if context.json {
        let mut all = summary(&case, protocol, now);
        if let Some(all) = all.as_object_mut() {
            all.insert("steps".to_owned(), json!(steps));
            all.insert("void".to_owned(), json!(case.void));
        }
        context.print_json(&all)?;
        return Ok(Exit::Done);
    }
    let mut heading = vec!["entry", "time", "answer", "leads to", "hold", "outcome"];
    if reveal.is_some() {
        heading.extend(WORDS);
    }
    context.print_table(&heading, &rows)?;
    for role in case.excluded(protocol) {
        context.tell(format!("{role} have nothing to do with this case"));
    }
    tell_next(&case, protocol, context);
    Ok(Exit::Done)
}

/// What the private records of a case hold.
const WORDS: [&str; 5] = ["role", "by", "contact", "reference", "note"];

fn private(ledger: &Ledger, entry: &Entry) -> anyhow::Result<Value> {
    Ok(match ledger.private(entry)? {
        Some(PrivateRecord::Kept(value)) => value,
        Some(PrivateRecord::Erased) => json!({"note": "erased"}),
        None => Value::Null,
    })
}

/// Enters that cases were looked at, and why.
fn looked(
    ledger: &Ledger,
    what: &str,
    why: &str,
    rows: usize,
    now: Timestamp,
) -> anyhow::Result<()> {
    has_words("the reason", why)?;
    let act = Act::SearchRun(SearchRun {
        query: what.to_owned(),
        digest: Digest::of(&[what.as_bytes()]),
        rows: Some(rows as u64),
        who: None,
        tables: Vec::new(),
    });
    ledger.append(now, &act, Some(&json!({"why": why})))?;
    Ok(())
}

fn list(
    (all, overdue): (bool, bool),
    sealed: Option<&str>,
    protocol: &Protocol,
    context: &Context,
) -> anyhow::Result<Exit> {
    let (ledger, now) = (context.ledger()?, clock::now());
    let ended = |case: &Case| protocol.state(case.state()).is_some_and(|state| state.end);
    let late = |case: &Case| case.due(protocol).is_some_and(|due| due < now);
    let chosen: Vec<Case> = cases(ledger.entries()?)
        .into_iter()
        .filter(|case| sealed.is_some() || !case.opened.sealed)
        .filter(|case| all || !ended(case))
        .filter(|case| !overdue || late(case))
        .collect();
    if let Some(why) = sealed {
        looked(&ledger, "sealed cases", why, chosen.len(), now)?;
    }
    let exit = if overdue && !chosen.is_empty() {
        Exit::Found
    } else {
        Exit::Done
    };
    if context.json {
        let cases: Vec<Value> = chosen
            .iter()
            .map(|case| summary(case, protocol, now))
            .collect();
        context.print_json(&json!(cases))?;
        return Ok(exit);
    }
    let rows: Vec<Vec<String>> = chosen
        .iter()
        .map(|case| {
            vec![
                case.number.to_string(),
                case.opened.establishment.clone().unwrap_or_default(),
                case.state().to_owned(),
                case.since().to_string(),
                case.due(protocol)
                    .map(|due| due.to_string())
                    .unwrap_or_default(),
                if late(case) {
                    "overdue".to_owned()
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    context.print_table(
        &["case", "establishment", "state", "since", "due", ""],
        &rows,
    )?;
    Ok(exit)
}

fn print(protocol: &Protocol, context: &Context) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for (name, state) in &protocol.states {
        let hours = state
            .within_hours
            .map(|hours| hours.to_string())
            .unwrap_or_default();
        for (answer, edge) in &state.answers {
            let needs: Vec<&str> = edge.needs.iter().map(|need| need.as_str()).collect();
            rows.push(vec![
                name.clone(),
                answer.clone(),
                edge.to.clone(),
                needs.join(", "),
                state.tell.join(", "),
                hours.clone(),
            ]);
            objects.push(json!({"state": name, "question": state.question, "answer": answer, "to": edge.to, "needs": needs, "tell": state.tell, "within_hours": state.within_hours, "no_view": state.no_view, "extraction": state.extraction}));
        }
    }
    if context.json {
        context.print_json(&json!(objects))?;
    } else {
        context.print_table(
            &[
                "state",
                "answer",
                "leads to",
                "needs",
                "to be told",
                "hours",
            ],
            &rows,
        )?;
    }
    Ok(Exit::Done)
}

fn has_words(name: &str, text: &str) -> anyhow::Result<()> {
    anyhow::ensure!(!text.trim().is_empty(), "{name} needs words");
    Ok(())
}
