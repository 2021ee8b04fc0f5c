//! `invigil evidence`: packages that answer a request, and the check of packages.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use crate::casework::{Decision, Request, decide, turn_away};
use crate::clock;
use crate::evidence::{
    Exporter, Signer, SignerKey, StoreHoldings, Summary, Verification, export, open, recipients,
    seal, timestamp_query, verify, write_whole,
};
use crate::keys::{KeyRing, Purpose};
use crate::ledger::{Ledger, VerifyKey};
use crate::pipeline::output::printable;
use crate::record::{AccountText, Tokens as _};

use super::context::{Context, Exit};

/// The program and its version, as packages name it.
const AGENT: &str = concat!("invigil ", env!("CARGO_PKG_VERSION"));

/// Evidence packages: made for a request, checked by anybody.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil evidence export --request notice.toml --out packages --recipient age1...\n  invigil evidence verify packages/evidence-AB-2026-0042-2026-03-12 --signer signer.pub\n  invigil evidence open evidence-AB-2026-0042-2026-03-12.tar.age --identity key.txt --out opened"
)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Answer a request: ask every gate, and if all pass, write the package. Exit code 2 when it is refused.
    Export(ExportArgs),
    /// Check a package. Exit code 0: intact and signed by the key given; 1: changed, not proved, or no key given; 2: not readable.
    Verify(VerifyArgs),
    /// Count a package's figures again with another engine, make its papers again, and compare. Exit code 0: all the same; 1: something is not; 2: not readable.
    Replay(ReplayArgs),
    /// Open a sealed package.
    Open(OpenArgs),
    /// Print the public key that recipients check packages with.
    Signer,
}

