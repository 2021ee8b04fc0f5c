//! The one client: the same requests to the socket of a data folder and to a ClickHouse server.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use super::engine::{BEHIND, threads};
use super::error::{Refusal, StoreError};
use super::own;
use super::settings::{Patience, Server};
use super::sql::Params;
use super::unix::SocketOf;
use super::wire::{WayThere, WireError, causes};

/// How questions of the folder's engine are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// With a thread for each core.
    Usual,
    /// In one thread.
    LookUp,
    /// In one thread, and behind whatever else is asked.
    Behind,
}

/// A client with the threads it runs on.
pub(super) struct Caller {
    /// Names no database.
    anywhere: Client,
    /// The same, with bare names looked up in the store's database.
    client: Client,
    /// Whether it speaks to the engine of a data folder.
    of_folder: bool,
    patience: Patience,
    /// What each insert says beside its own.
    insert_settings: Vec<(&'static str, &'static str)>,
    /// None only while it is dropped.
    runtime: Option<Runtime>,
}

/// What one request says beside its statement.
pub(super) struct Call<'a> {
    /// How errors name it.
    pub(super) what: &'a str,
    /// The statement.
    pub(super) sql: &'a str,
    /// Values for it.
    pub(super) params: &'a Params,
}

impl Caller {
    /// Speaks to the socket of a data folder.
    pub(super) fn of_folder(
        socket: SocketOf,
        key: &[u8; 32],
        database: &str,
    ) -> std::io::Result<Caller> {
        // No connection is kept idle: who serves may end at any moment, and connecting costs nothing here.
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(socket);
        let client = Client::with_http_client(http)
            .with_url("http://store.invalid")
            .with_user(own::USER)
            .with_password(own::word(key).as_str())
            .with_compression(Compression::None);
        Ok(Caller {
            anywhere: client.clone(),
            client: client.with_database(database),
            of_folder: true,
            patience: Patience::ENDLESS,
            insert_settings: Vec::new(),
            runtime: Some(threads(NAME, 1)?),
        })
    }

