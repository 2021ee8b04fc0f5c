-- id: schema/0002_registers
-- title: The registers: establishments, networks, links, accounts, devices
-- reader: attribution and reports
-- window: all
-- why: an address is worth nothing without knowing whose it was; names of people stand here as tokens only
-- What a register says now is asked of the views v_establishments and so on: of one thing, the lines of
-- the newest import that names it. A line replaces only itself, imported again: two lines of one file that
-- contradict each other (two owners of one card) must both stand, so that nobody is named for either.

CREATE TABLE IF NOT EXISTS establishments
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    establishment String,
    name String,
    kind String,
    urn String,
    valid_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    valid_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (establishment, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS networks
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    first_ip IPv6,
    last_ip IPv6,
    bits UInt8,
    establishment String,
    segment String,
    valid_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    valid_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (first_ip, bits, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS links
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    link String,
    establishment String,
    down_bits_per_second UInt64,
    up_bits_per_second UInt64,
    valid_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    valid_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (link, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS accounts
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    account_token String CODEC(ZSTD(1)),
    establishment String,
    role String,
    year_group String,
    valid_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    valid_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (account_token, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;

CREATE TABLE IF NOT EXISTS devices
(
    source_id FixedString(16) CODEC(ZSTD(1)),
    frame UInt64 CODEC(T64, ZSTD(1)),
    ordinal UInt32 CODEC(ZSTD(1)),
    mac String,
    owner_token String CODEC(ZSTD(1)),
    shared Bool,
    establishment String,
    description String,
    valid_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    valid_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (mac, source_id, frame, ordinal)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;
