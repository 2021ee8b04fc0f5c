//! What is decided on a request, entered in the ledger before anybody can act on it.

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;

use super::{Answer, Request, RequestError, Window, answers};
use crate::ledger::{Act, Digest, GateAnswered, Ledger, LedgerError, RequestReceived};
use crate::record::Timestamp;

/// Something that every gate has let pass and whose answers stand in the ledger. Only [`decide`] makes one.
#[derive(Clone, Debug)]
pub struct Authorised<T> {
    inner: T,
    window: Window,
}

/// What was decided.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What stands for the request in the ledger.
    pub commitment: Digest,
    /// The salt of the commitment, in hexadecimal digits.
    pub salt: String,
    /// The index of the request's entry.
    pub entry: u64,
    /// What each gate answered, and the index of its entry.
    pub answers: Vec<(Answer, u64)>,
    /// The request, if every gate let it pass.
    pub outcome: Option<Authorised<Request>>,
}

impl<T> Authorised<T> {
    /// What was authorised.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// The window that was authorised.
    pub fn window(&self) -> Window {
        self.window
    }
}

impl Decision {
    /// The answers that refuse.
    pub fn refusals(&self) -> impl Iterator<Item = &Answer> {
        self.answers
            .iter()
            .map(|(answer, _)| answer)
            .filter(|answer| !answer.passed)
    }
}

/// What commits to a request: its text can not be guessed from it, as the salt is random.
pub fn commitment(salt: &str, text: &str) -> Digest {
    Digest::of(&[salt.as_bytes(), b"\n", text.as_bytes()])
}

/// The gate that stands before all others: whether there is a request to ask them about.
pub const UNREADABLE: &str = "request_readable";

/// Enters a request that can not be read, and that it was refused for that; gives the index of its entry.
pub fn turn_away(
    ledger: &Ledger,
    text: &str,
    error: &RequestError,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let (commitment, _, entry) = receive(ledger, text, "", "", now)?;
    enter(
        ledger,
        commitment,
        UNREADABLE,
        Some(&error.to_string()),
        now,
    )?;
    Ok(entry)
}

/// Enters that a request came in; gives what commits to it, with its salt, and the index of the entry.
fn receive(
    ledger: &Ledger,
    text: &str,
    regime: &str,
    data_class: &str,
    now: Timestamp,
) -> Result<(Digest, String, u64), LedgerError> {
    let mut salt = [0u8; 16];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| LedgerError::NoRandom)?;
    let salt = format!("{:032x}", u128::from_be_bytes(salt));
    let commitment = commitment(&salt, text);
    let received = Act::RequestReceived(RequestReceived {
        request: commitment,
        regime: regime.to_owned(),
        data_class: data_class.to_owned(),
    });
    let private = json!({"salt": salt, "request": text});
    let entry = ledger.append(now, &received, Some(&private))?;
    Ok((commitment, salt, entry))
}

/// Enters what a gate has answered: refused where there is a reason to.
fn enter(
    ledger: &Ledger,
    request: Digest,
    gate: &str,
    refused: Option<&str>,
    now: Timestamp,
) -> Result<u64, LedgerError> {
    let act = Act::GateAnswered(GateAnswered {
        request,
        gate: gate.to_owned(),
        passed: refused.is_none(),
    });
    let reason = refused.map(|reason| json!({"reason": reason}));
    ledger.append(now, &act, reason.as_ref())
}

/// Asks every gate and enters the request and all answers, refusals too; gives the request if all passed.
pub fn decide(
    ledger: &Ledger,
    text: &str,
    request: &Request,
    now: Timestamp,
) -> Result<Decision, LedgerError> {
    let (regime, class) = (request.regime.as_str(), request.data_class.as_str());
    let (commitment, salt, entry) = receive(ledger, text, regime, class, now)?;
    let mut recorded = Vec::new();
    for answer in answers(request, now) {
        let (gate, reason) = (answer.gate, answer.reason.as_deref());
        let index = enter(ledger, commitment, gate, reason, now)?;
        recorded.push((answer, index));
    }
    let passed = recorded.iter().all(|(answer, _)| answer.passed);
    let outcome = request
        .window
        .resolve()
        .ok()
        .filter(|_| passed)
        .map(|window| Authorised {
            inner: request.clone(),
            window,
        });
    Ok(Decision {
        commitment,
        salt,
        entry,
        answers: recorded,
        outcome,
    })
}