#[derive(Clone, Debug, clap::Args)]
struct ExportArgs {
    /// The request, as TOML.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// The folder that the package goes into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A public age key to seal the package to; may be given several times. Without it, those that the request names.
    #[arg(long, value_name = "AGE_KEY")]
    recipient: Vec<String>,
    /// Keep the package as a plain folder too.
    #[arg(long)]
    keep_folder: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct VerifyArgs {
    /// The package's folder; a sealed one is opened first, with `invigil evidence open`.
    path: PathBuf,
    /// The signer's public key, which did not come with the package.
    #[arg(long, value_name = "FILE")]
    signer: Option<PathBuf>,
    /// The ledger's public key: a file, or the key itself.
    #[arg(long, value_name = "FILE")]
    log_key: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct ReplayArgs {
    /// The package's folder; a sealed one is opened first, with `invigil evidence open`.
    path: PathBuf,
}

#[derive(Clone, Debug, clap::Args)]
struct OpenArgs {
    /// The sealed package.
    file: PathBuf,
    /// The age identity it is sealed to.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The folder to open it into.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.command {
        Command::Export(args) => make(args, context),
        Command::Verify(args) => check(args, context),
        Command::Replay(args) => replay(args, context),
        Command::Open(args) => {
            let sealed = fs::read(&args.file)
                .with_context(|| format!("cannot read {}", args.file.display()))?;
            open(&sealed, &read(&args.identity)?, &args.out)?;
            context.tell(format!("opened into {}", args.out.display()));
            Ok(Exit::Done)
        }
        Command::Signer => {
            let signer = Signer::open(context.keys()?.folder())?;
            let mut out = context.out();
            write!(out, "{}", signer.public_text()?)?;
            out.flush()?;
            Ok(Exit::Done)
        }
    }
}

fn make(args: &ExportArgs, context: &Context) -> anyhow::Result<Exit> {
    let bytes = fs::read(&args.request)
        .with_context(|| format!("cannot read {}", args.request.display()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let ledger = context.ledger()?;
    let now = clock::now();
    // The request and every answer are entered before anything is looked up, and before anybody asks where to write.
    let request = match Request::parse(&text) {
        Ok(request) => request,
        Err(error) => {
            let entry = turn_away(&ledger, &text, &error, now)?;
            bail!(
                "cannot answer {}: {error}; the refusal is entered in the ledger (entry {entry})",
                args.request.display()
            );
        }
    };
    let decision = decide(&ledger, &text, &request, now)?;
    let Some(authorised) = decision.outcome.clone() else {
        return refuse(&decision, context);
    };
    let keys = sealing_keys(args, &request)?;
    let sealed_to = recipients(&keys)?;
    ensure!(
        !sealed_to.is_empty() || args.keep_folder,
        "nobody to seal the package to: give --recipient, name keys in the request, or ask for the plain folder with --keep-folder"
    );
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let key_ring = context.keys()?;
    let signer = Signer::open(key_ring.folder())?;
    let store = context.store()?;
    let originals = context.originals()?;
    let mut names = context.names()?;
    let known = context.names()?;
    let named: Vec<(String, crate::record::AccountToken)> = request
        .identifiers
        .iter()
        .filter_map(|one| AccountText::new(one.value.trim()))
        .map(|name| (name.reveal().to_owned(), names.token(&name)))
        .collect();
    let holdings = StoreHoldings {
        store: &store,
        settings: super::who::attribution(context),
    };
    let nonces = key_ring.key(Purpose::Nonces);
    let mut exporter = Exporter {
        holdings: &holdings,
        frames: &originals,
        ledger: &ledger,
        signer: &signer,
        nonces_key: &nonces,
        token: &mut |name| names.token(name),
        // What the request names needs no table; other names come from it only for a subscriber asked for.
        name: &|token| {
            let own = named.iter().find(|(_, known)| *known == token);
            own.map(|(name, _)| name.clone())
                .or_else(|| known.name(token).ok().flatten())
        },
        organisation: &context.config.provider.name,
        marking: &context.config.provider.marking,
        agent: AGENT,
        recipients: sealed_to.len() as u64,
        now,
    };
    let (bag, summary) = export(&mut exporter, &text, &decision, &authorised)?;
    let query = args.out.join(format!("{}.tsq", summary.name));
    write_whole(&query, &timestamp_query(&bag)?)?;
    let mut written = Vec::new();
    if !sealed_to.is_empty() {
        let path = args.out.join(format!("{}.tar.age", summary.name));
        let sealed = seal(&bag.tar(&summary.name)?, &sealed_to)?;
        write_whole(&path, &sealed)?;
        written.push(path);
    }
    if args.keep_folder {
        let path = args.out.join(&summary.name);
        bag.write(&path)?;
        written.push(path);
    }
    tell(&summary, &written, &key_ring, &ledger, context)
}

/// The keys to seal to. A request that names keys may be sealed to those alone.
fn sealing_keys(args: &ExportArgs, request: &Request) -> anyhow::Result<Vec<String>> {
    let named = &request.disclosure.recipient.keys;
    if args.recipient.is_empty() {
        return Ok(named.clone());
    }
    ensure!(
        named.is_empty() || args.recipient.iter().all(|key| named.contains(key)),
        "the request names the keys that the package may be sealed to, and a key given with --recipient is not among them"
    );
    Ok(args.recipient.clone())
}

fn refuse(decision: &Decision, context: &Context) -> anyhow::Result<Exit> {
    let refusals: Vec<_> = decision.refusals().collect();
    if context.json {
        context.print_json(&json!({"request": decision.commitment, "refused": refusals}))?;
    }
    let reasons: Vec<String> = refusals
        .iter()
        .map(|answer| {
            let reason = answer.reason.as_deref().unwrap_or_default();
            format!("\n  {}: {reason}\n    ({})", answer.gate, answer.source)
        })
        .collect();
    bail!(
        "the request is refused, and the refusal is entered in the ledger (entry {}):{}",
        decision.entry,
        reasons.concat()
    );
}

fn tell(
    summary: &Summary,
    written: &[PathBuf],
    keys: &KeyRing,
    ledger: &Ledger,
    context: &Context,
) -> anyhow::Result<Exit> {
    let signer = keys.folder().join("signer.pub");
    if context.json {
        context.print_json(&json!({
            "summary": summary,
            "written": written,
            "signer": signer,
            "log_key": ledger.verify_key().to_string(),
        }))?;
        return Ok(Exit::Done);
    }
    let mut out = context.out();
    for path in written {
        writeln!(out, "{}", path.display())?;
    }
    out.flush()?;
    let withheld = |counts: &std::collections::BTreeMap<&str, u64>| counts.values().sum::<u64>();
    context.tell(format!(
        "rows {} (withheld {}); original lines {} (withheld and proved {}); check it with --signer {}",
        summary.rows,
        withheld(&summary.rows_withheld),
        summary.originals,
        withheld(&summary.originals_withheld),
        signer.display()
    ));
    Ok(Exit::Done)
}

fn check(args: &VerifyArgs, context: &Context) -> anyhow::Result<Exit> {
    let signer = match &args.signer {
        Some(path) => Some(SignerKey::parse(&read(path)?)?),
        None => None,
    };
    let log_key = args.log_key.as_deref().map(log_key).transpose()?;
    let found = verify(&args.path, signer.as_ref(), log_key.as_ref())?;
    let (state, text, exit) = match &found {
        Verification::Intact {
            signed,
            head,
            not_kept,
        } => (
            "intact",
            intact(signed, head.size, *not_kept, log_key.is_some()),
            Exit::Done,
        ),
        Verification::SignerNotChecked { .. } => (
            "signer_not_checked",
            "consistent; signer NOT checked: give --signer with a key that did not come with the package".to_owned(),
            Exit::Found,
        ),
        Verification::Wrong { file, reason } => ("wrong", format!("WRONG: {file}: {reason}"), Exit::Found),
    };
    if context.json {
        let file = match &found {
            Verification::Wrong { file, .. } => Some(file),
            _ => None,
        };
        context.print_json(&json!({"state": state, "text": text, "file": file}))?;
    } else {
        let mut out = context.out();
        writeln!(out, "{}", printable(&text))?;
        out.flush()?;
    }
    Ok(exit)
}

/// Without the second engine there is nothing to count with.
#[cfg(not(feature = "frames"))]
fn replay(_: &ReplayArgs, _: &Context) -> anyhow::Result<Exit> {
    bail!(
        "this build of the program has no second engine: build it with the feature `frames`, which is on by default"
    )
}

#[cfg(feature = "frames")]
fn replay(args: &ReplayArgs, context: &Context) -> anyhow::Result<Exit> {
    let found = crate::evidence::replay(&args.path, AGENT)?;
    let same = found.differences.is_empty();
    if context.json {
        let differences: Vec<_> = found
            .differences
            .iter()
            .map(|(file, reason)| json!({"file": file, "reason": reason}))
            .collect();
        context.print_json(&json!({
            "state": if same { "same" } else { "different" },
            "figures": found.figures,
            "papers": found.papers,
            "differences": differences,
        }))?;
    } else {
        let mut out = context.out();
        for (file, reason) in &found.differences {
            writeln!(out, "DIFFERENT: {}: {}", printable(file), printable(reason))?;
        }
        let outcome = if same { "the same" } else { "NOT the same" };
        writeln!(
            out,
            "{} figures were counted again: {outcome}",
            found.figures
        )?;
        match found.papers {
            Some(papers) => writeln!(out, "{papers} papers were made again: {outcome}")?,
            None => writeln!(
                out,
                "the papers were not compared: another version of the program made them"
            )?,
        }
        out.flush()?;
    }
    Ok(if same { Exit::Done } else { Exit::Found })
}

/// What an intact package proves, and what it does not.
fn intact(signed: &str, entries: u64, not_kept: u64, log_key: bool) -> String {
    let mut text = format!(
        "intact, and signed by the key given: {signed}\nproved up to the ledger's head of {entries} entries"
    );
    if not_kept > 0 {
        text.push_str(&format!(
            "\n{not_kept} lines were not kept: of them only the batch is proved, and not what they said"
        ));
    }
    if !log_key {
        text.push_str("\nthe ledger's key is the one in the package: give --log-key with one that did not come with it");
    }
    text
}

/// A key of a ledger: the text itself, or a file that holds it.
fn log_key(given: &str) -> anyhow::Result<VerifyKey> {
    if let Some(key) = VerifyKey::parse(given) {
        return Ok(key);
    }
    VerifyKey::parse(&read(Path::new(given))?)
        .context("the ledger's key is not one such as name+01234567+AbCd...")
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
