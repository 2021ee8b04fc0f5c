//! The append-only Merkle log of every act, its signed heads and proofs.
