-- id: store/columns
-- title: Tables and views of the store with their columns
-- reader: the program, when it opens a store, and the operator
-- window: none
-- why: what somebody dropped or changed is told before a row is refused for it; holds no personal data
SELECT
    table,
    name,
    type
FROM system.columns
WHERE database = {database:String}
ORDER BY table, position
