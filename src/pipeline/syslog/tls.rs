//! TLS for syslog (RFC 5425): our certificate, and the authorities whose senders we hear.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// TLS 1.2 and 1.3 with this certificate; with authorities, senders must show a certificate of one of them.
pub fn config(
    certificate: &Path,
    key: &Path,
    authorities: Option<&Path>,
) -> io::Result<Arc<ServerConfig>> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{what}: {error}"))
    };
    let chain = |path: &Path| -> io::Result<Vec<CertificateDer<'static>>> {
        CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| wrong("a certificate can not be read", &error))
    };
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong("the private key can not be read", &error))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS", &error))?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in chain(path)? {
                roots
                    .add(authority)
                    .map_err(|error| wrong("an authority can not be used", &error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| wrong("the authorities can not be used", &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain(certificate)?, key)
        .map_err(|error| wrong("the certificate and its key do not go together", &error))?;
    // A sender that only writes would never read them, and then not see that we have closed our side.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
