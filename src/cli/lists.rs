//! `invigil lists`: the operator's lists of names, URLs and networks.

use std::io::Read as _;
use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use crate::classify::{ListIndex, ListKind, ListMeta, Matches, Request};
use crate::clock;
use crate::ledger::{Act, Digest, ListLoaded};
use crate::pipeline::lists::{self, LineOfList, ListInput, NewList};
use crate::record::Severity;

use super::context::{Context, Exit};

/// The operator's lists of names, URLs and networks.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil lists add games --kind plain --category games games.txt\n  invigil lists add ut1 --kind squidguard blacklists/\n  invigil lists add help --kind plain --category help --allow help-sites.txt\n  invigil lists show\n  invigil lists match www.arcade.example 198.51.100.7"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Add a list, or put a newer version in its place.
    Add(AddArgs),
    /// Show the lists.
    Show,
    /// Ask what names, URLs or addresses meet, and which line of which list says so. Exit code 1 when something is met.
    Match(MatchArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct AddArgs {
    /// The list's name: letters, digits, - and _.
    name: String,
    /// How it is written.
    #[arg(long, value_enum)]
    kind: KindArg,
    /// The category of its entries; a folder of many categories brings its own.
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
    /// What is in it is never flagged, whatever other lists say.
    #[arg(long)]
    allow: bool,
    /// How much a hit matters.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// The file, or the folder of a SquidGuard list; `-` is standard input.
    path: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
struct MatchArgs {
    /// Names, URLs (`host/path`, also with scheme) or addresses.
    #[arg(required = true, value_name = "NAME|URL|IP")]
    asked: Vec<String>,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum KindArg {
    /// A name a line.
    Plain,
    /// A hosts file: `0.0.0.0 name`.
    Hosts,
    /// A folder a category, each with `domains` and `urls`.
    Squidguard,
    /// A network or an address a line.
    Cidr,
    /// Settings of dnsmasq: `address=/name/0.0.0.0`.
    Dnsmasq,
    /// Filters of AdBlock or AdGuard that mean whole names: `||name^`.
    Adblock,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Add(args) => add(args, context),
        Command::Show => show(context),
        Command::Match(args) => find(args, context),
    }
}

fn add(args: &AddArgs, context: &Context) -> anyhow::Result<Exit> {
    let list = NewList {
        name: args.name.clone(),
        kind: args.kind.into(),
        category: args.category.clone(),
        allow: args.allow,
        severity: args.severity,
        loaded: clock::now(),
    };
    let input = if args.path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut bytes);
        read.context("cannot read the list from standard input")?;
        ListInput::Bytes(bytes)
    } else {
        ListInput::Path(args.path.clone())
    };
    let ledger = context.ledger()?;
    let prepared = lists::prepare(&context.places.data, &list, input)?;
    let counts = prepared.counts;
    let act = Act::ListLoaded(ListLoaded {
        list: prepared.meta.name.clone(),
        version: prepared.meta.version.clone(),
        digest: Digest(prepared.digest),
        expressions: counts.entries,
    });
    // The ledger first: a list that is used has its entry, even if the program is stopped here.
    ledger.append(list.loaded, &act, None)?;
    let meta = prepared.put_in_place()?;
    context.tell(format!(
        "{}: {} entries, {} lines that are none",
        meta.label(),
        counts.entries,
        counts.skipped
    ));
    Ok(Exit::Done)
}

fn show(context: &Context) -> anyhow::Result<Exit> {
    let shown = lists::show(&context.places.data)?;
    if context.json {
        let lists = shown.iter().map(|(meta, counts)| {
            json!({
                "name": meta.name,
                "kind": meta.kind.as_str(),
                "category": category(meta),
                "version": meta.version,
                "loaded": meta.loaded.to_string(),
                "allow": meta.allow,
                "severity": meta.severity.map(Severity::as_str),
                "entries": counts.entries,
                "skipped": counts.skipped,
            })
        });
        context.print_json(&lists.collect())?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|(meta, counts)| {
            vec![
                meta.label(),
                meta.kind.to_string(),
                category(meta).unwrap_or("its own").to_owned(),
                if meta.allow { "allows" } else { "flags" }.to_owned(),
                counts.entries.to_string(),
                meta.loaded.to_string(),
            ]
        })
        .collect();
    context.print_table(
        &[
            "list",
            "kind",
            "category",
            "does",
            "entries",
            "loaded (UTC)",
        ],
        &rows,
    )?;
    Ok(Exit::Done)
}

