-- id: report/categories
-- title: Categories that were refused or met
-- reader: designated safeguarding leads and heads, in the weekly report
-- window: the report's
-- why: filtering and monitoring standards ask for regular review; counts only, nobody is named
SELECT toString(arrayJoin(if(notEmpty(categories), categories, [if(vendor_category != '', vendor_category, 'no category named')]))) AS category,
       if(notEmpty(categories), 'our lists', 'the filter') AS named_by,
       countIf(action = 'blocked') AS refused, countIf(action != 'blocked') AS let_through, uniqExact(client_ip) AS addresses
FROM v_web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND ({establishment:String} = '' OR establishment = {establishment:String})
  AND (action = 'blocked' OR notEmpty(categories))
GROUP BY category, named_by
ORDER BY refused DESC, let_through DESC, category, named_by
LIMIT 20
