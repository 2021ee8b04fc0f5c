//! Several rings on one device, among which the kernel shares the frames out by flow: what libpcap has no word for.
//!
//! This is the one file of the stage in which `unsafe` may stand: two calls of the C library on a descriptor that is open.

#![allow(
    unsafe_code,
    reason = "setsockopt and getsockopt of PACKET_FANOUT have no safe wrapper in a kept crate"
)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A group of rings, by the number that the kernel gave it, and how it shares frames out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(libc::c_int);

/// Puts a packet socket into a group, or into a new one. The kernel chooses the number of a new one, so that no other
/// program's group is met by chance. Frames go by the symmetric hash of their flow: both directions to one ring.
pub(super) fn join(socket: BorrowedFd<'_>, group: Option<Group>) -> io::Result<Group> {
    if let Some(group) = group {
        set(socket, group.0)?;
        return Ok(group);
    }
    set(socket, BY_FLOW | NEW_NUMBER)?;
    // What comes back is the number in the lower half and the way of sharing in the upper, as others need it to join.
    Ok(Group(get(socket)? & !NEW_NUMBER))
}

fn set(socket: BorrowedFd<'_>, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is borrowed and so open for the length of the call; the pointer is to a live `c_int`, and
    // the length given is that of a `c_int`. The kernel reads it and keeps no pointer.
    let answer = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_FANOUT,
            (&raw const value).cast(),
            SIZE,
        )
    };
    match answer {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn get(socket: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let (mut value, mut size): (libc::c_int, _) = (0, SIZE);
    // SAFETY: as above; the kernel writes at most `size` bytes, which is the size of `value`, and their number to `size`.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_FANOUT,
            (&raw mut value).cast(),
            &raw mut size,
        )
    };
    match answer {
        0 => Ok(value),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The size of an option's value, as the C library wants it.
const SIZE: libc::socklen_t = 4;
const _: () = assert!(size_of::<libc::c_int>() == SIZE as usize);

/// PACKET_FANOUT_HASH, in the upper half of the option's value (packet(7)).
const BY_FLOW: libc::c_int = 0;
/// PACKET_FANOUT_FLAG_UNIQUEID, in the upper half too.
const NEW_NUMBER: libc::c_int = 0x2000 << 16;

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    #[test]
    fn a_socket_that_reads_no_packets_joins_no_group() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(super::join(socket.as_fd(), None).is_err());
    }
}
