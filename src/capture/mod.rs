//! Bytes off a port or out of a file, cut into packets.
