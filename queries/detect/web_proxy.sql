-- id: detect/web_proxy
-- title: A web page that fetches other pages
-- means: Somebody used a page that fetches other pages in its own name, so that the filter sees the page and not what was fetched.
-- reader: the provider's technicians and the establishment's network manager
-- severity: high
-- window: one local day of one subject
-- policy: acceptable use: no bypass of filtering or security
-- why: a provider must know whether its filter is gone round; requests that a list, the filter's own category or the form of the address tells to be of such a page are read
-- false alarms: a translator of pages, a page of a library or a school that fetches for its members, a list that is too wide, one look at a page that was found by chance
-- By category: of our lists (`proxy`, `web_proxy`, `anonymiser`), or the filter's own word for it. By form: the addresses of CGIProxy (nph-proxy), Glype and PHProxy, which carry another
-- address within them; only where paths are stored. What the filter refused did not take place. Translators that are known are left out.
-- Our limit: three requests within ten minutes, so that one page found by chance is none.
SELECT toString(client_ip) AS address, toString(account_token) AS account, count() AS n, toUInt64(uniqExact(host)) AS wide,
       toUnixTimestamp64Micro(min(time)) AS moment, toUnixTimestamp64Micro(max(time)) AS ended,
       groupArraySorted(20)(('web_hits', lower(hex(source_id)), frame, ordinal)) AS places
FROM web_hits
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND action NOT IN ('blocked', 'authenticate') AND host NOT IN ('translate.google.com', 'www.bing.com', 'web.archive.org') AND NOT endsWith(host, '.translate.goog')
  AND
  (
      hasAny(categories, ['proxy', 'web_proxy', 'anonymiser', 'anonymizer'])
      OR match(lower(vendor_category), 'proxy avoid|avoidance|anonymi[sz]er|web[ _-]?prox|filter avoid|proxies')
      OR match(path, '(?i)/nph-prox[a-z0-9_-]*[.](cgi|pl)(/|$)')
      OR match(path, '(?i)/(browse|index|proxy)[.]php$') AND match(query, '(?i)(^|[?&])(u|q|url)=(https?(:|%3a)|aHR0c)') AND match(query, '(?i)(^|&)(b|hl|f|flags)=[0-9a-f]+')
  )
GROUP BY client_ip, account, toStartOfTenMinutes(time)
HAVING n >= 3
ORDER BY moment, address, account, n
