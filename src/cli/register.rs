//! `invigil register`: the establishments, networks, links, accounts and devices that events are attributed with.

use std::io::Read;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use jiff::tz::TimeZone;

use crate::keys::Purpose;
use crate::ledger::FrameNonces;
use crate::logs::MisExport;
use crate::pipeline::input::InputName;
use crate::pipeline::registers::RegisterImport;
use crate::pipeline::sources;
use crate::record::{RegisterKind, SourceKind};
use crate::store::{Params, query};

use super::context::{Context, Exit};
use super::ingest::{counts_json, sentence};

/// The registers that events are attributed with.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil register establishments import establishments.csv\n  invigil register networks list\n  invigil register accounts import sims-year9.csv --mis hawthorn --role pupil\n\nOf one thing (a network, an account, a device), the lines of the newest import that names it count; what a file does not name stays as it was, and is ended by its valid_to."
)]
pub struct Args {
    /// Which register.
    #[arg(value_parser = parse_kind, value_name = "establishments|networks|links|accounts|devices")]
    register: RegisterKind,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Read a CSV file in.
    Import {
        /// The file. Its first line names its columns.
        file: PathBuf,
        /// The file is an export of accounts by a management information system (SIMS, Arbor, Bromcom) of this
        /// establishment; its columns are known by those systems' names for them, and others are passed over.
        #[arg(long, value_name = "ESTABLISHMENT")]
        mis: Option<String>,
        /// What people are whose line in such an export does not say it: pupil, staff, governor, guest.
        #[arg(long, value_name = "ROLE", requires = "mis")]
        role: Option<String>,
        /// Write the counts here as JSON, too.
        #[arg(long, value_name = "FILE")]
        counts_json: Option<PathBuf>,
    },
    /// Print the register.
    List,
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    match &args.action {
        Action::Import {
            file,
            mis,
            role,
            counts_json,
        } => {
            let mis = mis.as_ref().map(|establishment| MisExport {
                establishment: establishment.clone(),
                role: role.clone(),
            });
            check_export(args.register, mis.as_ref())?;
            import(
                args.register,
                &InputName::of(file),
                mis.as_ref(),
                counts_json.as_deref(),
                context,
            )
        }
        Action::List => list(args.register, context),
    }
}

fn import(
    kind: RegisterKind,
    name: &InputName,
    mis: Option<&MisExport>,
    counts_file: Option<&std::path::Path>,
    context: &Context,
) -> anyhow::Result<Exit> {
    // A file that is not there, or is a folder, is told as that.
    if matches!(name, InputName::File(path) if !path.is_file()) {
        drop(name.open()?);
    }
    anyhow::ensure!(
        name.is_regular(),
        "a register is read from a file, so that it can be shown again as it was imported: save it and name the file"
    );
    let zone = &context.config.time.zone;
    let zone = TimeZone::get(zone).with_context(|| format!("there is no time zone {zone:?}"))?;
    let workshop = context.workshop()?;
    let deposit = workshop.deposit();
    let _one_at_a_time = sources::lock_files(&context.places.data, &deposit)?;
    let history = deposit.history()?;
    let identity = name.identify(history.points())?;
    let resolved = sources::of_whole_file(
        &identity,
        &history,
        SourceKind::Register,
        kind.as_str(),
        workshop.keys.id(),
    );
    let mut bytes = Vec::new();
    name.open()?
        .reader
        .read_to_end(&mut bytes)
        .map_err(|error| name.error(error))?;
    deposit.open(&resolved.source, &name.to_string())?;
    let register = RegisterImport {
        kind,
        source: &resolved.source,
        identity: &identity,
        zone: &zone,
        mis,
    };
    let nonces = FrameNonces::new(&workshop.keys.key(Purpose::Nonces), resolved.source.id);
    let (counts, left) = register.store(&bytes, &mut context.names()?, nonces, &deposit)?;
    if let Some(path) = counts_file {
        std::fs::write(path, format!("{}\n", counts_json(&counts)))
            .with_context(|| format!("cannot write the counts to {}", path.display()))?;
    }
    context.tell(format!("{kind}: {}", sentence(&counts)));
    context.arrived(&left)
}

/// Such exports are of accounts, of one establishment, and of people that a register can hold.
fn check_export(kind: RegisterKind, mis: Option<&MisExport>) -> anyhow::Result<()> {
    let Some(export) = mis else { return Ok(()) };
    anyhow::ensure!(
        kind == RegisterKind::Accounts,
        "--mis reads accounts: say `invigil register accounts import`"
    );
    anyhow::ensure!(
        !export.establishment.is_empty() && !export.establishment.contains(char::is_whitespace),
        "the establishment of --mis is one word, as the register of establishments has it"
    );
    let known = ["pupil", "staff", "governor", "guest"];
    anyhow::ensure!(
        export
            .role
            .as_deref()
            .is_none_or(|role| known.contains(&role)),
        "the role of --mis is one of {}",
        known.join(", ")
    );
    Ok(())
}

fn list(kind: RegisterKind, context: &Context) -> anyhow::Result<Exit> {
    let id = format!("register/{kind}");
    let sql = query(&id)
        .with_context(|| format!("the question {id} is missing: a fault of the program"))?;
    let store = context.store()?;
    super::query::print(context, &store, sql, &Params::new())?;
    Ok(Exit::Done)
}

fn parse_kind(text: &str) -> Result<RegisterKind, String> {
    RegisterKind::parse(text).ok_or_else(|| {
        let names: Vec<&str> = RegisterKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!(
            "there is no register {text:?}: say one of {}",
            names.join(", ")
        )
    })
}
