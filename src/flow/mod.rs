//! Packets into flows: decode, table, expiry, applications.
