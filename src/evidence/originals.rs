//! The lines behind the rows: disclosed where the class of data allows it, withheld where not, proved in both cases.

use std::collections::BTreeMap;

use super::EvidenceError;
use super::export::{Need, Needed};
use super::proof::{FrameProof, NOT_KEPT, Slice, nonce_text};
use crate::ledger::{BatchIngested, FrameNonces, FrameProofs, Ledger};
use crate::record::SourceId;
use crate::store::originals::Originals;

/// A frame as it was collected: its number, its offset in the source, its bytes with the line end.
pub type FrameBytes = (u64, u64, Vec<u8>);

/// Where originals come from.
pub trait Frames {
    /// The frames from `first` to `last` of a source.
    fn frames(
        &self,
        source: SourceId,
        first: u64,
        last: u64,
    ) -> Result<Vec<FrameBytes>, EvidenceError>;
    /// First and last frame of each batch of a source that was kept.
    fn batches(&self, source: SourceId) -> Result<Vec<(u64, u64)>, EvidenceError>;
}

impl Frames for Originals {
    fn frames(
        &self,
        source: SourceId,
        first: u64,
        last: u64,
    ) -> Result<Vec<FrameBytes>, EvidenceError> {
        let frames = self.batch(source, first, last)?;
        Ok(frames
            .into_iter()
            .map(|one| (one.frame, one.offset, one.bytes))
            .collect())
    }

    fn batches(&self, source: SourceId) -> Result<Vec<(u64, u64)>, EvidenceError> {
        Ok(Originals::batches(self, source)?)
    }
}

/// What is disclosed, and the proofs of all.
#[derive(Debug, Default)]
pub(crate) struct Disclosed {
    /// Files of original lines, by name.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// A proof for each frame.
    pub(crate) proofs: Vec<FrameProof>,
    /// Lines given out.
    pub(crate) disclosed: u64,
    /// Lines withheld, by reason.
    pub(crate) withheld: BTreeMap<&'static str, u64>,
}

/// Tables whose lines hold no content of communications: their originals go with any class of data.
pub(crate) const WITHOUT_CONTENT: [&str; 5] =
    ["sign_ins", "leases", "accounts", "devices", "networks"];

/// Fetches and proves the frames that are needed. `content` says whether lines that hold content may go out.
pub(crate) fn disclose(
    frames: &dyn Frames,
    ledger: &Ledger,
    nonces_key: &[u8; 32],
    needed: &Needed,
    content: bool,
) -> Result<Disclosed, EvidenceError> {
    let mut by_source: BTreeMap<SourceId, BTreeMap<u64, Need>> = BTreeMap::new();
    for (place, need) in needed {
        let frames = by_source.entry(place.source).or_default();
        let of_frame = frames.entry(place.frame).or_default();
        of_frame.tables.extend(&need.tables);
        of_frame.asked |= need.asked;
    }
    let mut disclosed = Disclosed::default();
    for (source, wanted) in by_source {
        let nonces = FrameNonces::new(nonces_key, source);
        let batches = ledger.batches(Some(source))?;
        let kept = frames.batches(source)?;
        let mut loaded: Option<(u64, Loaded)> = None;
        for (frame, need) in wanted {
            // A frame that was cut off at the end of a file and read again whole is in two batches: the later has it whole.
            let batch = batches
                .iter()
                .rev()
                .find(|(_, batch)| (batch.first_frame..=batch.last_frame).contains(&frame));
            let (index, batch) = batch.ok_or(EvidenceError::NoBatch { frame, of: source })?;
            if loaded.as_ref().is_none_or(|(known, _)| known != index) {
                loaded = Some((*index, load(frames, &nonces, source, batch, &kept)?));
            }
            let Some((_, loaded)) = &loaded else { continue };
            let withheld = why_withheld(&need, content);
            disclosed.add(source, *index, frame, loaded, &nonces, withheld)?;
        }
    }
    Ok(disclosed)
}

/// Why a line is not shown, or nothing if it is.
fn why_withheld(need: &Need, content: bool) -> Option<&'static str> {
    let without_content = need
        .tables
        .iter()
        .all(|table| WITHOUT_CONTENT.contains(table));
    if !need.asked {
        Some("names_another_person")
    } else if !content && !without_content {
        Some("original_holds_content")
    } else {
        None
    }
}

/// A batch with its tree; none where its originals were not kept.
type Loaded = Option<(BTreeMap<u64, Vec<u8>>, FrameProofs)>;

fn load(
    frames: &dyn Frames,
    nonces: &FrameNonces,
    source: SourceId,
    batch: &BatchIngested,
    kept: &[(u64, u64)],
) -> Result<Loaded, EvidenceError> {
    let within =
        |(first, last): &&(u64, u64)| *first == batch.first_frame && *last <= batch.last_frame;
    let Some((first, last)) = kept.iter().filter(within).max() else {
        return Ok(None);
    };
    let all = frames.frames(source, *first, *last)?;
    let proofs = FrameProofs::new(
        nonces,
        all.iter()
            .map(|(frame, _, bytes)| (*frame, bytes.as_slice())),
    );
    if proofs.root() != batch.root || proofs.frames() != batch.frames {
        return Err(EvidenceError::OriginalsDiffer {
            frame: *first,
            of: source,
        });
    }
    let lines = all
        .into_iter()
        .map(|(frame, _, bytes)| (frame, bytes))
        .collect();
    Ok(Some((lines, proofs)))
}

impl Disclosed {
    fn add(
        &mut self,
        source: SourceId,
        batch: u64,
        frame: u64,
        loaded: &Loaded,
        nonces: &FrameNonces,
        withheld: Option<&'static str>,
    ) -> Result<(), EvidenceError> {
        let mut proof = FrameProof {
            batch,
            frame,
            source: source.to_string(),
            ..FrameProof::default()
        };
        let Some((lines, tree)) = loaded else {
            self.withhold(&mut proof, NOT_KEPT);
            self.proofs.push(proof);
            return Ok(());
        };
        let line = lines.get(&frame);
        let (line, (place, path)) = line
            .zip(tree.inclusion(frame))
            .ok_or(EvidenceError::NoBatch { frame, of: source })?;
        proof.leaf = Some(nonces.leaf(frame, line));
        proof.place = place;
        proof.path = path;
        match withheld {
            Some(reason) => self.withhold(&mut proof, reason),
            None => {
                let name = format!("{source}.txt");
                let file = self.files.entry(name.clone()).or_default();
                proof.nonce = Some(nonce_text(&nonces.nonce(frame)));
                proof.original = Some(Slice {
                    file: name,
                    offset: file.len() as u64,
                    length: line.len() as u64,
                });
                file.extend_from_slice(line);
                self.disclosed += 1;
            }
        }
        self.proofs.push(proof);
        Ok(())
    }

    fn withhold(&mut self, proof: &mut FrameProof, reason: &'static str) {
        proof.withheld = Some(reason.to_owned());
        *self.withheld.entry(reason).or_default() += 1;
    }
}
