//! The only reader of the environment and of the configuration file.
//!
//! Order: flag, then `INVIGIL_*`, then the file, then a safe default. Unknown keys are refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The version of the engine that this release was tried with.
pub const ENGINE_VERSION: &str = "26.7.3-stable.1";

/// What the command line says about places, before anything else is asked.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// `--config`.
    pub config: Option<PathBuf>,
}

/// Where things lie.
#[derive(Clone, Debug)]
pub struct Places {
    /// The data folder.
    pub data: PathBuf,
    /// The folder of keys: one set per data folder inside it.
    pub keys: PathBuf,
    /// The engine's library.
    pub engine: PathBuf,
    /// The configuration file that was read, if any.
    pub config: Option<PathBuf>,
}

/// The configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who runs this.
    pub provider: Provider,
    /// Where records are stored.
    pub store: StoreConfig,
    /// How packets are read.
    pub capture: CaptureConfig,
    /// Local time, for printing and for logs without a zone.
    pub time: TimeConfig,
    /// What rules must know of the region.
    pub detect: DetectConfig,
    /// Reports that go out on schedule.
    pub report: ReportConfig,
    /// How long data is kept.
    pub retention: RetentionConfig,
    /// What is known of the logs that are read.
    pub logs: LogsConfig,
    /// What is known of accounts.
    pub accounts: AccountsConfig,
}

/// What is known of accounts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsConfig {
    /// Groups of names of one realm each; the empty name stands for accounts that are written without a realm.
    pub same_realms: Vec<Vec<String>>,
}

/// What is known of the logs that are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogsConfig {
    /// What the operator knows of single sources.
    pub source: Vec<LogSource>,
    /// Formats in words, for logs that the program does not know.
    pub mapping: Vec<LogMapping>,
    /// Layouts of Squid's access log.
    pub squid: Vec<SquidLog>,
}

/// A layout of Squid's access log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquidLog {
    /// Its name, for `--format`.
    pub name: String,
    /// What stands behind the name in the `logformat` line of squid.conf.
    pub logformat: String,
}

/// What the operator knows of sources with such a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    /// The file's name; `*` stands for any characters. The first that fits counts.
    pub files: String,
    /// Its format, where it is not to be told from the lines.
    pub format: Option<String>,
    /// The zone of times that name none.
    pub zone: Option<String>,
    /// By how many seconds its clock is ahead; negative if it is behind.
    #[serde(default)]
    pub clock_ahead_seconds: f64,
    /// Fields that are not to be believed, such as `account`.
    #[serde(default)]
    pub distrust: Vec<String>,
}

/// A format in words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogMapping {
    /// Its name, for `--format`.
    pub name: String,
    /// `csv`, `tsv`, `pairs`, `json` or `w3c`.
    pub shape: String,
    /// What stands between cells, where it is neither comma nor tab.
    pub separator: Option<char>,
    /// Whether the first line names the columns.
    #[serde(default = "yes")]
    pub heading: bool,
    /// `web_hit`, `dns_query`, `sign_in`, `lease` or `translation`.
    pub record: String,
    /// Whether the day stands before the month in dates of numbers.
    #[serde(default = "yes")]
    pub day_first: bool,
    /// For each field of the record the column that holds it: its name, its place from 1, or several to choose from.
    pub fields: BTreeMap<String, ColumnChoice>,
    /// What the source's own words for actions and events mean.
    #[serde(default)]
    pub words: BTreeMap<String, String>,
    /// The event of a line that names none.
    pub event: Option<String>,
}

/// Which column holds a field.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum ColumnChoice {
    /// The one in this place, from 1.
    Place(usize),
    /// The one with this name.
    Name(String),
    /// The first of these that has something.
    Several(Vec<ColumnChoice>),
}

fn yes() -> bool {
    true
}

/// Who runs this.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Provider {
    /// The provider's name, as it stands in packages and reports.
    pub name: String,
    /// The name of the ledger: the first line of each signed head.
    pub ledger_origin: String,
    /// How reports and statements are marked for whoever handles them; it stands at the head of each page.
    pub marking: String,
}

/// Where records are stored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// A ClickHouse server, such as `https://clickhouse.example:8443`; none for the embedded engine.
    pub url: Option<String>,
    /// The user there.
    pub user: Option<String>,
    /// A file whose first line is the user's password.
    pub password_file: Option<PathBuf>,
    /// The database; `invigil` if not said.
    pub database: Option<String>,
    /// Certificates in PEM that alone are trusted, for a server with a certificate of one's own authority.
    pub ca_file: Option<PathBuf>,
    /// Whether what goes there and back is compressed; it is if not said.
    pub compress: Option<bool>,
    /// How long a connection may take to stand, in seconds; 10 if not said.
    pub connect_seconds: Option<u32>,
    /// How long an answer may take to begin, and rows to be acknowledged, in seconds; 600 if not said.
    pub answer_seconds: Option<u32>,
    /// How long there may be nothing between two pieces of an answer, in seconds; 120 if not said.
    pub between_seconds: Option<u32>,
    /// How many bytes may wait in the spool while the store is away, of all sources together.
    pub spool_bytes: u64,
    /// Keys for `invigil store serve --listen`.
    pub key: Vec<StoreKeyConfig>,
}

