//! `invigil who`: the attribution of one address at one moment, with its reasons.

mod explain;

use std::io::Write;
use std::net::IpAddr;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::attribute::{
    AttributeSettings, Inside, OutsideEnd, RowRef, STATEMENTS, Sensitivity, Span, TRACE_STATEMENTS,
    Trace,
};
use crate::clock;
use crate::ledger::{Act, Digest, SearchRun};
use crate::pipeline::output::printable_line;
use crate::record::calendar::Zone;
use crate::record::{AccountToken, Timestamp, Verdict};

use super::context::{Context, Exit};

/// Say who used an address at a moment, and how that is known.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil who 10.21.4.77 --at 2026-03-11T10:34:00Z\n  invigil who 203.0.113.5 --port 40001 --protocol tcp --at 2026-03-11T10:34:00Z\n  invigil who 10.21.4.77 --at 2026-03-11T10:34:00+00:00 --json\n  invigil who 10.21.4.77 --at 2026-03-11T10:34:00Z --explain\n  invigil who 10.21.4.77 --at 2026-03-11T10:34:00Z --reveal --reason 'case 2026-014'\n\nLeaves with 1 where nobody can be named."
)]
pub struct Args {
    /// The address.
    #[arg(value_name = "IP", value_parser = address)]
    ip: IpAddr,
    /// The source port that the far end saw, where the address stands for others (translation, RFC 6302).
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Its protocol: tcp, udp, or IANA's number.
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Option<u8>,
    /// The moment, with its zone: 2026-03-11T10:34:00Z or 2026-03-11T10:34:00+00:00.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Timestamp,
    /// Say also what the answer would be just before and after, and by clocks that are an hour off.
    #[arg(long)]
    explain: bool,
    /// Show the name behind the account. The reason is entered in the ledger first.
    #[arg(long, requires = "reason")]
    reveal: bool,
    /// Why the name must be seen.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse()
        .map_err(|_| "not an address such as 10.21.4.77 or 2001:db8::7".to_owned())
}

fn protocol(text: &str) -> Result<u8, String> {
    match text {
        "tcp" => Ok(6),
        "udp" => Ok(17),
        "icmp" => Ok(1),
        "sctp" => Ok(132),
        _ => {
            let number = text.parse().ok().filter(|number: &u8| *number != 0);
            number.ok_or_else(|| "not a protocol such as tcp, udp or 47".to_owned())
        }
    }
}

/// Reads a moment; one without a zone is refused with the reason.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

/// The limits of attribution as configured.
pub(super) fn attribution(context: &Context) -> AttributeSettings {
    AttributeSettings {
        clock_uncertainty_us: i64::from(context.config.time.clock_uncertainty_ms) * 1000,
        ..AttributeSettings::default()
    }
}

/// The zone that is printed.
pub(super) fn zone(context: &Context) -> anyhow::Result<Zone> {
    let name = &context.config.time.zone;
    Zone::named(name).with_context(|| format!("there is no time zone {name:?}: name one such as Europe/London as time.zone in the configuration"))
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.reveal
        && args
            .reason
            .as_deref()
            .is_none_or(|reason| reason.trim().is_empty())
    {
        bail!("a name is shown only for a reason: add --reason TEXT");
    }
    let zone = zone(context)?;
    let settings = attribution(context);
    let store = context.store()?;
    record(args, context)?;
    let reach = match args.explain {
        true => Sensitivity::REACH_US,
        false => 0,
    };
    let end = OutsideEnd {
        ip: args.ip,
        port: args.port,
        protocol: args.protocol,
    };
    let (trace, facts) = Trace::load(&store, end, args.at, reach, settings)?;
    let near = match args.explain {
        true => Some(trace.sensitivity(&store, end, args.at, &facts)?),
        false => None,
    };
    let answer = &trace.answer;
    let name = match (args.reveal, answer.account, &args.reason) {
        (true, Some(account), Some(reason)) => context.reveal(account, reason)?,
        _ => None,
    };
    if context.json {
        let mut told = as_json(args, &trace, name.as_deref(), &settings);
        if let (Some(near), Some(fields)) = (&near, told.as_object_mut()) {
            let near = explain::as_json(args.at, answer, near);
            fields.insert("sensitivity".to_owned(), near);
        }
        context.print_json(&told)?;
    } else {
        print(args, context, &trace, name.as_deref(), &settings, &zone)?;
        let lines = near.map(|near| explain::lines(args.at, answer, &near));
        let mut out = context.out();
        for (label, text) in lines.into_iter().flatten() {
            writeln!(out, "{label:<14} {}", printable_line(&text))?;
        }
        out.flush()?;
    }
    Ok(match answer.verdict {
        Verdict::Attributed => Exit::Done,
        Verdict::Disputed | Verdict::Shared | Verdict::NotAttributable => Exit::Found,
    })
}

/// Enters the search before anything of it is shown; what was asked lies in the private record.
fn record(args: &Args, context: &Context) -> anyhow::Result<()> {
    let statements = TRACE_STATEMENTS.iter().chain(STATEMENTS);
    let parts: Vec<&[u8]> = statements.map(|sql| sql.text().as_bytes()).collect();
    let search = SearchRun {
        query: "who".to_owned(),
        digest: Digest::of(&parts),
        rows: None,
        who: None,
        tables: Vec::new(),
    };
    let private = json!({ "address": args.ip.to_string(), "port": args.port, "protocol": args.protocol, "at": args.at.to_string(), "explain": args.explain });
    context
        .ledger()?
        .append(clock::now(), &Act::SearchRun(search), Some(&private))?;
    Ok(())
}

