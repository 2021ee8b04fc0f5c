-- id: schema/0001_events
-- title: The tables of events, of what was rejected, and of sources
-- reader: every question that the program asks
-- window: all
-- why: what was read is stored before it is judged; names of people stand here as tokens only
-- What is unusual here was measured; benches/store/README.md has the figures and how to make them again.
-- A table is cut by the month of its event's time, so that retention drops whole parts.
-- Its order is the day, then the address: a question names a window of days, and what one address did lies
-- together there, which is what questions about a person read, and packs to half the size. It is toDate32
-- because that is exact for every time that the table can hold; toStartOfHour would turn over in 2106.
-- The time itself stands in the order but not in the primary key: if it did, the engine would look for
-- it there, behind the address, and read every day. by_time leaves out the granules of the day after.
-- T64 for times and numbers: addresses side by side leave no small differences for Delta to find.
-- ZSTD(1) for all: the engine's default packs tokens and words to twice its size; ZSTD(3) packs no better.
-- Tokens are String: there are more accounts than a dictionary of LowCardinality has room for, and as 16
-- bytes instead of 32 digits they would pack to 98 parts in a hundred of this size.
-- by_end: a flow counts for the window that it reaches into, and that is not in the key.
-- by_account on flows, where it is mostly empty: a question for an account or an address can only leave out
-- granules if each side of its OR has an index.
-- by_source: a check counts the rows of one source, and reads the days alone that have some.
-- The window of deduplication is what makes a repeated batch harmless; its default of 0 would not.

CREATE TABLE IF NOT EXISTS flows
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    start DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    `end` DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    src_ip IPv6 CODEC(ZSTD(1)),
    src_port UInt16 CODEC(ZSTD(1)),
    dst_ip IPv6 CODEC(ZSTD(1)),
    dst_port UInt16 CODEC(ZSTD(1)),
    protocol UInt8 CODEC(ZSTD(1)),
    src_packets UInt64 CODEC(T64, ZSTD(1)),
    dst_packets UInt64 CODEC(T64, ZSTD(1)),
    src_bytes UInt64 CODEC(T64, ZSTD(1)),
    dst_bytes UInt64 CODEC(T64, ZSTD(1)),
    src_frame_bytes UInt64 CODEC(T64, ZSTD(1)),
    dst_frame_bytes UInt64 CODEC(T64, ZSTD(1)),
    src_payload_bytes UInt64 CODEC(T64, ZSTD(1)),
    dst_payload_bytes UInt64 CODEC(T64, ZSTD(1)),
    src_tcp_flags UInt8 CODEC(ZSTD(1)),
    dst_tcp_flags UInt8 CODEC(ZSTD(1)),
    end_reason LowCardinality(String) CODEC(ZSTD(1)),
    vlans Array(UInt16) CODEC(ZSTD(1)),
    tunnel Array(LowCardinality(String)) CODEC(ZSTD(1)),
    community_id String CODEC(ZSTD(1)),
    handshake_rtt_us UInt32 CODEC(T64, ZSTD(1)),
    src_retransmits UInt32 CODEC(T64, ZSTD(1)),
    dst_retransmits UInt32 CODEC(T64, ZSTD(1)),
    application LowCardinality(String) CODEC(ZSTD(1)),
    application_class LowCardinality(String) CODEC(ZSTD(1)),
    application_basis LowCardinality(String) CODEC(ZSTD(1)),
    server_name LowCardinality(String) CODEC(ZSTD(1)),
    alpn LowCardinality(String) CODEC(ZSTD(1)),
    tls_version LowCardinality(String) CODEC(ZSTD(1)),
    ja4 LowCardinality(String) CODEC(ZSTD(1)),
    ech Bool CODEC(ZSTD(1)),
    dns_queries Array(LowCardinality(String)) CODEC(ZSTD(1)),
    http_method LowCardinality(String) CODEC(ZSTD(1)),
    http_path String CODEC(ZSTD(1)),
    http_user_agent String CODEC(ZSTD(1)),
    account_token String CODEC(ZSTD(1)),
    action LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_start start TYPE minmax GRANULARITY 1,
    INDEX by_end `end` TYPE minmax GRANULARITY 1,
    INDEX by_src_ip src_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_dst_ip dst_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_server_name server_name TYPE bloom_filter GRANULARITY 1,
    INDEX by_account account_token TYPE bloom_filter GRANULARITY 1,
    INDEX by_source source_id TYPE set(64) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(start)
