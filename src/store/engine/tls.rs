//! An address that others connect to: TLS where it is asked for, and bounds on connections, handshakes and headers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::flushed::{Counted, Flushes};
use crate::store::outside::TlsFiles;

/// Reads certificate and key; TLS 1.2 and 1.3, with ring.
pub(super) fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {error}"))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong("the certificate can not be read", &error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| wrong("the private key can not be read", &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS", &error))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| wrong("the certificate and its key do not go together", &error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Answers whoever connects, for ever.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, routes: Router) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Without room nobody is accepted: those who come wait in the system's queue.
        let Ok(seat) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let Ok((wire, _)) = listener.accept().await else {
            // Out of descriptors, or a client that left at once.
            tokio::time::sleep(AFTER_A_FAULT).await;
            continue;
        };
        let (tls, routes) = (tls.clone(), routes.clone());
        tokio::spawn(async move {
            let _seat = seat;
            connected(wire, tls, routes).await;
        });
    }
}

async fn connected(wire: TcpStream, tls: Option<TlsAcceptor>, routes: Router) {
    // Answers are written in large pieces; a last small one must not wait.
    drop(wire.set_nodelay(true));
    match tls {
        None => spoken(wire, routes).await,
        Some(tls) => {
            if let Ok(Ok(wire)) = tokio::time::timeout(HANDSHAKE, tls.accept(wire)).await {
                spoken(wire, routes).await;
            }
        }
    }
}

async fn spoken<W: AsyncRead + AsyncWrite + Unpin + Send + 'static>(wire: W, routes: Router) {
    let flushes = Flushes::default();
    let routes = routes.layer(axum::Extension(ConnectInfo(flushes.clone())));
    let wire = Counted { wire, flushes };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(LONGEST_HEADERS)
        .serve_connection(TokioIo::new(wire), TowerToHyperService::new(routes));
    // A connection that breaks is the client's affair.
    drop(connection.await);
}

/// How many connections are open at once.
const CONNECTIONS: usize = 256;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and a connection may idle.
const HEADERS: Duration = Duration::from_secs(15);
/// The address of a request may hold a statement.
const LONGEST_HEADERS: usize = 256 << 10;
const AFTER_A_FAULT: Duration = Duration::from_millis(50);
