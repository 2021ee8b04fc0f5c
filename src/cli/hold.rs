//! `invigil hold`: what must stay although its time has come.

use anyhow::Context as _;
use serde_json::json;

use crate::clock;
use crate::ledger::{Act, Hold, HoldEnded, HoldFor, HoldPlaced, HoldState, PrivateRecord, holds};
use crate::pipeline::sources;
use crate::record::{AccountText, AccountToken, Network, SourceId, Timestamp, Tokens};

use super::context::{Context, Exit};
use super::who::moment;

/// Legal holds: what must stay although its time has come.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil hold add --establishment hawthorn --from 2026-03-09T00:00:00Z --to 2026-03-16T00:00:00Z --until 2027-03-01T00:00:00Z --case 2026-014 --reason 'police, letter of 16 March'\n  invigil hold add --account j.bloggs --from ... --to ... --until ... --case 2026-014 --reason ...\n  invigil hold list\n  invigil hold end 117 --reason 'case closed'"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Place a hold; prints its number. It ends by itself at its day.
    Add(Box<AddArgs>),
    /// List the holds, those that have ended too. Cases and reasons are shown with --reveal.
    List {
        /// Show case, reason and network. That they are shown is entered in the ledger.
        #[arg(long)]
        reveal: bool,
    },
    /// End a hold before its day.
    End {
        /// Its number.
        #[arg(value_name = "NUMBER")]
        hold: u64,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct AddArgs {
    #[command(flatten)]
    on: On,
    /// The start of what is held, with its zone.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Timestamp,
    /// The end of what is held, with its zone.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Timestamp,
    /// The moment at which the hold ends by itself, with its zone.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Timestamp,
    /// The case. It lies in the private record.
    #[arg(long, value_name = "TEXT")]
    case: String,
    /// Why. It lies in the private record.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// What is held.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct On {
    /// Everything in the window.
    #[arg(long)]
    everything: bool,
    /// What the networks of an establishment did.
    #[arg(long, value_name = "NAME")]
    establishment: Option<String>,
    /// What a network did, such as 10.21.4.0/24.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    network: Option<Network>,
    /// What an account did: its name, which is not kept, or its token. Addresses that it had count on the days on and
    /// beside those of its sign-ins, so that others who had them are held too.
    #[arg(long, value_name = "NAME|TOKEN")]
    account: Option<String>,
    /// What was read of a source: its 32 digits.
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    source: Option<SourceId>,
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| "not a network such as 10.21.4.0/24".to_owned())
}

fn source(text: &str) -> Result<SourceId, String> {
    SourceId::parse(text).ok_or_else(|| "not the 32 digits of a source".to_owned())
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Add(args) => add(args, context),
        Command::List { reveal } => list(*reveal, context),
        Command::End { hold, reason } => end(*hold, reason, context),
    }
}

fn add(args: &AddArgs, context: &Context) -> anyhow::Result<Exit> {
    let now = clock::now();
    anyhow::ensure!(
        args.from < args.to,
        "the window is empty: --to must be later than --from"
    );
    anyhow::ensure!(
        args.until > now,
        "--until is not later than now: the hold would have ended before it began"
    );
    for (name, text) in [("--case", &args.case), ("--reason", &args.reason)] {
        anyhow::ensure!(!text.trim().is_empty(), "{name} needs words");
    }
    let (on, whom) = subject(&args.on, context)?;
    let act = Act::HoldPlaced(HoldPlaced {
        on: on.as_str().to_owned(),
        whom,
        from: args.from,
        to: args.to,
        until: args.until,
    });
    let network = args.on.network.map(|network| network.to_string());
    let private = json!({ "case": args.case, "reason": args.reason, "network": network });
    // A deletion that is running would not know of it.
    let _nothing_goes_meanwhile = sources::lock_keeping(&context.places.data)?;
    let number = context.ledger()?.append(now, &act, Some(&private))?;
    if context.json {
        context.print_json(&json!({ "hold": number }))?;
    } else {
        context.print_line(number)?;
    }
    context.tell(format!("hold {number} holds until {}", args.until));
    Ok(Exit::Done)
}

