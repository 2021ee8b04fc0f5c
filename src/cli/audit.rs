//! `invigil audit`: runs the rules over a window, keeps what they find and prints it.

use anyhow::{Context as _, bail};

use crate::clock;
use crate::detect::{Asked, Audit, DetectSettings, RULES, audit, keep};
use crate::ledger::{Act, AuditRun, Digest};
use crate::record::{Finding, Network, Timestamp};

use super::context::{Context, Exit};
use super::findings::{finding_json, known_establishment, print_findings};
use super::who::{attribution, moment, zone};

/// Run the rules over a window of time.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  invigil audit\n  invigil audit --since 2026-03-02T00:00:00Z --until 2026-03-16T00:00:00Z\n  invigil audit --rule vpn_tunnel --establishment hawthorn --json\n\nLeaves with 1 when there are findings. Rules judge whole local days or weeks, so a finding's window can begin before --since."
)]
pub struct Args {
    /// The first moment, with its zone; seven days before the last if not said.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// The moment to end before, with its zone; now if not said.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Only findings of this establishment.
    #[arg(long, value_name = "NAME")]
    establishment: Option<String>,
    /// Only this rule; may be given several times. See --list-rules.
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
    /// List the rules, with what each means, its policy and what is known to raise it wrongly, and do nothing else.
    #[arg(long)]
    list_rules: bool,
    /// The far end of an establishment's own site-to-site tunnel; may be given several times.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    known_vpn_peer: Vec<Network>,
    /// The far end of a registered backup; may be given several times.
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    known_backup_peer: Vec<Network>,
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| "not a network such as 192.0.2.0/24".to_owned())
}

/// Runs it.
pub fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    if args.list_rules {
        return list_rules(context);
    }
    let now = clock::now();
    let until = args.until.unwrap_or(now);
    let since = args.since.unwrap_or(until.plus_seconds(-7 * 86_400));
    if until <= since {
        bail!("the window is empty: --until must be later than --since");
    }
    let asked = Asked {
        since,
        until,
        establishment: args.establishment.clone(),
        rules: args.rules.clone(),
    };
    let settings = settings(context, &args.known_vpn_peer, &args.known_backup_peer)?;
    known_rules(&args.rules)?;
    let store = context.store()?;
    known_establishment(&store, args.establishment.as_deref())?;
    let found = audit(&store, &asked, now, &settings)?;
    let kept = keep(&store, &found.findings)?;
    let withdrawn = keep(&store, &found.withdrawn)?;
    record(context, &asked, &found)?;
    if context.json {
        let findings = found.findings.iter().map(finding_json).collect();
        context.print_json(&findings)?;
    } else if !found.findings.is_empty() {
        print_findings(context, &found.findings)?;
    }
    context.tell(format!(
        "audit: findings {}, new or changed {kept}; rules {}; from {since} until {until}",
        found.findings.len(),
        found.rules.len(),
    ));
    if withdrawn > 0 {
        context.tell(format!(
            "audit: {withdrawn} earlier findings withdrawn: what is known now does not support them"
        ));
    }
    Ok(if found.findings.is_empty() {
        Exit::Done
    } else {
        Exit::Found
    })
}

/// What rules must know, by the configuration and what was named beside it.
pub(super) fn settings(
    context: &Context,
    vpn_peers: &[Network],
    backup_peers: &[Network],
) -> anyhow::Result<DetectSettings> {
    let mut settings = DetectSettings::new(zone(context)?, attribution(context));
    let known = &context.config.detect;
    settings.known_vpn_peers = peers("known_vpn_peers", &known.known_vpn_peers, vpn_peers)?;
    settings.known_backup_peers = peers(
        "known_backup_peers",
        &known.known_backup_peers,
        backup_peers,
    )?;
    settings.known_resolvers = peers("known_resolvers", &known.known_resolvers, &[])?;
    settings.known_proxies = peers("known_proxies", &known.known_proxies, &[])?;
    settings.known_support_peers = peers("known_support_peers", &known.known_support_peers, &[])?;
    Ok(settings)
}

/// The networks of the configuration and of the command line together.
fn peers(key: &str, configured: &[String], named: &[Network]) -> anyhow::Result<Vec<Network>> {
    let mut peers = named.to_vec();
    for text in configured {
        let network = Network::parse(text)
            .with_context(|| format!("{key} in [detect] of the configuration has {text:?}, which is no network such as 192.0.2.0/24"))?;
        peers.push(network);
    }
    Ok(peers)
}

/// What each rule says of itself.
fn list_rules(context: &Context) -> anyhow::Result<Exit> {
    let headings: Vec<_> = RULES.iter().map(|rule| rule.heading()).collect();
    if context.json {
        let all = headings.iter().map(|heading| {
            serde_json::json!({
                "rule": heading.id, "title": heading.title, "severity": heading.severity.as_str(),
                "means": heading.means, "told": heading.told, "window": heading.window,
                "policy": heading.policy, "why": heading.why, "false_alarms": heading.false_alarms,
            })
        });
        context.print_json(&all.collect::<Vec<_>>().into())?;
        return Ok(Exit::Done);
    }
    for heading in headings {
        context.print_line(format_args!(
            "{}  ({}; {})\n  {}\n  {}\n  policy: {}\n  false alarms: {}",
            heading.id,
            heading.severity.as_str(),
            heading.window,
            heading.title,
            heading.means,
            heading.policy,
            heading.false_alarms,
        ))?;
    }
    Ok(Exit::Done)
}

fn known_rules(named: &[String]) -> anyhow::Result<()> {
    for name in named {
        let known: Vec<&str> = RULES.iter().map(|rule| rule.heading().id).collect();
        if !known.contains(&name.as_str()) {
            bail!("there is no rule {name:?}: it can be {}", known.join(", "));
        }
    }
    Ok(())
}

fn record(context: &Context, asked: &Asked, found: &Audit) -> anyhow::Result<()> {
    let id = |finding: &Finding| finding.finding_id.0;
    let ids: Vec<[u8; 16]> = found.findings.iter().map(id).collect();
    let parts: Vec<&[u8]> = ids.iter().map(<[u8; 16]>::as_slice).collect();
    let act = Act::AuditRun(AuditRun {
        from: asked.since,
        to: asked.until,
        rules: found.rules.iter().map(|rule| (*rule).to_owned()).collect(),
        findings: u64::try_from(found.findings.len())?,
        digest: Digest::of(&parts),
    });
    context.ledger()?.append(clock::now(), &act, None)?;
    Ok(())
}
