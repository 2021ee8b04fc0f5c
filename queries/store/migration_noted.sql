-- id: store/migration_noted
-- title: Notes that a schema file is applied
-- reader: the program, when it opens a store
-- window: none
-- why: the next opening skips it; holds no personal data
INSERT INTO schema_migrations (id, digest, applied)
SELECT {id:String}, {digest:String}, now64(6, 'UTC')
