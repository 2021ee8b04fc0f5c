-- id: store/views
-- title: Views of the store as the engine has them
-- reader: the operator
-- window: none
-- why: a view that somebody changed by hand gives other answers under the same name; holds no personal data
SELECT
    name,
    as_select AS text
FROM system.tables
WHERE database = {database:String} AND engine = 'View'
ORDER BY name