/// A key for an address of the store. What is not said of its limits is as usual.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreKeyConfig {
    /// How the ledger calls whoever brings it: a tool or an office, not a person.
    pub name: String,
    /// The file with the key, readable by its owner alone.
    pub file: PathBuf,
    /// What it allows.
    #[serde(default)]
    pub role: KeyRole,
    /// The moment from which it is worth nothing, such as `2027-01-01T00:00:00Z`.
    pub expires: Option<String>,
    /// How long a statement may run.
    pub seconds: Option<u32>,
    /// How much memory a statement may take.
    pub memory_mib: Option<u32>,
    /// How many rows an answer may have.
    pub result_rows: Option<u64>,
    /// How large an answer may be.
    pub result_mib: Option<u32>,
    /// How many requests a minute.
    pub requests_a_minute: Option<u32>,
    /// How many requests at once.
    pub at_once: Option<u32>,
}

/// What a key of the store allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyRole {
    /// To ask.
    #[default]
    Ask,
    /// To ask, and to make tables and rows in the database `workbench`.
    Work,
}

/// How packets are read.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptureConfig {
    /// A flow that lasts longer than this is cut, in seconds.
    pub active_timeout_seconds: u32,
    /// A flow with no packet for this long has ended, in seconds.
    pub idle_timeout_seconds: u32,
    /// Whether packets of different VLANs are different flows, where networks use the same addresses.
    pub apart_by_vlan: bool,
    /// Whether packets of different tunnels, by their names and keys, are different flows.
    pub apart_by_tunnel: bool,
    /// The size of the kernel's ring for frames of a device that were not read yet, in MiB; of each, if there are several.
    pub ring_mib: u32,
    /// How many rings, each with a thread of its own, share a device's frames.
    pub rings: u32,
    /// The user that a capture off a device goes on as once the device is open, if it was begun by root.
    pub user: Option<String>,
    /// What is kept of what was said: nothing beyond host and server names, or everything.
    pub content: ContentPolicy,
    /// Why content may be kept; demanded for `content = "full"`, and recorded in the ledger.
    pub legal_basis: Option<String>,
}

/// What is kept of what was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentPolicy {
    /// Host and server names only.
    #[default]
    Names,
    /// Paths and user agents too.
    Full,
}

/// Local time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeConfig {
    /// IANA name of the zone that is printed, and that logs without a zone are read in.
    pub zone: String,
    /// How far the clocks of sources may be off when nothing is measured, in milliseconds.
    pub clock_uncertainty_ms: u32,
}

/// What rules must know of the region.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectConfig {
    /// Networks at the far ends of establishments' own site-to-site tunnels, such as `192.0.2.0/24`.
    pub known_vpn_peers: Vec<String>,
    /// Networks at the far ends of registered backups.
    pub known_backup_peers: Vec<String>,
    /// Networks of the resolvers that establishments are to ask.
    pub known_resolvers: Vec<String>,
    /// Networks of the provider's own proxies.
    pub known_proxies: Vec<String>,
    /// Networks at the far ends of remote support and of servers that staff look after.
    pub known_support_peers: Vec<String>,
}

/// Reports that go out on schedule.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportConfig {
    /// Where scheduled reports are written; `reports` in the data folder if not said.
    pub folder: Option<PathBuf>,
    /// What is due when.
    pub schedule: Vec<ScheduledReport>,
}

/// How long data is kept, in days. Nothing goes before `invigil store retain` is run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// What was said: columns of class content, and originals that hold any.
    pub content: u32,
    /// Flows, web requests, DNS questions, mails; and what was rejected.
    pub records: u32,
    /// Sign-ins, leases and translations, their originals, and accounts and devices that have ended.
    pub identification: u32,
    /// Findings.
    pub findings: u32,
    /// The private records beside the ledger: why something was asked, and who asked for it.
    pub private_records: u32,
    /// Another period for one table.
    pub tables: std::collections::BTreeMap<String, u32>,
}

/// One line of the schedule.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledReport {
    /// `weekly` or `trend`.
    pub report: String,
    /// The establishment; none for all, each its own.
    pub establishment: Option<String>,
    /// The day it is due: `monday` to `sunday`.
    pub day: String,
    /// The local time of day, such as `06:30`.
    pub at: String,
}

/// The configuration can not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file named can not be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not say what it may say.
    #[error("the configuration {path} is not valid: {message}")]
    Invalid {
        /// Which.
        path: PathBuf,
        /// What is wrong and where.
        message: String,
    },
    /// No home folder.
    #[error(
        "no home folder is known: name the data folder with --data-dir or INVIGIL_DATA_DIR, and the folder of keys with INVIGIL_KEYS_DIR"
    )]
    NoHome,
}

