//! What is different with a server: it can be away, crowded, slow, old, somebody else, or let us only read.

use super::*;

#[test]
fn nobody_at_the_servers_address_is_said_so() {
    let settings = StoreSettings::Server(Server::at("http://127.0.0.1:9", None, None, None));
    let error = Store::open(&settings).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.is_away());
}
