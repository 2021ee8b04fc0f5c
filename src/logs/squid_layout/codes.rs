//! The codes of Squid's `logformat` (squid.conf), and what each says.

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Seconds,
    Milliseconds,
    Clock,
    Elapsed,
    ClientIp,
    ClientPort,
    ServerIp,
    ServerPort,
    Method,
    Url,
    Host,
    Code,
    Status,
    Received,
    Sent,
    User,
    Hierarchy,
    ContentType,
    UserAgent,
    Referrer,
    /// Left out, and of Squid's own making.
    Own,
    /// Left out, and of somebody else's.
    Ignored,
}

/// Codes and what they mean here. Where one begins like another, the longer one counts.
pub(super) const CODES: &[(&str, Value)] = &[
    ("ts", Value::Seconds),
    ("tu", Value::Milliseconds),
    ("tl", Value::Clock),
    ("tg", Value::Clock),
    ("tr", Value::Elapsed),
    (">a", Value::ClientIp),
    (">p", Value::ClientPort),
    ("<a", Value::ServerIp),
    ("<p", Value::ServerPort),
    ("rm", Value::Method),
    (">rm", Value::Method),
    ("ru", Value::Url),
    (">ru", Value::Url),
    (">rd", Value::Host),
    ("ssl::>sni", Value::Host),
    ("Ss", Value::Code),
    ("Hs", Value::Status),
    (">Hs", Value::Status),
    ("<st", Value::Received),
    (">st", Value::Sent),
    ("un", Value::User),
    ("ul", Value::User),
    ("ue", Value::User),
    ("us", Value::User),
    ("Sh", Value::Hierarchy),
    ("mt", Value::ContentType),
    (">h", Value::Ignored),
    (">ha", Value::Ignored),
    ("<h", Value::Ignored),
];

/// Codes whose values are left out and that Squid makes itself: no client and no server can say what stands there.
pub(super) const OWN: &[&str] = &[
    "sn",
    "err_code",
    "err_detail",
    ">eui",
    ">la",
    ">lp",
    ">qos",
    ">nfmark",
    "<la",
    "<lp",
    "<qos",
    "<nfmark",
    "la",
    "lp",
    "tS",
    "dt",
    "busy_time",
    "<Hs",
    "<bs",
    ">rP",
    "<rP",
    "rP",
    "st",
    "sh",
    ">sh",
    "<sh",
    "request_attempts",
    "master_xaction",
    "<pt",
    "<tt",
    "transport::>connection_id",
    "byte",
    "ssl::bump_mode",
    "icap::tt",
    "icap::>st",
    "icap::<st",
    "icap::<bs",
    "icap::tr",
    "icap::tio",
    "icap::to",
    "icap::Hs",
    "adapt::sum_trs",
    "adapt::all_trs",
];

/// Codes whose values are left out and that others choose.
pub(super) const OTHERS: &[&str] = &[
    "note",
    ">A",
    "<A",
    ">handshake",
    "et",
    "ea",
    "ui",
    "credentials",
    "<rm",
    "<ru",
    ">rs",
    "<rs",
    "rs",
    "<rd",
    "rd",
    "rp",
    ">rp",
    "<rp",
    "rv",
    ">rv",
    "<rv",
    "proxy_protocol::>h",
    "ssl::>cert_subject",
    "ssl::>cert_issuer",
    "ssl::<cert_subject",
    "ssl::<cert_issuer",
    "ssl::<cert_errors",
    "ssl::<cert",
    "ssl::>negotiated_version",
    "ssl::<negotiated_version",
    "ssl::>received_hello_version",
    "ssl::<received_hello_version",
    "ssl::>received_supported_version",
    "ssl::<received_supported_version",
    "ssl::>negotiated_cipher",
    "ssl::<negotiated_cipher",
    "icap::<last_h",
    "icap::<A",
    "icap::<service_name",
    "icap::ru",
    "icap::rm",
    "icap::>h",
    "icap::<h",
    "adapt::<last_h",
];

impl Value {
    /// Whether a client or a server chooses what stands there.
    pub(super) fn is_chosen(self) -> bool {
        matches!(
            self,
            Value::Method
                | Value::Url
                | Value::Host
                | Value::ContentType
                | Value::UserAgent
                | Value::Referrer
                | Value::User
                | Value::Ignored
        )
    }
}
