-- id: store/server
-- title: What answers, and whether its answers have the shape that the program reads
-- reader: the program, when it opens a store on a server
-- window: none
-- why: a server that is too old, or a user's profile that changes answers, is told at once and not by a wrong figure; holds no personal data
SELECT
    version() AS version,
    toUInt8(getSetting('output_format_json_quote_64bit_integers')) AS quotes,
    timezone() AS zone
