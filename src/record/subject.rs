//! The words in which the program says who it was and how it knows.

use super::words::words;

words! {
    /// On what an attribution rests, strongest first (design of attribution: `ARCHITECTURE.md`).
    Basis {
        /// The event itself carries the name: proxy authentication.
        Event = "event",
        /// RADIUS accounting tied the account to the address.
        Radius = "radius",
        /// A directory sign-in did.
        Directory = "directory",
        /// Kerberos seen on the wire did.
        Kerberos = "kerberos",
        /// A lease to a device with one registered owner.
        Lease = "lease",
        /// A line of a register alone.
        Register = "register",
    }
}

words! {
    /// What the program can say of who it was.
    Verdict {
        /// One account, with no rival within the clocks' uncertainty.
        Attributed = "attributed",
        /// More than one account could have been it.
        Disputed = "disputed",
        /// A device or account that is known to serve several people.
        Shared = "shared",
        /// It can not be said.
        NotAttributable = "not_attributable",
    }
}
