//! The one client: the same requests to the socket of a data folder and to a ClickHouse server.

use std::io::Write;

use bytes::Bytes;
use clickhouse::{Client, Compression};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use super::engine::threads;
use super::error::{Refusal, StoreError};
use super::own;
use super::settings::Server;
use super::sql::Params;
use super::unix::SocketOf;

/// A client with the threads it runs on.
pub(super) struct Caller {
    client: Client,
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
    pub(super) fn of_folder(socket: SocketOf, key: &[u8; 32]) -> std::io::Result<Caller> {
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
            client,
            runtime: Some(threads(NAME, 1)?),
        })
    }

    /// Speaks to a server.
    pub(super) fn of_server(server: &Server) -> Result<Caller, StoreError> {
        let mut client = Client::default().with_url(&server.url);
        if !server.read_only {
            // A user who may only read may not set anything either; these are a recent server's defaults.
            client = client
                .with_setting("output_format_json_quote_64bit_integers", "0")
                .with_setting("session_timezone", "UTC");
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
            client,
            runtime: Some(runtime),
        })
    }

    /// The same client, with bare names looked up in this database.
    pub(super) fn with_database(mut self, database: &str) -> Caller {
        self.client = self.client.clone().with_database(database);
        self
    }

    /// Sends a statement and hands each piece of the answer on as it comes.
    pub(super) fn ask(
        &self,
        call: &Call<'_>,
        format: &str,
        piece: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut query = self.client.query_raw(call.sql);
        for (name, value) in call.params.iter() {
            query = query.with_setting(format!("param_{name}"), value);
        }
        self.wait(async {
            let told = |error| told(call.what, error);
            let mut cursor = query.fetch_bytes(format).map_err(told)?;
            while let Some(bytes) = cursor.next().await.map_err(told)? {
                piece(&bytes)?;
            }
            Ok(())
        })
    }

    /// Sends a statement outside any database, such as the one that makes it.
    pub(super) fn tell_server(&self, what: &str, sql: &str) -> Result<(), StoreError> {
        let mut client = self.client.clone();
        client = client.with_database(String::new());
        self.wait(async {
            client
                .query_raw(sql)
                .execute()
                .await
                .map_err(|error| told(what, error))
        })
    }

    /// Sends rows. The statement ends with the format that they are in.
    pub(super) fn insert(
        &self,
        what: &str,
        sql: String,
        rows: impl Iterator<Item = Bytes>,
        settings: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        let mut insert = self.client.insert_formatted_with(sql);
        for (name, value) in settings {
            insert = insert.with_setting(*name, *value);
        }
        self.wait(async {
            for piece in rows {
                insert
                    .send(piece)
                    .await
                    .map_err(|error| told(what, error))?;
            }
            insert.end().await.map_err(|error| told(what, error))
        })
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

fn told(what: &str, error: clickhouse::error::Error) -> StoreError {
    match error {
        clickhouse::error::Error::BadResponse(text) => StoreError::Refused {
            what: what.to_owned(),
            refusal: Refusal::new(text),
        },
        clickhouse::error::Error::Network(cause) => StoreError::Unreachable {
            what: what.to_owned(),
            reason: root(cause.as_ref()),
        },
        other => StoreError::Unreachable {
            what: what.to_owned(),
            reason: other.to_string(),
        },
    }
}

/// The innermost cause, which says what happened.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
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

/// How its threads are called.
const NAME: &str = "invigil-store";
