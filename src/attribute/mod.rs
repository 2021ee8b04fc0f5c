//! Who it was: intervals, claimants, verdicts.