fn find(args: &MatchArgs, context: &Context) -> anyhow::Result<Exit> {
    let index = lists::load(&context.places.data)?;
    let mut found = Vec::new();
    for asked in &args.asked {
        let request = request(asked);
        let matches = ask(&index, request);
        let lines = lists::explain(&context.places.data, &request)?;
        found.push((asked, matches, lines));
    }
    if context.json {
        let answers = found.iter().map(|(asked, matches, lines)| {
            json!({
                "asked": asked,
                "categories": matches.categories(),
                "lists": matches.labels(),
                "allowed_by": matches.allowed_by,
                "lines": lines.iter().map(line_json).collect::<Vec<_>>(),
            })
        });
        context.print_json(&answers.collect())?;
    } else {
        let rows: Vec<Vec<String>> = found
            .iter()
            .map(|(asked, matches, lines)| {
                let lists = match matches.allowed_by {
                    Some(list) => format!("allowed by {list}"),
                    None => matches.labels().join(", "),
                };
                let lines: Vec<_> = lines.iter().map(line_text).collect();
                let categories = matches.categories().join(", ");
                vec![(*asked).clone(), categories, lists, lines.join("; ")]
            })
            .collect();
        context.print_table(&["asked", "categories", "lists", "because of"], &rows)?;
    }
    let met = found.iter().any(|(_, matches, _)| !matches.is_empty());
    Ok(if met { Exit::Found } else { Exit::Done })
}

fn line_json(line: &LineOfList) -> serde_json::Value {
    json!({
        "list": line.list,
        "allow": line.allow,
        "category": line.category,
        "file": line.kind.as_str(),
        "line": line.met.number,
        "entry": line.met.entry,
    })
}

/// Where the line stands, and what it says.
fn line_text(line: &LineOfList) -> String {
    format!(
        "{} {}/{} line {}: {}",
        line.list,
        line.category,
        line.kind.as_str(),
        line.met.number,
        line.met.entry
    )
}

fn ask<'a>(index: &'a ListIndex, request: Request<'_>) -> Matches<'a> {
    match request {
        Request::Address(ip) => index.address(ip),
        Request::Url(host, path) => index.url(host, path),
    }
}

/// An address, or else a URL with or without scheme, port and path.
fn request(asked: &str) -> Request<'_> {
    if let Ok(ip) = asked.parse::<IpAddr>() {
        return Request::Address(ip);
    }
    let bare = asked.split_once("://").map_or(asked, |(_, bare)| bare);
    let (authority, path) = match bare.find(['/', '?']) {
        Some(at) => bare.split_at_checked(at).unwrap_or((bare, "")),
        None => (bare, ""),
    };
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, _)) => inner,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    Request::Url(host, path)
}

/// The category of a list that has one for all its entries.
fn category(meta: &ListMeta) -> Option<&str> {
    (!meta.category.is_empty()).then_some(meta.category.as_str())
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| {
        let words: Vec<_> = Severity::ALL.iter().map(|word| word.as_str()).collect();
        format!("one of {}", words.join(", "))
    })
}

impl From<KindArg> for ListKind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Plain => ListKind::Plain,
            KindArg::Hosts => ListKind::Hosts,
            KindArg::Squidguard => ListKind::Squidguard,
            KindArg::Cidr => ListKind::Cidr,
            KindArg::Dnsmasq => ListKind::Dnsmasq,
            KindArg::Adblock => ListKind::Adblock,
        }
    }
}
