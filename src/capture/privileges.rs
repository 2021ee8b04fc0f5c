//! What may open a device is given up once it is open: an engine and parsers of strangers' bytes need none of it.
//!
//! The calls hold for the thread that makes them, and for threads that it starts later: so they are made while there is
//! one thread only, before there are a store and its engine, and it is looked that this is so.

use std::fs;
use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use rustix::{process::Gid, process::Uid, process::geteuid};

/// A user of this system that the program goes on as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    user: u32,
    group: u32,
}

/// Privileges can not be given up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("there is no user {0:?} in /etc/passwd")]
    NoSuchUser(String),
    /// The list of users can not be read.
    #[error("cannot read /etc/passwd")]
    Users(#[source] io::Error),
    /// Too late: other threads would keep them.
    #[error(
        "cannot give up privileges: {0} threads are at work already, and this is a fault of the program"
    )]
    Threads(usize),
    /// The system refused.
    #[error("cannot give up privileges")]
    Refused(#[source] io::Error),
    /// They are still there.
    #[error("privileges were given up and came back: this is a fault of the program")]
    CameBack,
}

impl User {
    /// The user of this name, or of this number.
    pub fn named(name: &str) -> Result<User, PrivilegeError> {
        let users = fs::read_to_string("/etc/passwd").map_err(PrivilegeError::Users)?;
        user_in(&users, name).ok_or_else(|| PrivilegeError::NoSuchUser(name.to_owned()))
    }
}

/// Goes on as this user, without any capability. Without a user root stays what it is, but for what it could do beside
/// reading and writing files; anybody else gives up all capabilities.
pub fn give_up(user: Option<User>) -> Result<(), PrivilegeError> {
    let threads = fs::read_dir("/proc/self/task").map_err(PrivilegeError::Refused)?;
    match threads.count() {
        1 => {}
        several => return Err(PrivilegeError::Threads(several)),
    }
    let is_root = geteuid().is_root();
    if let (Some(user), true) = (user, is_root) {
        become_user(user).map_err(|error| PrivilegeError::Refused(error.into()))?;
    }
    let kept = match (user, is_root) {
        // The files of a person who calls the program through sudo are hers.
        (None, true) => {
            CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH | CapabilitySet::FOWNER
        }
        _ => CapabilitySet::empty(),
    };
    keep_only(kept).map_err(|error| PrivilegeError::Refused(error.into()))?;
    let may_return =
        user.is_some() && is_root && set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok();
    if may_return {
        return Err(PrivilegeError::CameBack);
    }
    Ok(())
}

fn become_user(user: User) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.user), Gid::from_raw(user.group));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

fn keep_only(kept: CapabilitySet) -> rustix::io::Result<()> {
    set_no_new_privs(true)?;
    // Kernels before 4.3 have no such set, so there is nothing to clear.
    let _there_may_be_none = clear_ambient_capability_set();
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )
}

/// A user's line is `name:password:number:group:...` (passwd(5)). A number needs no line.
fn user_in(users: &str, name: &str) -> Option<User> {
    let mut lines = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&name) || fields.get(2) == Some(&name));
    let Some(fields) = found else {
        let number = name.parse().ok()?;
        return Some(User {
            user: number,
            group: number,
        });
    };
    Some(User {
        user: fields.get(2)?.parse().ok()?,
        group: fields.get(3)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\ninvigil:x:997:996::/nowhere:/bin/false\n";

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let invigil = Some(User {
            user: 997,
            group: 996,
        });
        assert_eq!(user_in(USERS, "invigil"), invigil);
        assert_eq!(user_in(USERS, "997"), invigil);
        assert_eq!(user_in(USERS, "65534").unwrap().group, 65_534);
        assert_eq!(user_in(USERS, "nobody-of-that-name"), None);
        assert_eq!(user_in("", ""), None);
    }

    #[test]
    fn privileges_are_not_given_up_by_halves() {
        // The runner of tests has several threads: one of them must not lose what the others keep.
        let waiting = std::sync::Barrier::new(2);
        std::thread::scope(|threads| {
            threads.spawn(|| waiting.wait());
            assert!(matches!(give_up(None), Err(PrivilegeError::Threads(2..))));
            waiting.wait();
        });
    }
}
