-- id: store/schema_migrations
-- title: The table of applied schema files
-- reader: the program, when it opens a store
-- window: none
-- why: each schema file is applied once; holds no personal data
CREATE TABLE IF NOT EXISTS schema_migrations
(
    id String,
    digest String,
    applied DateTime64(6, 'UTC')
)
ENGINE = MergeTree
ORDER BY (id, applied)
SETTINGS non_replicated_deduplication_window = 10000 /* storage */
