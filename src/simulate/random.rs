//! Chance that is the same on every machine: SplitMix64, one stream for each thing that is decided, so that what one part of
//! the region does never shifts what another does.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The stream of this name under this seed.
    pub(super) fn of(seed: u64, name: &[u64]) -> Random {
        let mut random = Random(seed);
        for part in name {
            random.0 = random.next() ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        random
    }

    /// The next number (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From nought to one less than this.
    pub(super) fn below(&mut self, end: i64) -> i64 {
        i64::try_from(self.next() >> 1).unwrap_or(0) % end.max(1)
    }

    /// From this to one less than that.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from)
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&mut self, in_a_thousand: i64) -> bool {
        self.below(1000) < in_a_thousand
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(i64::try_from(all.len()).unwrap_or(1));
        all.get(usize::try_from(at).unwrap_or(0))
    }

    /// A waiting time with this mean, as of things that come by themselves.
    pub(super) fn wait(&mut self, mean: i64) -> i64 {
        // The logarithm of an even number, by its binary digits: the same on every machine, which `ln` need not be.
        let mut wait = 0;
        while wait < 20 && self.next() & 1 == 0 {
            wait += 1;
        }
        let part = self.below(1000);
        mean * (wait * 1000 + part) * 2 / 3000 + 1
    }
}