    /// Speaks to a server. One that lets us set nothing is asked as it is.
    pub(super) fn of_server(server: &Server, may_set: bool) -> Result<Caller, StoreError> {
        let unusable = |error: WireError| StoreError::Settings(error.to_string());
        let way =
            WayThere::new(server.patience.connect, server.trusted.as_deref()).map_err(unusable)?;
        // Each request has a connection of its own: see `wire`.
        let http = HttpClient::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(way);
        let mut client = Client::with_http_client(http).with_url(&server.url);
        if may_set {
            for (name, value) in SERVER_SETTINGS {
                client = client.with_setting(*name, *value);
            }
        }
        if !server.compressed {
            client = client.with_compression(Compression::None);
        }
        if let Some(user) = &server.user {
            client = client.with_user(user);
        }
        if let Some(password) = &server.password {
            client = client.with_password(password.as_str());
        }
        let runtime = threads(NAME, 1).map_err(|error| StoreError::Unreachable {
            what: "connecting".to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Caller {
            anywhere: client.clone(),
            client: client.with_database(&server.database),
            of_folder: false,
            patience: server.patience,
            insert_settings: INSERT_SETTINGS.to_vec(),
            runtime: Some(runtime),
        })
    }

    /// Makes deduplication hold against a profile that switches it off, where the server has a word for that.
    pub(super) fn deduplicating(mut self, has_the_word: bool) -> Caller {
        if has_the_word {
            self.insert_settings.push(DEDUPLICATE);
        }
        self
    }

    /// Sends a statement and hands each piece of the answer on as it comes.
    pub(super) fn ask(
        &self,
        call: &Call<'_>,
        format: &str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.ask_with(&self.client, call, format, piece)
    }

    /// The same in another manner. What goes before what on a server, and in how many threads, is for its operator to say.
    pub(super) fn ask_in(
        &self,
        manner: Manner,
        call: &Call<'_>,
        format: &str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        if !self.of_folder || manner == Manner::Usual {
            return self.ask(call, format, piece);
        }
        // One thread for each of these is enough; the other cores are for those who wait.
        let mut client = self.client.clone().with_setting("max_threads", "1");
        if manner == Manner::Behind {
            client = client.with_setting("priority", BEHIND);
        }
        self.ask_with(&client, call, format, piece)
    }

    /// Asks outside any database, as the store's own may not exist yet.
    pub(super) fn ask_anywhere(
        &self,
        call: &Call<'_>,
        format: &str,
    ) -> Result<Vec<u8>, StoreError> {
        let mut answer = Vec::new();
        self.ask_with(&self.anywhere, call, format, &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(answer)
    }

    /// The same under a name, which a server gives to one statement of a user at a time.
    pub(super) fn ask_as(
        &self,
        id: &str,
        call: &Call<'_>,
        format: &str,
    ) -> Result<Vec<u8>, StoreError> {
        let mut answer = Vec::new();
        let named = self.client.clone().with_setting("query_id", id);
        self.ask_with(&named, call, format, &mut |piece| {
            answer.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(answer)
    }

    fn ask_with(
        &self,
        client: &Client,
        call: &Call<'_>,
        format: &str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut query = client.query_raw(call.sql);
        for (name, value) in call.params.iter() {
            query = query.with_setting(format!("param_{name}"), value);
        }
        // Only what comes is waited for in the runtime. Who takes it may himself ask, and a runtime waits in no runtime.
        let mut cursor = self.wait(async {
            query
                .fetch_bytes(format)
                .map_err(|error| told(call.what, error))
        })?;
        let mut within = self.patience.answer;
        loop {
            let next = self.wait(async {
                tokio::time::timeout(within, cursor.next())
                    .await
                    .map_err(|_| slow(call.what, within))?
                    .map_err(|error| told(call.what, error))
            })?;
            match next {
                Some(bytes) => piece(&bytes)?,
                None => return Ok(()),
            }
            within = self.patience.between;
        }
    }

    /// Sends a statement outside any database, such as the one that makes it.
    pub(super) fn tell_server(&self, what: &str, sql: &str) -> Result<(), StoreError> {
        let params = Params::new();
        let call = Call {
            what,
            sql,
            params: &params,
        };
        self.ask_anywhere(&call, "Null").map(drop)
    }

    /// Sends rows. The statement ends with the format that they are in.
    pub(super) fn insert(
        &self,
        what: &str,
        sql: String,
        rows: impl Iterator<Item = Bytes>,
        settings: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        let Patience {
            between, answer, ..
        } = self.patience;
        let mut insert = self
            .client
            .insert_formatted_with(sql)
            .with_timeouts(Some(between), Some(answer));
        for (name, value) in self.insert_settings.iter().chain(settings) {
            insert = insert.with_setting(*name, *value);
        }
        let failed = |error, within| match error {
            clickhouse::error::Error::TimedOut => slow(what, within),
            error => told(what, error),
        };
        for piece in rows {
            self.wait(async {
                insert
                    .send(piece)
                    .await
                    .map_err(|error| failed(error, between))
            })?;
        }
        self.wait(async { insert.end().await.map_err(|error| failed(error, answer)) })
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => Err(StoreError::Unreachable {
                what: "closing".to_owned(),
                reason: "the client is closed".to_owned(),
            }),
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Without waiting: the last hold may go within somebody else's runtime, where waiting is refused.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn slow(what: &str, within: Duration) -> StoreError {
    StoreError::Slow {
        what: what.to_owned(),
        within,
    }
}

fn told(what: &str, error: clickhouse::error::Error) -> StoreError {
    let what = what.to_owned();
    match error {
        clickhouse::error::Error::BadResponse(text) => StoreError::Refused {
            what,
            refusal: Refusal::new(text),
        },
        clickhouse::error::Error::TimedOut => StoreError::Unreachable {
            what,
            reason: "it took too long".to_owned(),
        },
        clickhouse::error::Error::InvalidParams(_) => {
            StoreError::Settings("store.url is no address".to_owned())
        }
        clickhouse::error::Error::Network(cause) => lost(what, cause.as_ref()),
        other => lost(what, &other),
    }
}

/// A request that has no answer of the store's, as its causes tell.
fn lost(what: String, error: &(dyn std::error::Error + 'static)) -> StoreError {
    match WireError::within(error) {
        Some(WireError::Slow(within)) => return slow(&what, *within),
        Some(WireError::NotClickHouse(status)) => {
            return StoreError::NotAStore {
                what,
                status: *status,
            };
        }
        _ => {}
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return StoreError::NotTrusted {
            what,
            reason: tls.to_string(),
        };
    }
    let reason = causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    StoreError::Unreachable { what, reason }
}

/// Hands pieces to a writer.
pub(super) fn onto<'w>(
    what: &'w str,
    out: &'w mut dyn Write,
) -> impl FnMut(&[u8]) -> Result<(), StoreError> + 'w {
    move |piece| {
        out.write_all(piece).map_err(|source| StoreError::Output {
            what: what.to_owned(),
            source,
        })
    }
}

/// What holds for each question to a server; a data folder's engine has the like standing. A question whose asker has gone is stopped.
const SERVER_SETTINGS: &[(&str, &str)] = &[
    ("output_format_json_quote_64bit_integers", "0"),
    ("session_timezone", "UTC"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
];
/// What holds for rows, whatever a user's profile says: they are acknowledged when they are stored and not before
/// (`async_insert` is on since 26.2, and may acknowledge what lies in memory), and a batch that is sent again is known.
const INSERT_SETTINGS: &[(&str, &str)] = &[("async_insert", "0"), ("insert_deduplicate", "1")];
/// Known to servers since 26.2; a profile can switch deduplication off with it.
const DEDUPLICATE: (&str, &str) = ("deduplicate_insert", "enable");
/// How its threads are called.
const NAME: &str = "invigil-store";
