-- id: retention/content_sources
-- title: The sources of which only rows without content are stored
-- reader: retention, to know how long originals may stay
-- window: all
-- why: the originals of a sign-in may stay as long as the sign-in; those of a web request hold content, and go with it
SELECT lower(hex(source_id)) AS source
FROM (SELECT DISTINCT source_id FROM sign_ins UNION DISTINCT SELECT DISTINCT source_id FROM translations)
WHERE source_id NOT IN (SELECT source_id FROM web_hits)
  AND source_id NOT IN (SELECT source_id FROM flows)
  AND source_id NOT IN (SELECT source_id FROM dns_queries)
  AND source_id NOT IN (SELECT source_id FROM mail_events)
  AND source_id NOT IN (SELECT source_id FROM leases)
ORDER BY source
