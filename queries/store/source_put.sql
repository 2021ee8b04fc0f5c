-- id: store/source_put
-- title: Notes what is known of one source
-- reader: the program, after it has read from a source
-- window: none
-- why: the next reading goes on where this one ended; holds no personal data
INSERT INTO sources (source_id, kind, opened, digest, bytes, first_time, last_time, read, stored, rejected, ignored, reasons, tool_version)
SELECT
    unhex({source:String}),
    {kind:String},
    fromUnixTimestamp64Micro({opened:Int64}, 'UTC'),
    {digest:String},
    {bytes:UInt64},
    fromUnixTimestamp64Micro({first_time:Int64}, 'UTC'),
    fromUnixTimestamp64Micro({last_time:Int64}, 'UTC'),
    {read:UInt64},
    {stored:UInt64},
    {rejected:UInt64},
    {ignored:UInt64},
    mapFromArrays({reason_names:Array(String)}, {reason_counts:Array(UInt64)}),
    {tool_version:String}
