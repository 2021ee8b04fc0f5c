-- id: evidence/places_make
-- title: Where the places of chosen rows lie while their records are written
-- reader: evidence export
-- window: none
-- why: a selection is judged row by row in the program; the store then writes exactly those rows and no others
CREATE TABLE IF NOT EXISTS evidence_places
(
    source_id FixedString(16),
    frame UInt64,
    ordinal UInt32,
    export String
)
ENGINE = Memory