fn print(
    args: &Args,
    context: &Context,
    trace: &Trace,
    name: Option<&str>,
    settings: &AttributeSettings,
    zone: &Zone,
) -> anyhow::Result<()> {
    let answer = &trace.answer;
    let mut out = context.out();
    let unknown = || "not known".to_owned();
    let mut line =
        |label: &str, text: String| writeln!(out, "{label:<14} {}", printable_line(&text));
    line("address", args.ip.to_string())?;
    for inside in &trace.steps {
        line("stood for", inside_text(inside))?;
    }
    for inside in trace.could_be.iter().take(MOST_PRINTED) {
        line("could be", inside_text(inside))?;
    }
    if let Some(more) = trace.could_be.len().checked_sub(MOST_PRINTED + 1) {
        line("could be", format!("{} others", more + 1))?;
    }
    line("moment", format!("{} ({})", args.at, zone.print(args.at)))?;
    line("verdict", answer.verdict.to_string())?;
    line(
        "establishment",
        answer.establishment.clone().unwrap_or_else(unknown),
    )?;
    line(
        "account",
        answer
            .account
            .map_or_else(|| "none".to_owned(), |token| token.to_string()),
    )?;
    if let Some(name) = name {
        line("name", name.to_owned())?;
    }
    line(
        "basis",
        answer
            .basis
            .map_or_else(|| "none".to_owned(), |basis| basis.to_string()),
    )?;
    if let Some(span) = &answer.span {
        line("interval", span_text(span))?;
    }
    let uncertainty = seconds(settings.clock_uncertainty_us);
    line(
        "margin",
        match answer.margin_us {
            Some(margin) => format!(
                "{} s to the nearest other answer; clocks may be off by {uncertainty} s",
                seconds(margin)
            ),
            None if trace.stopped.is_some() => "not measured, as no address was come to".to_owned(),
            None => "no other answer near".to_owned(),
        },
    )?;
    for reason in &answer.reasons {
        line("because", reason.sentence().to_owned())?;
    }
    for row in &answer.rests_on {
        line("rests on", row_text(row))?;
    }
    for rival in &answer.rivals {
        let when = if rival.at_the_moment {
            "at this moment"
        } else {
            "near it"
        };
        line(
            "rival",
            format!(
                "{} by {}, {when}: {}",
                account(rival.account),
                rival.basis,
                span_text(&rival.span)
            ),
        )?;
    }
    Ok(out.flush()?)
}

/// So many of those that could be meant are printed; `--json` has all.
const MOST_PRINTED: usize = 20;

fn inside_text(inside: &Inside) -> String {
    let port = inside
        .port
        .map_or_else(String::new, |port| format!(" port {port}"));
    format!("{}{port}, {}", inside.ip, span_text(&inside.span))
}

fn account(account: Option<AccountToken>) -> String {
    account.map_or_else(|| "a shared device".to_owned(), |token| token.to_string())
}

fn span_text(span: &Span) -> String {
    format!("{} to {} ({})", span.from, span.to, span.end.as_str())
}

fn row_text(row: &RowRef) -> String {
    format!(
        "{} source {} frame {}",
        row.table, row.place.source, row.place.frame
    )
}

fn seconds(micros: i64) -> String {
    format!("{}.{:03}", micros / 1_000_000, micros % 1_000_000 / 1000)
}

fn as_json(args: &Args, trace: &Trace, name: Option<&str>, settings: &AttributeSettings) -> Value {
    let answer = &trace.answer;
    let rows = |rows: &[RowRef]| -> Vec<Value> {
        rows.iter()
            .map(|row| json!({ "table": row.table, "source_id": row.place.source.to_string(), "frame": row.place.frame, "ordinal": row.place.ordinal }))
            .collect()
    };
    let span = |span: &Span| json!({ "from": span.from.to_string(), "to": span.to.to_string(), "end": span.end.as_str() });
    let rivals: Vec<Value> = answer
        .rivals
        .iter()
        .map(|rival| {
            json!({
                "account": rival.account.map(|token| token.to_string()),
                "basis": rival.basis.as_str(),
                "at_the_moment": rival.at_the_moment,
                "interval": span(&rival.span),
                "rests_on": rows(&rival.rests_on),
            })
        })
        .collect();
    let reasons: Vec<Value> = answer
        .reasons
        .iter()
        .map(|reason| json!({ "reason": reason.as_str(), "sentence": reason.sentence() }))
        .collect();
    let insides = |insides: &[Inside]| -> Vec<Value> {
        insides
            .iter()
            .map(|inside| json!({ "address": inside.ip.to_string(), "port": inside.port, "interval": span(&inside.span), "rests_on": rows(&inside.rests_on) }))
            .collect()
    };
    json!({
        "address": args.ip.to_string(),
        "port": args.port,
        "protocol": args.protocol,
        "stood_for": insides(&trace.steps),
        "could_be": insides(&trace.could_be),
        "at": args.at.to_string(),
        "verdict": answer.verdict.as_str(),
        "establishment": answer.establishment,
        "account": answer.account.map(|token| token.to_string()),
        "name": name,
        "basis": answer.basis.map(|basis| basis.as_str()),
        "interval": answer.span.as_ref().map(span),
        "margin_us": answer.margin_us,
        "clock_uncertainty_us": settings.clock_uncertainty_us,
        "reasons": reasons,
        "rests_on": rows(&answer.rests_on),
        "rivals": rivals,
    })
}