/// What the hold is on, and by what word it stands in the ledger: an account as its token, an address not at all.
fn subject(on: &On, context: &Context) -> anyhow::Result<(HoldFor, Option<String>)> {
    if let Some(establishment) = &on.establishment {
        let known = context.store()?.networks_of(establishment)?;
        anyhow::ensure!(
            !known.is_empty(),
            "the register knows no network of {establishment:?}: nothing would be held (`invigil register networks list`)"
        );
        return Ok((HoldFor::Establishment, Some(establishment.clone())));
    }
    if let Some(account) = &on.account {
        let token = match AccountToken::parse(account) {
            Some(token) => token,
            None => {
                let text = AccountText::new(account).context("that is no account's name")?;
                context.names()?.token(&text)
            }
        };
        return Ok((HoldFor::Account, Some(token.to_string())));
    }
    if let Some(source) = on.source {
        let batches = context.ledger()?.batches(Some(source))?;
        anyhow::ensure!(!batches.is_empty(), "nothing was read of that source");
        return Ok((HoldFor::Source, Some(source.to_string())));
    }
    Ok(match on.network {
        Some(_) => (HoldFor::Network, None),
        None => (HoldFor::Everything, None),
    })
}

fn list(reveal: bool, context: &Context) -> anyhow::Result<Exit> {
    let ledger = context.ledger()?;
    let all = holds(ledger.entries()?, clock::now());
    if reveal {
        let act = Act::SearchRun(crate::ledger::SearchRun {
            query: "holds".to_owned(),
            digest: crate::ledger::Digest::of(&[b"holds"]),
            rows: Some(all.len() as u64),
            who: None,
            tables: Vec::new(),
        });
        ledger.append(clock::now(), &act, None)?;
    }
    let mut rows = Vec::new();
    let mut objects = Vec::new();
    for hold in &all {
        let private = match reveal
            .then(|| ledger.private(&hold.entry))
            .transpose()?
            .flatten()
        {
            Some(PrivateRecord::Kept(private)) => private,
            Some(PrivateRecord::Erased) => json!("erased"),
            None => json!(null),
        };
        let mut row = row_of(hold);
        if reveal {
            let text = |name: &str| {
                let said = private.get(name).and_then(|said| said.as_str());
                said.unwrap_or_default().to_owned()
            };
            row.extend([text("case"), text("reason"), text("network")]);
        }
        objects.push(json!({
            "hold": hold.entry.index,
            "state": state(hold),
            "placed": hold.placed,
            "private": private,
        }));
        rows.push(row);
    }
    if context.json {
        context.print_json(&json!(objects))?;
        return Ok(Exit::Done);
    }
    let mut heading = vec!["hold", "state", "on", "whom", "from", "to", "until"];
    if reveal {
        heading.extend(["case", "reason", "network"]);
    }
    context.print_table(&heading, &rows)?;
    Ok(Exit::Done)
}

fn row_of(hold: &Hold) -> Vec<String> {
    let placed = &hold.placed;
    vec![
        hold.entry.index.to_string(),
        state(hold),
        placed.on.clone(),
        placed.whom.clone().unwrap_or_default(),
        placed.from.to_string(),
        placed.to.to_string(),
        placed.until.to_string(),
    ]
}

fn state(hold: &Hold) -> String {
    match hold.state {
        HoldState::Active => "active".to_owned(),
        HoldState::Lapsed => "lapsed".to_owned(),
        HoldState::Ended(entry) => format!("ended by entry {entry}"),
    }
}

fn end(number: u64, reason: &str, context: &Context) -> anyhow::Result<Exit> {
    anyhow::ensure!(!reason.trim().is_empty(), "--reason needs words");
    let ledger = context.ledger()?;
    let all = holds(ledger.entries()?, clock::now());
    let hold = all
        .iter()
        .find(|hold| hold.entry.index == number)
        .with_context(|| format!("there is no hold {number}: see `invigil hold list`"))?;
    anyhow::ensure!(hold.is_active(), "the hold {number} has ended already");
    let act = Act::HoldEnded(HoldEnded { hold: number });
    let private = json!({ "reason": reason });
    ledger.append(clock::now(), &act, Some(&private))?;
    context.tell(format!(
        "hold {number} has ended: what is due goes with the next `invigil store retain`"
    ));
    Ok(Exit::Done)
}
