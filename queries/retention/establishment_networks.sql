-- id: retention/establishment_networks
-- title: The networks that the register has ever given to an establishment
-- reader: legal holds on an establishment
-- window: all
-- why: rows bear addresses and no establishment; what the register said before may have been right then
SELECT DISTINCT toString(first_ip) AS first, toString(last_ip) AS last
FROM networks
WHERE establishment = {establishment:String}
ORDER BY first, last
