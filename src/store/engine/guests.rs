//! Who asks from outside: known by a key at an address, or as `socket`; each within its own limits.
//!
//! No guest keeps another waiting: each has so many requests at once, all of them together leave seats
//! for the program, and a request that must wait too long is refused as ClickHouse does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::EngineError;
use crate::record::Timestamp;
use crate::store::outside::{Limits, Role, StoreKey};
use crate::store::own::Own;

/// One who asks from outside.
pub(super) struct Guest {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) limits: Limits,
    expires: Option<Timestamp>,
    at_once: Arc<Semaphore>,
    minute: Mutex<Minute>,
}

/// Requests of the minute that runs.
#[derive(Default)]
struct Minute {
    number: i64,
    requests: u32,
}

impl Guest {
    /// Whoever can open the socket without being the program.
    pub(super) fn on_the_socket() -> Guest {
        Guest::new("socket".to_owned(), Role::Ask, None, Limits::default())
    }

    fn new(name: String, role: Role, expires: Option<Timestamp>, limits: Limits) -> Guest {
        let at_once = usize::try_from(limits.at_once).unwrap_or(usize::MAX);
        Guest {
            name,
            role,
            limits,
            expires,
            at_once: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))),
            minute: Mutex::default(),
        }
    }

    /// Counts a request and waits for its turn among those of the same guest.
    pub(super) async fn admitted(
        &self,
        now: Option<Timestamp>,
    ) -> Result<OwnedSemaphorePermit, EngineError> {
        self.counted(now)?;
        let turn = Arc::clone(&self.at_once).acquire_owned();
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(EngineError::Closing),
            Err(_) => Err(too_many()),
        }
    }

    fn counted(&self, now: Option<Timestamp>) -> Result<(), EngineError> {
        let Some(now) = now else {
            return Ok(());
        };
        let number = now.micros().div_euclid(60_000_000);
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.number != number {
            *minute = Minute {
                number,
                requests: 0,
            };
        }
        if minute.requests >= self.limits.requests_a_minute {
            return Err(EngineError::says(
                201,
                "QUOTA_EXCEEDED",
                format!(
                    "Quota for user `{}` for 60s has been exceeded: queries = {}",
                    self.name,
                    minute.requests + 1
                ),
            ));
        }
        minute.requests += 1;
        Ok(())
    }

    /// The settings of a request within the limits: what it asks for if that is less.
    pub(super) fn bounded(&self, settings: &mut Vec<(String, String)>) {
        let limits = [
            ("max_execution_time", u64::from(self.limits.seconds)),
            ("max_memory_usage", self.limits.memory_bytes),
            ("max_result_rows", self.limits.result_rows),
            ("max_result_bytes", self.limits.result_bytes),
        ];
        for (name, most) in limits {
            let asked = settings.iter().rev().find(|(known, _)| known == name);
            let asked = asked.and_then(|(_, value)| value.trim().parse::<u64>().ok());
            let value = asked.filter(|asked| (1..most).contains(asked));
            settings.retain(|(known, _)| known != name);
            settings.push((name.to_owned(), value.unwrap_or(most).to_string()));
        }
        if !settings.iter().any(|(known, _)| known == THREADS) {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let threads = cores.saturating_mul(THREADS_A_CORE);
            settings.push((THREADS.to_owned(), threads.to_string()));
        }
    }
}

const THREADS: &str = "max_threads";
/// A guest's question reads a whole table while the program's own ask for little, and ask often: where all cores are busy, each
/// thread has an equal share of them, and by a second one a core the guest waits half as long. He may ask for fewer.
const THREADS_A_CORE: usize = 2;

/// No room within the time that one waits.
pub(super) fn too_many() -> EngineError {
    EngineError::says(
        202,
        "TOO_MANY_SIMULTANEOUS_QUERIES",
        "Too many simultaneous queries".to_owned(),
    )
}

/// The keys of an address.
pub(super) struct Guests {
    known: Vec<(Own, Arc<Guest>)>,
}

