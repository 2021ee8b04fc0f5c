-- id: schema/0003_findings
-- title: The table of findings
-- reader: audits, reports, casework
-- window: all
-- why: what was found is kept with what it rests on; a finding found again replaces itself

CREATE TABLE IF NOT EXISTS findings
(
    finding_id String,
    rule LowCardinality(String),
    severity LowCardinality(String),
    establishment LowCardinality(String),
    verdict LowCardinality(String),
    basis LowCardinality(String),
    subject_token LowCardinality(String),
    window_from DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    window_to DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    count UInt64,
    score UInt32,
    summary String CODEC(ZSTD(3)),
    explanation String CODEC(ZSTD(3)),
    innocent_checks Array(String),
    evidence Array(String),
    first_seen DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY finding_id
SETTINGS non_replicated_deduplication_window = 10000 /* storage */;
