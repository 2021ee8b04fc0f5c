//! An account that the register ended before is still signed in with; the twin's register has a line that still holds beside the ended one.

use super::{Place, Script};

pub(super) static SCRIPT: Script = Script {
    rule: "leaver_active",
    place: Place::SignIn,
    has_left: true,
    is_always: true,
    ..Script::PLAIN
};