impl Guests {
    pub(super) fn of(keys: &[StoreKey]) -> Guests {
        let known = keys.iter().map(|key| {
            let guest = Guest::new(key.name.clone(), key.role, key.expires, key.limits);
            (Own::of_strangers(key.key.trim()), Arc::new(guest))
        });
        Guests {
            known: known.collect(),
        }
    }

    /// Whose key this is, if it has not expired. Every key is compared, whether an earlier one fits or not.
    pub(super) fn with(&self, word: &[u8], now: Option<Timestamp>) -> Option<Arc<Guest>> {
        let mut found = None;
        for (own, guest) in &self.known {
            if own.is(word) {
                found = Some(guest);
            }
        }
        let alive = |guest: &&Arc<Guest>| match (guest.expires, now) {
            (None, _) => true,
            (Some(expires), Some(now)) => now < expires,
            (Some(_), None) => false,
        };
        found.filter(alive).map(Arc::clone)
    }

    /// Whether anybody may work.
    pub(super) fn work(&self) -> bool {
        self.known.iter().any(|(_, guest)| guest.role == Role::Work)
    }
}

/// How long a request waits for its turn.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, expires: Option<i64>) -> StoreKey {
        StoreKey {
            name: name.to_owned(),
            key: format!("the key of {name}").into(),
            role: Role::Ask,
            expires: expires.map(Timestamp::from_seconds),
            limits: Limits {
                requests_a_minute: 2,
                ..Limits::default()
            },
        }
    }

    #[test]
    fn a_key_names_its_guest_until_it_expires() {
        let guests = Guests::of(&[key("a", None), key("b", Some(100))]);
        let who = |word: &str, now: i64| {
            let guest = guests.with(word.as_bytes(), Some(Timestamp::from_seconds(now)));
            guest.map(|guest| guest.name.clone())
        };
        assert_eq!(who("the key of a", 200).as_deref(), Some("a"));
        assert_eq!(who("the key of b", 99).as_deref(), Some("b"));
        assert_eq!(who("the key of b", 100), None);
        assert_eq!(who("the key of c", 0), None);
        assert_eq!(who("", 0), None);
        assert!(guests.with(b"the key of b", None).is_none());
    }

    #[test]
    fn so_many_requests_a_minute_and_no_more() {
        let guests = Guests::of(&[key("a", None)]);
        let guest = guests.with(b"the key of a", None).unwrap();
        let at = |seconds| guest.counted(Some(Timestamp::from_seconds(seconds)));
        assert!(at(0).is_ok() && at(59).is_ok());
        let EngineError::Said { code, .. } = at(59).unwrap_err() else {
            panic!("not said");
        };
        assert_eq!(code, 201);
        assert!(at(60).is_ok());
    }

    #[test]
    fn a_request_lowers_its_limits_and_never_raises_them() {
        let guest = Guest::on_the_socket();
        let of = |value: &str| {
            let mut settings = vec![("max_execution_time".to_owned(), value.to_owned())];
            guest.bounded(&mut settings);
            let named = |(name, _): &&(String, String)| name == "max_execution_time";
            assert_eq!(settings.iter().filter(named).count(), 1);
            settings.into_iter().find(|one| named(&one)).unwrap().1
        };
        assert_eq!(of("5"), "5");
        for more in ["0", "-1", "61", "1e9", "99999999999999999999", "x"] {
            assert_eq!(of(more), "60", "{more}");
        }
    }

    #[test]
    fn a_guest_has_two_threads_a_core_unless_he_says_how_many() {
        let guest = Guest::on_the_socket();
        let of = |mut settings: Vec<(String, String)>| {
            guest.bounded(&mut settings);
            settings.retain(|(name, _)| name == THREADS);
            settings
        };
        let cores = std::thread::available_parallelism().unwrap().get();
        let threads = |number: usize| vec![(THREADS.to_owned(), number.to_string())];
        assert_eq!(of(Vec::new()), threads(2 * cores));
        assert_eq!(of(threads(1)), threads(1));
    }
}
