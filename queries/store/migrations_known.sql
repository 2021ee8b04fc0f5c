-- id: store/migrations_known
-- title: Schema files that are applied, each as it was applied last
-- reader: the program, when it opens a store
-- window: none
-- why: only what is missing or changed is applied; holds no personal data
SELECT id, argMax(digest, applied) AS digest
FROM schema_migrations
GROUP BY id
ORDER BY id
