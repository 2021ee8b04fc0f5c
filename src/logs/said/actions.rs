//! The words that products have for what they did with a request or a connection, and the names of protocols.

use crate::logs::fields::number;
use crate::record::Action;

/// What a word says was done; `None` for a word that says nothing of it.
pub(in crate::logs) fn action_of(word: &[u8]) -> Option<Action> {
    let word = word.trim_ascii();
    let known = WORDS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|(_, action)| *action)
}

/// The number of a protocol by its name or by itself, also in `tcp/https` and `tcp(6)`.
pub(in crate::logs) fn protocol_of(word: &[u8]) -> Option<u8> {
    let end = word
        .iter()
        .position(|byte| matches!(byte, b'/' | b'(' | b' ' | b':'))
        .unwrap_or(word.len());
    let word = word.get(..end)?;
    if let Some(number) = number(word) {
        return u8::try_from(number).ok();
    }
    let known = PROTOCOLS
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    known.map(|(_, number)| *number)
}

/// Words for what was done, as the makers' manuals list them.
static WORDS: &[(&str, Action)] = &[
    ("allow", Action::Allowed),
    ("allowed", Action::Allowed),
    ("accept", Action::Allowed),
    ("accepted", Action::Allowed),
    ("pass", Action::Allowed),
    ("passed", Action::Allowed),
    ("passthrough", Action::Allowed),
    ("permit", Action::Allowed),
    ("permitted", Action::Allowed),
    ("permit-all", Action::Allowed),
    ("proceed", Action::Allowed),
    ("continue", Action::Overridden),
    ("ok", Action::Allowed),
    ("alert", Action::Allowed),
    ("monitor", Action::Allowed),
    ("monitored", Action::Allowed),
    ("detect", Action::Allowed),
    ("detected", Action::Allowed),
    ("observed", Action::Allowed),
    ("log-only", Action::Allowed),
    ("close", Action::Allowed),
    ("forward", Action::Allowed),
    ("forwarded", Action::Allowed),
    ("exempt", Action::Allowed),
    ("trust", Action::Allowed),
    ("fastpath", Action::Allowed),
    ("bypass", Action::Allowed),
    ("decrypt", Action::Allowed),
    ("server-rst", Action::Allowed),
    ("client-rst", Action::Allowed),
    ("timeout", Action::Allowed),
    ("start", Action::Allowed),
    ("block", Action::Blocked),
    ("blocked", Action::Blocked),
    ("deny", Action::Blocked),
    ("denied", Action::Blocked),
    ("drop", Action::Blocked),
    ("dropped", Action::Blocked),
    ("discard", Action::Blocked),
    ("reject", Action::Blocked),
    ("rejected", Action::Blocked),
    ("reset", Action::Blocked),
    ("reset-both", Action::Blocked),
    ("reset-client", Action::Blocked),
    ("reset-server", Action::Blocked),
    ("reset_client", Action::Blocked),
    ("reset_server", Action::Blocked),
    ("dropped-icmp", Action::Blocked),
    ("drop-icmp", Action::Blocked),
    ("drop-packet", Action::Blocked),
    ("drop-all-packets", Action::Blocked),
    ("block-url", Action::Blocked),
    ("block-ip", Action::Blocked),
    ("sinkhole", Action::Blocked),
    ("prevent", Action::Blocked),
    ("prevented", Action::Blocked),
    ("quarantine", Action::Blocked),
    ("quarantined", Action::Blocked),
    ("terminate", Action::Blocked),
    ("terminated", Action::Blocked),
    ("refused", Action::Blocked),
    ("redirect", Action::Blocked),
    ("violation", Action::Blocked),
    ("block-continue", Action::Warned),
    ("block-override", Action::Warned),
    ("warn", Action::Warned),
    ("warned", Action::Warned),
    ("warning", Action::Warned),
    ("caution", Action::Warned),
    ("coach", Action::Warned),
    ("confirm", Action::Warned),
    ("useralert", Action::Warned),
    ("override", Action::Overridden),
    ("overridden", Action::Overridden),
    ("authenticate", Action::Authenticate),
    ("auth", Action::Authenticate),
    ("auth-required", Action::Authenticate),
];

/// Names of protocols with their IANA numbers.
static PROTOCOLS: &[(&str, u8)] = &[
    ("tcp", 6),
    ("udp", 17),
    ("icmp", 1),
    ("icmpv6", 58),
    ("icmp6", 58),
    ("ipv6-icmp", 58),
    ("icmp-v6", 58),
    ("igmp", 2),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("sctp", 132),
    ("ospf", 89),
    ("ospfigp", 89),
    ("pim", 103),
    ("vrrp", 112),
    ("carp", 112),
    ("eigrp", 88),
    ("ipip", 4),
    ("ipv6", 41),
    ("udplite", 136),
    ("hopopt", 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_known_without_case_and_protocols_by_name_or_number() {
        assert_eq!(action_of(b"Denied"), Some(Action::Blocked));
        assert_eq!(action_of(b"ALLOWED"), Some(Action::Allowed));
        assert_eq!(action_of(b"perhaps"), None);
        assert_eq!(protocol_of(b"TCP"), Some(6));
        assert_eq!(protocol_of(b"udp/dns"), Some(17));
        assert_eq!(protocol_of(b"47"), Some(47));
        assert_eq!(protocol_of(b"HTTPS"), None);
        for (at, (word, _)) in WORDS.iter().enumerate() {
            assert!(
                WORDS.iter().skip(at + 1).all(|(other, _)| other != word),
                "{word}"
            );
        }
    }
}
