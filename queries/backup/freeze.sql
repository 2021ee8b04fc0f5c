-- id: backup/freeze
-- title: Freezes a table: its parts of this moment, as links, under the folder of frozen parts
-- reader: store backup
-- window: all
-- why: what is copied is of one moment, and nobody waits for the copying; the files stay encrypted as they are
ALTER TABLE {table:Identifier} FREEZE WITH NAME 'invigil_backup'
