//! Who signs packages: a minisign key pair in the folder of keys, made at first use.

use std::fs;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use minisign::{KeyPair, PublicKey, PublicKeyBox, SecretKey, SecretKeyBox, SignatureBox};

use super::EvidenceError;
use super::bag::{UNTRUSTED, write_new};

/// The key that signs packages.
pub struct Signer {
    public: PublicKey,
    secret: SecretKey,
}

/// The key that packages are checked with; it must come from elsewhere than the package.
#[derive(Clone)]
pub struct SignerKey(PublicKey);

impl Signer {
    /// Opens `signer.key` in this folder, and makes it and `signer.pub` where there are none yet.
    pub fn open(folder: &Path) -> Result<Signer, EvidenceError> {
        let path = folder.join("signer.key");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Signer::make(folder),
            Err(source) => return Err(EvidenceError::file(&path, source)),
        };
        let read = || {
            let secret = SecretKeyBox::from_string(&text)?.into_unencrypted_secret_key()?;
            let public = PublicKey::from_secret_key(&secret)?;
            Ok(Signer { public, secret })
        };
        let signer = read().map_err(|_: minisign::PError| EvidenceError::SignerKey(path))?;
        let public = folder.join("signer.pub");
        if !public.exists() {
            write_new(&public, signer.public_text()?.as_bytes())?;
        }
        Ok(signer)
    }

    fn make(folder: &Path) -> Result<Signer, EvidenceError> {
        let path = folder.join("signer.key");
        let fault = |_| EvidenceError::SignerKey(path.clone());
        let KeyPair { pk, sk } = KeyPair::generate_unencrypted_keypair().map_err(fault)?;
        let text = sk
            .to_box(Some("Invigil: key that signs evidence packages"))
            .map_err(fault)?
            .into_string();
        let signer = Signer {
            public: pk,
            secret: sk,
        };
        write_new(&path, text.as_bytes())?;
        write_new(&folder.join("signer.pub"), signer.public_text()?.as_bytes())?;
        Ok(signer)
    }

    /// The public key as minisign keeps it in a file: what recipients must be given, by another way than the package.
    pub fn public_text(&self) -> Result<String, EvidenceError> {
        let key = self.public.to_box().map_err(|_| EvidenceError::Signing)?;
        Ok(key.into_string())
    }

    pub(crate) fn sign(&self, bytes: &[u8], trusted: &str) -> Result<String, EvidenceError> {
        minisign::sign(
            Some(&self.public),
            &self.secret,
            Cursor::new(bytes),
            Some(trusted),
            Some(UNTRUSTED),
        )
        .map(SignatureBox::into_string)
        .map_err(|_| EvidenceError::Signing)
    }
}

impl SignerKey {
    /// Reads a public key: a file of minisign, or its one line in base64.
    pub fn parse(text: &str) -> Result<SignerKey, EvidenceError> {
        PublicKeyBox::from_string(text)
            .and_then(PublicKeyBox::into_public_key)
            .or_else(|_| PublicKey::from_base64(text.trim()))
            .map(SignerKey)
            .map_err(|_| EvidenceError::NoSignerKey)
    }

    /// Checks a signature; gives what its trusted comment says.
    pub(crate) fn verify(&self, signature: &[u8], signed: &[u8]) -> Result<String, &'static str> {
        let text = std::str::from_utf8(signature).map_err(|_| "it is not a signature")?;
        let parsed = SignatureBox::from_string(text).map_err(|_| "it is not a signature")?;
        // The comment is cut from the signature's text by the library; whatever it overlooks must not differ.
        let comment = parsed.untrusted_comment().unwrap_or_default();
        if comment != UNTRUSTED || parsed.to_string() != text {
            return Err("it is not written as packages are signed");
        }
        if parsed.keynum() != self.0.keynum() {
            return Err("it is signed by another key");
        }
        minisign::verify(&self.0, &parsed, Cursor::new(signed), true, false, false)
            .map_err(|_| "the signature does not hold")?;
        parsed
            .trusted_comment()
            .map_err(|_| "it is not a signature")
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(withheld)")
    }
}

impl std::fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SignerKey({})", self.0.to_base64())
    }
}
