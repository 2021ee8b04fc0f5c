-- id: evidence/places_clear
-- title: Takes the places of one export away again
-- reader: evidence export
-- window: none
-- why: a selection is of no use after its export
ALTER TABLE evidence_places DELETE WHERE export = {export:String} SETTINGS mutations_sync = 1
