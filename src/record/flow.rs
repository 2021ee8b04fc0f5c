//! A flow: what two ends said to each other, in both directions, in the terms of RFC 7011 and RFC 5103.

use std::net::IpAddr;

use super::columns::{Word, record};
use super::words::words;
use super::{AccountText, Action, Timestamp};

words! {
    /// Why a flow ended: `flowEndReason` of RFC 5102.
    EndReason {
        /// No packet for the idle time.
        Idle = "idle",
        /// It lasted longer than the active time; another flow follows.
        Active = "active",
        /// The ends said so: TCP FIN or RST.
        End = "end",
        /// The capture ended or was stopped.
        Forced = "forced",
        /// There was no room left.
        Resources = "resources",
    }
}

words! {
    /// What kind of use an application is, as rules and reports group them.
    ApplicationClass {
        /// A virtual private network.
        Vpn = "vpn",
        /// A network made to hide who speaks to whom.
        Anonymiser = "anonymiser",
        /// Names asked over an encrypted channel.
        EncryptedDns = "encrypted_dns",
        /// A proxy that is asked for other hosts.
        Proxy = "proxy",
        /// Traffic carried inside other traffic.
        Tunnel = "tunnel",
        /// File exchange between peers.
        P2p = "p2p",
        /// A far screen or shell.
        RemoteControl = "remote_control",
        /// The web.
        Web = "web",
        /// Mail.
        Mail = "mail",
        /// Names asked in clear.
        Dns = "dns",
        /// Transfer of files.
        FileTransfer = "file_transfer",
        /// Messages between people.
        Messaging = "messaging",
        /// Calls.
        VoiceVideo = "voice_video",
        /// Sound and pictures on demand.
        Streaming = "streaming",
        /// Games.
        Games = "games",
        /// Data bases.
        Database = "database",
        /// What networks need to run.
        Network = "network",
        /// Encrypted, and nothing more is known.
        UnknownEncrypted = "unknown_encrypted",
        /// Nothing is known.
        Unknown = "unknown",
    }
}

words! {
    /// On what the name of an application rests, strongest first.
    ApplicationBasis {
        /// The bytes of the protocol itself.
        Content = "content",
        /// A name seen in clear.
        Name = "name",
        /// A list of addresses.
        AddressList = "address_list",
        /// The port number alone.
        Port = "port",
    }
}

record! {
    /// One flow. `src` is the initiator.
    Flow, "flows", "flow" {
        /// Time of the first packet.
        start: Timestamp, Icr, Captured;
        /// Time of the last packet.
        end: Timestamp, Icr, Captured;
        /// The initiator's address.
        src_ip: IpAddr, Icr, Captured;
        /// The initiator's port; 0 for protocols without ports.
        src_port: u16, Icr, Captured;
        /// The responder's address.
        dst_ip: IpAddr, Icr, Captured;
        /// The responder's port; 0 for protocols without ports.
        dst_port: u16, Icr, Captured;
        /// IANA protocol number.
        protocol: u8, Icr, Captured;
        /// Packets from the initiator.
        src_packets: u64, Icr, Captured;
        /// Packets from the responder.
        dst_packets: u64, Icr, Captured;
        /// IP bytes with headers from the initiator.
        src_bytes: u64, Icr, Captured;
        /// IP bytes with headers from the responder.
        dst_bytes: u64, Icr, Captured;
        /// Bytes on the wire from the initiator, with the link header.
        src_frame_bytes: u64, Events, Captured;
        /// Bytes on the wire from the responder, with the link header.
        dst_frame_bytes: u64, Events, Captured;
        /// Bytes above the transport header from the initiator.
        src_payload_bytes: u64, Events, Captured;
        /// Bytes above the transport header from the responder.
        dst_payload_bytes: u64, Events, Captured;
        /// All TCP flags that the initiator set, together.
        src_tcp_flags: u8, Events, Captured;
        /// All TCP flags that the responder set, together.
        dst_tcp_flags: u8, Events, Captured;
        /// Why the flow ended, where that is known: not every exporter says it.
        end_reason: Option<EndReason>, Events, Derived;
        /// VLAN numbers, outer first.
        vlans: Vec<u16>, Local, Captured;
        /// Names of the tunnels around the flow, outer first.
        tunnel: Vec<&'static str>, Events, Captured;
        /// Community ID version 1, seed 0.
        community_id: String, Events, Derived;
        /// Time from SYN to the ACK that answers SYN-ACK, in microseconds.
        handshake_rtt_us: Option<u32>, Events, Derived;
        /// TCP segments that the initiator sent again.
        src_retransmits: Option<u32>, Events, Derived;
        /// TCP segments that the responder sent again.
        dst_retransmits: Option<u32>, Events, Derived;
        /// The application, in lower_snake_case.
        application: Word<'static>, Icr, Inferred;
        /// The kind of use.
        application_class: Option<ApplicationClass>, Icr, Inferred;
        /// On what the application's name rests.
        application_basis: Option<ApplicationBasis>, Local, Derived;
        /// The server's name as the client said it: TLS or QUIC server name, HTTP Host.
        server_name: Word<'static>, Icr, Captured;
        /// The protocol offered first in the TLS handshake.
        alpn: Word<'static>, Events, Captured;
        /// The TLS version agreed on, or else the highest offered, such as `1.3`.
        tls_version: &'static str, Events, Captured;
        /// JA4 fingerprint of the TLS client.
        ja4: Word<'static>, Events, Derived;
        /// Whether the TLS client sent an encrypted Client Hello (or a decoy of one).
        ech: Option<bool>, Events, Captured;
        /// The names that DNS questions in this flow asked for.
        dns_queries: Vec<Word<'static>>, Icr, Captured;
        /// HTTP method of the first request in clear.
        http_method: Word<'static>, Content, Captured;
        /// HTTP path of the first request in clear; kept only under `[capture] content = "full"`.
        http_path: String, Content, Captured;
        /// HTTP user agent of the first request in clear; kept only under `[capture] content = "full"`.
        http_user_agent: String, Content, Captured;
        /// The account, where the wire itself names one.
        account_token as "account_text": Option<AccountText>, Entity, Captured;
        /// What a firewall did with it, where a firewall's log tells of it.
        action: Option<Action>, Events, Derived;
    }
}
