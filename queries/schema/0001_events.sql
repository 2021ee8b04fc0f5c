-- id: schema/0001_events
-- title: The tables of events, of what was rejected, and of sources
-- reader: every question that the program asks
-- window: all
-- why: what was read is stored before it is judged; names of people stand here as tokens only
-- A table is cut by the month of its event's time, so that retention drops whole parts.
-- The window of deduplication is what makes a repeated batch harmless; its default of 0 would not.
-- Questions name a window, so time comes first in the order; single addresses and names have indexes.

CREATE TABLE IF NOT EXISTS flows
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    start DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `end` DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    src_ip IPv6,
    src_port UInt16,
    dst_ip IPv6,
    dst_port UInt16,
    protocol UInt8,
    src_packets UInt64,
    dst_packets UInt64,
    src_bytes UInt64,
    dst_bytes UInt64,
    src_frame_bytes UInt64,
    dst_frame_bytes UInt64,
    src_payload_bytes UInt64,
    dst_payload_bytes UInt64,
    src_tcp_flags UInt8,
    dst_tcp_flags UInt8,
    end_reason LowCardinality(String),
    vlans Array(UInt16),
    tunnel Array(LowCardinality(String)),
    community_id String CODEC(ZSTD(1)),
    handshake_rtt_us UInt32,
    src_retransmits UInt32,
    dst_retransmits UInt32,
    application LowCardinality(String),
    application_class LowCardinality(String),
    application_basis LowCardinality(String),
    server_name LowCardinality(String),
    alpn LowCardinality(String),
    tls_version LowCardinality(String),
    ja4 LowCardinality(String),
    ech Bool,
    dns_queries Array(LowCardinality(String)),
    http_method LowCardinality(String),
    http_path String CODEC(ZSTD(3)),
    http_user_agent String CODEC(ZSTD(3)),
    account_token LowCardinality(String),
    action LowCardinality(String),
    INDEX by_src_ip src_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_server_name server_name TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(start)
ORDER BY (start, src_ip, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS web_hits
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    client_ip IPv6,
    client_port UInt16,
    server_ip IPv6,
    server_port UInt16,
    account_token LowCardinality(String),
    method LowCardinality(String),
    scheme LowCardinality(String),
    host LowCardinality(String),
    port UInt16,
    path String CODEC(ZSTD(3)),
    query String CODEC(ZSTD(3)),
    status UInt16,
    action LowCardinality(String),
    vendor_category LowCardinality(String),
    policy LowCardinality(String),
    bytes_sent UInt64,
    bytes_received UInt64,
    duration_ms UInt32,
    user_agent String CODEC(ZSTD(3)),
    referrer String CODEC(ZSTD(3)),
    content_type LowCardinality(String),
    search_terms String CODEC(ZSTD(3)),
    categories Array(LowCardinality(String)),
    lists Array(LowCardinality(String)),
    INDEX by_client_ip client_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_host host TYPE bloom_filter GRANULARITY 1,
    INDEX by_account account_token TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, client_ip, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS dns_queries
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    client_ip IPv6,
    client_port UInt16,
    server_ip IPv6,
    qname LowCardinality(String),
    qtype LowCardinality(String),
    rcode LowCardinality(String),
    answers Array(LowCardinality(String)),
    action LowCardinality(String),
    categories Array(LowCardinality(String)),
    lists Array(LowCardinality(String)),
    INDEX by_client_ip client_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_qname qname TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, client_ip, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS mail_events
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    direction LowCardinality(String),
    client_ip IPv6,
    from_domain LowCardinality(String),
    to_domain LowCardinality(String),
    from_token LowCardinality(String),
    to_tokens Array(String),
    recipients UInt32,
    size UInt64,
    status LowCardinality(String),
    queue_id LowCardinality(String),
    INDEX by_sender from_token TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS sign_ins
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    event LowCardinality(String),
    account_token LowCardinality(String),
    ip IPv6,
    mac String,
    session LowCardinality(String),
    nas LowCardinality(String),
    realm LowCardinality(String),
    basis LowCardinality(String),
    INDEX by_account account_token TYPE bloom_filter GRANULARITY 1,
    INDEX by_mac mac TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS leases
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    event LowCardinality(String),
    ip IPv6,
    mac String,
    hostname String,
    expires DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    INDEX by_mac mac TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS translations
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    `from` DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    `to` DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    protocol UInt8,
    inside_ip IPv6,
    inside_port UInt16,
    outside_ip IPv6,
    outside_port_first UInt16,
    outside_port_last UInt16,
    INDEX by_inside_ip inside_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(`from`)
ORDER BY (outside_ip, `from`, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS rejects
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(Delta(8), ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(Delta(8), ZSTD(1)),
    reason LowCardinality(String),
    offset UInt64,
    length UInt32
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS sources
(
    source_id FixedString(16),
    kind LowCardinality(String),
    format LowCardinality(String),
    opened DateTime64(6, 'UTC'),
    digest String,
    bytes UInt64,
    first_time DateTime64(6, 'UTC'),
    last_time DateTime64(6, 'UTC'),
    read UInt64,
    stored UInt64,
    rejected UInt64,
    ignored UInt64,
    reasons Map(LowCardinality(String), UInt64),
    tool_version LowCardinality(String)
)
ENGINE = ReplacingMergeTree
ORDER BY source_id
SETTINGS index_granularity = 1024 /* storage */;
