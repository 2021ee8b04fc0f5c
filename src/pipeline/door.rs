//! The way to a store that may be away when the work begins, or go while it lasts.

use std::sync::{Mutex, PoisonError};

#[cfg(test)]
use crate::store::Server;
use crate::store::{Store, StoreError, StoreSettings};

/// A store, or where it is to be found once it is there.
#[derive(Debug)]
pub struct Door {
    settings: StoreSettings,
    store: Mutex<Option<Store>>,
}

impl Door {
    /// Opens the store. One that may be waited for is asked again later; any other that can not be had is an error.
    pub fn open(settings: StoreSettings) -> Result<Door, StoreError> {
        let store = match Store::open(&settings) {
            Ok(store) => Some(store),
            Err(error) if error.may_be_waited_for() => None,
            Err(error) => return Err(error),
        };
        Ok(Door {
            settings,
            store: Mutex::new(store),
        })
    }

    /// To a store that is open.
    #[cfg(test)]
    pub(super) fn of(store: Store) -> Door {
        Door {
            settings: StoreSettings::Server(Server::at("http://127.0.0.1:1", None, None, None)),
            store: Mutex::new(Some(store)),
        }
    }

    /// Whether what the store says is a reason to wait: once it has been open, whatever keeps it from taking rows is;
    /// until then it may be another than was meant.
    pub fn may_be_waited_for(&self, error: &StoreError) -> bool {
        match self.is_closed() {
            true => error.may_be_waited_for(),
            false => error.is_away(),
        }
    }

    /// Whether the store has not answered yet.
    pub fn is_closed(&self) -> bool {
        self.store
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
    }

    /// The store, which is opened now if it was away.
    pub fn store(&self) -> Result<Store, StoreError> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*store {
            return Ok(store.clone());
        }
        let opened = Store::open(&self.settings)?;
        *store = Some(opened.clone());
        Ok(opened)
    }
}