impl Default for Provider {
    fn default() -> Self {
        Provider {
            name: "unnamed provider".to_owned(),
            ledger_origin: "invigil.example/ledger".to_owned(),
            marking: "Confidential: for the named recipient alone".to_owned(),
        }
    }
}

impl Default for RetentionConfig {
    fn default() -> Self {
        RetentionConfig {
            content: 90,
            records: 180,
            identification: 210,
            findings: 365,
            private_records: 1826,
            tables: std::collections::BTreeMap::new(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            url: None,
            user: None,
            password_file: None,
            database: None,
            ca_file: None,
            compress: None,
            connect_seconds: None,
            answer_seconds: None,
            between_seconds: None,
            spool_bytes: 4 << 30,
            key: Vec::new(),
        }
    }
}

impl Default for CaptureConfig {
    fn default() -> Self {
        CaptureConfig {
            active_timeout_seconds: 1800,
            idle_timeout_seconds: 300,
            apart_by_vlan: false,
            apart_by_tunnel: false,
            ring_mib: 64,
            rings: 1,
            user: None,
            content: ContentPolicy::Names,
            legal_basis: None,
        }
    }
}

impl Default for TimeConfig {
    fn default() -> Self {
        TimeConfig {
            zone: "Europe/London".to_owned(),
            clock_uncertainty_ms: 1000,
        }
    }
}

/// Reads the configuration and works out where things lie.
pub fn load(flags: &Flags) -> Result<(Config, Places), ConfigError> {
    let named = flags
        .config
        .clone()
        .or_else(|| variable("INVIGIL_CONFIG").map(PathBuf::from));
    let usual = || {
        xdg("XDG_CONFIG_HOME", ".config")
            .map(|home| home.join("invigil/invigil.toml"))
            .filter(|path| path.exists())
    };
    let file = named.or_else(usual);
    let config = match &file {
        Some(path) => read(path)?,
        None => Config::default(),
    };
    let data = match flags
        .data_dir
        .clone()
        .or_else(|| variable("INVIGIL_DATA_DIR").map(PathBuf::from))
    {
        Some(data) => data,
        None => xdg("XDG_DATA_HOME", ".local/share")
            .ok_or(ConfigError::NoHome)?
            .join("invigil/data"),
    };
    let keys = match variable("INVIGIL_KEYS_DIR") {
        Some(keys) => PathBuf::from(keys),
        None => xdg("XDG_CONFIG_HOME", ".config")
            .ok_or(ConfigError::NoHome)?
            .join("invigil/keys"),
    };
    Ok((
        config,
        Places {
            data,
            keys,
            engine: engine(),
            config: file,
        },
    ))
}

/// What the operator wants logged, as `INVIGIL_LOG` says.
pub fn log_filter() -> Option<String> {
    variable("INVIGIL_LOG")
}

fn engine() -> PathBuf {
    if let Some(named) = variable("INVIGIL_ENGINE") {
        return PathBuf::from(named);
    }
    let own = xdg("XDG_DATA_HOME", ".local/share").map(|home| {
        home.join("invigil/engine")
            .join(ENGINE_VERSION)
            .join("libchdb.so")
    });
    match own {
        Some(path) if path.exists() => path,
        own => {
            let shared = PathBuf::from("/usr/lib/invigil/libchdb.so");
            if shared.exists() {
                shared
            } else {
                own.unwrap_or(shared)
            }
        }
    }
}

fn read(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| ConfigError::Invalid {
        path: path.to_owned(),
        message: match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => format!(
                "line {}: {}",
                before.matches('\n').count() + 1,
                error.message()
            ),
            None => error.message().to_owned(),
        },
    })
}

fn xdg(variable_name: &str, below_home: &str) -> Option<PathBuf> {
    variable(variable_name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(below_home)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_every_key_and_the_defaults() {
        let sample = include_str!("../packaging/invigil.toml");
        let config: Config = toml::from_str(sample).unwrap();
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
        // Each line that is commented out is a key, too: with all of them it is still a configuration.
        let all: String = sample
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(key) if key.starts_with('[') || key.contains(" = ") => format!("{key}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config: Config = toml::from_str(&all).unwrap();
        assert_eq!(config.report.schedule.len(), 1);
        assert_eq!(config.store.key.len(), 1);
        assert_eq!(
            (config.logs.source.len(), config.logs.mapping.len()),
            (1, 1)
        );
        assert_eq!(config.store.database.as_deref(), Some("invigil"));
        assert!(config.capture.legal_basis.is_some() && config.report.folder.is_some());
        assert_eq!(config.retention.tables.len(), 1);
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("invigil.toml");
        std::fs::write(&path, "[time]\n\n[captrue]\nx = 1\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 3: unknown field"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("[capture]\nactive_timeout_secnods = 1").is_err());
        let config: Config = toml::from_str("[capture]\nidle_timeout_seconds = 60").unwrap();
        assert_eq!(config.capture.idle_timeout_seconds, 60);
        assert_eq!(config.capture.active_timeout_seconds, 1800);
    }
}
