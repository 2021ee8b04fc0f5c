//! Sessions: what a guest says once and means until it expires, and temporary tables of those who may have them.
//!
//! A session belongs to one guest under a name; nobody else comes to it, whatever name he gives. One
//! request at a time; so many sessions a guest, and the longest idle one without anything to lose makes room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::EngineError;
use super::ffi::Connection;
use crate::record::Timestamp;

/// What is kept between requests.
#[derive(Default)]
pub(super) struct Session {
    /// What was `SET`.
    pub(super) settings: BTreeMap<String, String>,
    /// What was `USE`d.
    pub(super) database: Option<String>,
    /// With temporary tables; only of a guest who may work.
    pub(super) connection: Option<Connection>,
    /// The settings of the last request on that connection: they are taken back before the next.
    pub(super) made: Vec<String>,
}

impl Session {
    fn has_nothing_to_lose(&self) -> bool {
        self.settings.is_empty() && self.database.is_none() && self.connection.is_none()
    }
}

/// Guest and name.
type Name = (String, String);

enum Slot {
    /// A request is using it.
    Taken,
    Idle {
        session: Session,
        until: Timestamp,
    },
}

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    slots: Mutex<BTreeMap<Name, Slot>>,
}

/// How a request names its session.
pub(super) struct Wanted<'a> {
    pub(super) guest: &'a str,
    pub(super) id: &'a str,
    /// How long it lives after this request, in seconds.
    pub(super) timeout: Option<&'a str>,
    /// Whether it must be there already.
    pub(super) check: bool,
}

impl Sessions {
    /// Takes a session for one request.
    pub(super) fn take(
        self: &Arc<Self>,
        wanted: &Wanted<'_>,
        now: Timestamp,
    ) -> Result<Lease, EngineError> {
        let seconds = match wanted.timeout {
            None => USUAL_TIMEOUT,
            Some(said) => match said.trim().parse::<i64>() {
                Ok(seconds) if (1..=LONGEST_TIMEOUT).contains(&seconds) => seconds,
                _ => {
                    return Err(EngineError::says(
                        374,
                        "INVALID_SESSION_TIMEOUT",
                        format!("Session timeout is a number from 1 to {LONGEST_TIMEOUT}"),
                    ));
                }
            },
        };
        let name = (wanted.guest.to_owned(), wanted.id.to_owned());
        let mut slots = self.slots();
        let expired = remove_expired(&mut slots, now);
        let session = match slots.get(&name) {
            Some(Slot::Taken) => {
                return Err(EngineError::says(
                    373,
                    "SESSION_IS_LOCKED",
                    format!("Session {} is locked by a concurrent client", wanted.id),
                ));
            }
            Some(Slot::Idle { .. }) => match slots.insert(name.clone(), Slot::Taken) {
                Some(Slot::Idle { session, .. }) => session,
                _ => Session::default(),
            },
            None if wanted.check => {
                return Err(EngineError::says(
                    372,
                    "SESSION_NOT_FOUND",
                    format!("Session {} not found", wanted.id),
                ));
            }
            None => {
                make_room(&mut slots, wanted.guest)?;
                slots.insert(name.clone(), Slot::Taken);
                Session::default()
            }
        };
        drop(slots);
        // Closing connections takes a moment: not while others wait.
        drop(expired);
        Ok(Lease {
            sessions: Arc::clone(self),
            name,
            until: now.plus_seconds(seconds),
            session,
        })
    }

    /// Ends what has expired.
    pub(super) fn tidy(&self, now: Timestamp) {
        let expired = remove_expired(&mut self.slots(), now);
        drop(expired);
    }