PRIMARY KEY (toDate32(start), src_ip)
ORDER BY (toDate32(start), src_ip, start, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS web_hits
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    client_ip IPv6 CODEC(ZSTD(1)),
    client_port UInt16 CODEC(ZSTD(1)),
    server_ip IPv6 CODEC(ZSTD(1)),
    server_port UInt16 CODEC(ZSTD(1)),
    account_token String CODEC(ZSTD(1)),
    method LowCardinality(String) CODEC(ZSTD(1)),
    scheme LowCardinality(String) CODEC(ZSTD(1)),
    host LowCardinality(String) CODEC(ZSTD(1)),
    port UInt16 CODEC(ZSTD(1)),
    path String CODEC(ZSTD(1)),
    query String CODEC(ZSTD(1)),
    status UInt16 CODEC(ZSTD(1)),
    action LowCardinality(String) CODEC(ZSTD(1)),
    vendor_category LowCardinality(String) CODEC(ZSTD(1)),
    policy LowCardinality(String) CODEC(ZSTD(1)),
    bytes_sent UInt64 CODEC(T64, ZSTD(1)),
    bytes_received UInt64 CODEC(T64, ZSTD(1)),
    duration_ms UInt32 CODEC(T64, ZSTD(1)),
    user_agent String CODEC(ZSTD(1)),
    referrer String CODEC(ZSTD(1)),
    content_type LowCardinality(String) CODEC(ZSTD(1)),
    search_terms String CODEC(ZSTD(1)),
    categories Array(LowCardinality(String)) CODEC(ZSTD(1)),
    lists Array(LowCardinality(String)) CODEC(ZSTD(1)),
    INDEX by_time time TYPE minmax GRANULARITY 1,
    INDEX by_client_ip client_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_host host TYPE bloom_filter GRANULARITY 1,
    INDEX by_account account_token TYPE bloom_filter GRANULARITY 1,
    INDEX by_source source_id TYPE set(64) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (toDate32(time), client_ip)
ORDER BY (toDate32(time), client_ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS dns_queries
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    client_ip IPv6 CODEC(ZSTD(1)),
    client_port UInt16 CODEC(ZSTD(1)),
    server_ip IPv6 CODEC(ZSTD(1)),
    qname LowCardinality(String) CODEC(ZSTD(1)),
    qtype LowCardinality(String) CODEC(ZSTD(1)),
    rcode LowCardinality(String) CODEC(ZSTD(1)),
    answers Array(LowCardinality(String)) CODEC(ZSTD(1)),
    action LowCardinality(String) CODEC(ZSTD(1)),
    categories Array(LowCardinality(String)) CODEC(ZSTD(1)),
    lists Array(LowCardinality(String)) CODEC(ZSTD(1)),
    INDEX by_time time TYPE minmax GRANULARITY 1,
    INDEX by_client_ip client_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_qname qname TYPE bloom_filter GRANULARITY 1,
    INDEX by_source source_id TYPE set(64) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (toDate32(time), client_ip)
ORDER BY (toDate32(time), client_ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS mail_events
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    direction LowCardinality(String) CODEC(ZSTD(1)),
    client_ip IPv6 CODEC(ZSTD(1)),
    from_domain LowCardinality(String) CODEC(ZSTD(1)),
    to_domain LowCardinality(String) CODEC(ZSTD(1)),
    from_token String CODEC(ZSTD(1)),
    to_tokens Array(String) CODEC(ZSTD(1)),
    recipients UInt32 CODEC(T64, ZSTD(1)),
    size UInt64 CODEC(T64, ZSTD(1)),
    status LowCardinality(String) CODEC(ZSTD(1)),
    queue_id LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_sender from_token TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS sign_ins
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    event LowCardinality(String) CODEC(ZSTD(1)),
    account_token String CODEC(ZSTD(1)),
    ip IPv6 CODEC(ZSTD(1)),
    client_port UInt16 CODEC(ZSTD(1)),
    mac String CODEC(ZSTD(1)),
    session LowCardinality(String) CODEC(ZSTD(1)),
    nas LowCardinality(String) CODEC(ZSTD(1)),
    realm LowCardinality(String) CODEC(ZSTD(1)),
    basis LowCardinality(String) CODEC(ZSTD(1)),
    INDEX by_account account_token TYPE bloom_filter GRANULARITY 1,
    INDEX by_mac mac TYPE bloom_filter GRANULARITY 1,
    INDEX by_session session TYPE bloom_filter GRANULARITY 1,
    INDEX by_event event TYPE set(16) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (toDate32(time), ip)
ORDER BY (toDate32(time), ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS leases
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    event LowCardinality(String) CODEC(ZSTD(1)),
    ip IPv6 CODEC(ZSTD(1)),
    mac String CODEC(ZSTD(1)),
    hostname String CODEC(ZSTD(1)),
    expires DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    INDEX by_mac mac TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
PRIMARY KEY (toDate32(time), ip)
ORDER BY (toDate32(time), ip, time, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS translations
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    `from` DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    `to` DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    protocol UInt8 CODEC(ZSTD(1)),
    inside_ip IPv6 CODEC(ZSTD(1)),
    inside_port UInt16 CODEC(ZSTD(1)),
    outside_ip IPv6 CODEC(ZSTD(1)),
    outside_port_first UInt16 CODEC(ZSTD(1)),
    outside_port_last UInt16 CODEC(ZSTD(1)),
    INDEX by_inside_ip inside_ip TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(`from`)
ORDER BY (outside_ip, `from`, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS rejects
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    time DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    offset UInt64 CODEC(T64, ZSTD(1)),
    length UInt32 CODEC(T64, ZSTD(1))
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
