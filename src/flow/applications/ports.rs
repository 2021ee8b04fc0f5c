//! What a protocol or port number suggests when the content told nothing: the weakest of grounds, and marked as such.

use crate::record::ApplicationBasis::{self, Content, Port};
use crate::record::ApplicationClass::{self, *};

/// A name, a class, and on what they rest.
type Suggestion = (&'static str, ApplicationClass, ApplicationBasis);

/// What the numbers suggest. The protocol number is itself content; a port is only a habit.
pub(super) fn suggests(
    protocol: u8,
    [initiator, responder]: [u16; 2],
    packets: u64,
) -> Option<Suggestion> {
    let of_protocol = match protocol {
        1 => ("icmp", Network),
        2 => ("igmp", Network),
        47 => ("gre", Network),
        // One packet, of an address that tries its luck or of a stray route, is no network of anybody's.
        50 if packets < 2 => ("esp", Network),
        50 => ("esp", Vpn),
        51 => ("ah", Vpn),
        58 => ("icmpv6", Network),
        88 => ("eigrp", Network),
        89 => ("ospf", Network),
        103 => ("pim", Network),
        112 => ("vrrp", Network),
        115 => ("l2tp", Vpn),
        _ => {
            let (name, class) =
                of_port(protocol, responder).or_else(|| of_port(protocol, initiator))?;
            return Some((name, class, Port));
        }
    };
    Some((of_protocol.0, of_protocol.1, Content))
}

/// The commonest services of the IANA registry.
fn of_port(protocol: u8, port: u16) -> Option<(&'static str, ApplicationClass)> {
    Some(match (protocol, port) {
        (6, 20) => ("ftp_data", FileTransfer),
        (6, 21) => ("ftp", FileTransfer),
        (6, 22) => ("ssh", RemoteControl),
        (6, 23) => ("telnet", RemoteControl),
        (6, 25 | 465 | 587) => ("smtp", Mail),
        (6 | 17, 53) => ("dns", Dns),
        (17, 67 | 68) => ("dhcp", Network),
        (17, 69) => ("tftp", FileTransfer),
        (6, 80 | 8080) => ("http", Web),
        (6 | 17, 88) => ("kerberos", Network),
        (6, 110 | 995) => ("pop3", Mail),
        (17, 123) => ("ntp", Network),
        (6 | 17, 135) => ("ms_rpc", Network),
        (17, 137 | 138) | (6, 139) => ("netbios", Network),
        (6, 143 | 993) => ("imap", Mail),
        (17, 161 | 162) => ("snmp", Network),
        (6 | 17, 179) => ("bgp", Network),
        (6 | 17, 389) | (6, 636 | 3268) => ("ldap", Network),
        (6, 443) => ("tls", UnknownEncrypted),
        (17, 443) => ("quic", UnknownEncrypted),
        (6, 445) => ("smb", FileTransfer),
        (17, 514) => ("syslog", Network),
        (17, 546 | 547) => ("dhcpv6", Network),
        (6, 554) => ("rtsp", Streaming),
        (17, 1812 | 1813 | 1645 | 1646) => ("radius", Network),
        (17, 1900) => ("ssdp", Network),
        (6 | 17, 2049) => ("nfs", FileTransfer),
        (6, 1433) => ("ms_sql", Database),
        (6, 1521) => ("oracle", Database),
        (6, 3306) => ("mysql", Database),
        (6, 5432) => ("postgresql", Database),
        (6, 3389) => ("rdp", RemoteControl),
        (6, 5900) => ("vnc", RemoteControl),
        (6 | 17, 5060 | 5061) => ("sip", VoiceVideo),
        (17, 5353) => ("mdns", Dns),
        (17, 5355) => ("llmnr", Dns),
        (17, 3478) => ("stun", VoiceVideo),
        _ => return None,
    })
}