    /// Ends all that no request is using.
    pub(super) fn end(&self) {
        let all = std::mem::take(&mut *self.slots());
        drop(all);
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<Name, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove_expired(slots: &mut BTreeMap<Name, Slot>, now: Timestamp) -> Vec<Slot> {
    let over: Vec<Name> = slots
        .iter()
        .filter(|(_, slot)| matches!(slot, Slot::Idle { until, .. } if *until <= now))
        .map(|(name, _)| name.clone())
        .collect();
    over.iter().filter_map(|name| slots.remove(name)).collect()
}

fn make_room(slots: &mut BTreeMap<Name, Slot>, guest: &str) -> Result<(), EngineError> {
    let ours = slots.iter().filter(|((of, _), _)| of == guest);
    if ours.clone().count() < MOST {
        return Ok(());
    }
    let idlest = ours
        .filter_map(|(name, slot)| match slot {
            Slot::Idle { session, until } if session.has_nothing_to_lose() => Some((*until, name)),
            _ => None,
        })
        .min()
        .map(|(_, name)| name.clone());
    match idlest.and_then(|name| slots.remove(&name)) {
        Some(_) => Ok(()),
        None => Err(EngineError::says(
            700,
            "USER_SESSION_LIMIT_EXCEEDED",
            format!("User has {MOST} sessions, and may have no more"),
        )),
    }
}

/// A session in use; it goes back when this goes.
pub(super) struct Lease {
    sessions: Arc<Sessions>,
    name: Name,
    until: Timestamp,
    pub(super) session: Session,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let session = std::mem::take(&mut self.session);
        let until = self.until;
        let mut slots = self.sessions.slots();
        // If all were ended meanwhile, it is not put back.
        if let Some(slot) = slots.get_mut(&self.name) {
            *slot = Slot::Idle { session, until };
        }
    }
}

/// As with ClickHouse's `default_session_timeout` and `max_session_timeout`.
const USUAL_TIMEOUT: i64 = 60;
const LONGEST_TIMEOUT: i64 = 3600;
/// How many sessions a guest may have.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted<'a>(guest: &'a str, id: &'a str) -> Wanted<'a> {
        Wanted {
            guest,
            id,
            timeout: None,
            check: false,
        }
    }

    fn code(taken: Result<Lease, EngineError>) -> u32 {
        match taken {
            Err(EngineError::Said { code, .. }) => code,
            Err(_) => 1,
            Ok(_) => 0,
        }
    }

    #[test]
    fn a_session_is_one_guests_and_one_requests_at_a_time() {
        let sessions = Arc::new(Sessions::default());
        let now = Timestamp::from_seconds(1000);
        let mut first = sessions.take(&wanted("a", "s"), now).unwrap();
        first.session.database = Some("d".to_owned());
        assert_eq!(code(sessions.take(&wanted("a", "s"), now)), 373);
        let other = sessions.take(&wanted("b", "s"), now).unwrap();
        assert_eq!(other.session.database, None);
        drop(first);
        let again = sessions.take(&wanted("a", "s"), now).unwrap();
        assert_eq!(again.session.database.as_deref(), Some("d"));
        drop(again);
        let check = Wanted {
            check: true,
            ..wanted("a", "s")
        };
        assert_eq!(
            code(sessions.take(&check, Timestamp::from_seconds(1059))),
            0
        );
        assert_eq!(
            code(sessions.take(&check, Timestamp::from_seconds(1119))),
            372
        );
        let endless = Wanted {
            timeout: Some("3601"),
            ..wanted("a", "s")
        };
        assert_eq!(code(sessions.take(&endless, now)), 374);
    }

    #[test]
    fn sessions_are_bounded_and_none_with_something_to_lose_makes_room() {
        let sessions = Arc::new(Sessions::default());
        let now = Timestamp::from_seconds(1000);
        let take = |id: usize| sessions.take(&wanted("a", &id.to_string()), now);
        drop(take(0));
        for id in 1..MOST {
            take(id).unwrap().session.database = Some("d".to_owned());
        }
        drop(take(100));
        assert_eq!(sessions.slots().len(), MOST);
        take(100).unwrap().session.database = Some("d".to_owned());
        assert_eq!(code(take(101)), 700);
        sessions.tidy(Timestamp::from_seconds(1060));
        assert!(sessions.slots().is_empty());
    }
}
