//! Every file under `queries/`, by id: the schema, the views, and the questions that the program asks.
//!
//! A new question is one file and its line here; whoever asks it takes the [`Sql`] from [`query`] or
//! embeds the same file.

use super::sql::Sql;

macro_rules! files {
    ($($id:literal,)*) => {
        &[$( Sql::embedded($id, include_str!(concat!("../../queries/", $id, ".sql"))), )*]
    };
}

/// The numbered files of the schema, in order.
pub(super) const SCHEMA: &[Sql] = files! {
    "schema/0001_events",
    "schema/0002_registers",
    "schema/0003_findings",
};

/// The views, in the order in which they build on each other.
pub(super) const VIEWS: &[Sql] = files! {
    "views/v_establishments",
    "views/v_networks",
    "views/v_network_ranges",
    "views/v_links",
    "views/v_accounts",
    "views/v_devices",
    "views/v_web_hits",
    "views/v_flows",
};

/// Questions that can be asked by name.
pub const QUERIES: &[Sql] = files! {
    "store/tables",
    "store/sources",
    "store/rejects",
    "register/establishments",
    "register/networks",
    "register/links",
    "register/accounts",
    "register/devices",
};

/// What the store is compared with the ledger by, and mended with; never asked by name.
pub(super) const CHECKS: &[Sql] = files! {
    "store/check_rows",
    "store/check_register",
    "store/check_batch",
    "store/check_sources",
    "store/mend_rows",
    "store/mend_source",
};

/// The statement of the check with this id.
pub fn check(id: &str) -> Option<Sql> {
    CHECKS.iter().copied().find(|sql| sql.id() == id)
}

/// The question with this id.
pub fn query(id: &str) -> Option<Sql> {
    QUERIES.iter().copied().find(|sql| sql.id() == id)
}
