//! What could not be read, and what was passed over, each with its reason.

use super::Timestamp;
use super::columns::record;
use super::words::words;

words! {
    /// Why a frame was rejected: it should have been readable and was not.
    RejectReason {
        /// Fewer fields than the format has.
        MissingFields = "missing_fields",
        /// The time can not be read.
        BadTime = "bad_time",
        /// An address can not be read.
        BadAddress = "bad_address",
        /// A number can not be read.
        BadNumber = "bad_number",
        /// A URL can not be read.
        BadUrl = "bad_url",
        /// A word that the format does not have.
        UnknownWord = "unknown_word",
        /// The line does not have the shape of its format.
        WrongShape = "wrong_shape",
        /// The frame is longer than the bound.
        TooLong = "too_long",
        /// The file ends within a record.
        TornEnd = "torn_end",
        /// A packet's headers contradict themselves or the frame.
        Malformed = "malformed",
        /// A header goes beyond the bytes that were captured.
        Truncated = "truncated",
        /// A fragment lies over another of its packet without being the same.
        OverlappingFragment = "overlapping_fragment",
        /// Deeper nested than the bound.
        TooDeep = "too_deep",
        /// A block of the capture file can not be read.
        BadBlock = "bad_block",
        /// An exported record of which the template did not come.
        MissingTemplate = "missing_template",
        /// A register's line contradicts itself or names what is not there.
        Inconsistent = "inconsistent",
    }
}

words! {
    /// Why a frame was passed over: it is sound, but no record of ours.
    IgnoreReason {
        /// An empty line.
        Empty = "empty",
        /// A comment or a heading.
        Comment = "comment",
        /// A kind of message that the format has and that we do not keep.
        OtherMessage = "other_message",
        /// It is stored already.
        AlreadyStored = "already_stored",
        /// A file ends in it and it has no end yet: it is read once it is whole.
        Unfinished = "unfinished",
        /// Older than what retention has deleted: it does not come back.
        PastRetention = "past_retention",
        /// The filter of the capture took it out (`capture -i ... --filter`).
        Filtered = "filtered",
        /// A link type that is not decoded.
        LinkType = "link_type",
        /// A frame that carries no IP.
        NotIp = "not_ip",
        /// An IP fragment after the first, which has no ports.
        LaterFragment = "later_fragment",
    }
}

record! {
    /// One frame that was rejected.
    Reject, "rejects", "reject" {
        /// When the frame says it was, if that could be read.
        time: Option<Timestamp>, Local, Captured;
        /// Why.
        reason: RejectReason, Local, Derived;
        /// Where it begins in the decompressed source, in bytes.
        offset: u64, Local, Captured;
        /// How long it is, in bytes.
        length: u32, Local, Captured;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_explains_each_reason_and_no_other() {
        let manual = include_str!("../capture/README.md");
        let table = |head: &str| -> Vec<&str> {
            let (_, after) = manual.split_once(&format!("\n| {head} |")).unwrap();
            let rows = after
                .lines()
                .skip(2)
                .take_while(|line| line.starts_with('|'));
            rows.map(|line| line.split('`').nth(1).unwrap()).collect()
        };
        let words: Vec<&str> = RejectReason::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(table("rejected"), words);
        let words: Vec<&str> = IgnoreReason::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(table("ignored"), words);
    }
}
