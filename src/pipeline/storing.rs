//! The thread that stores: a source's batches come to it one after the other, and it brings them on their lane.

use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::PipelineError;
use super::deposit::{Deposit, OpenSource, Prepared};
use super::lane::Lane;

/// How many batches may wait for the thread that stores.
pub(super) const WAITING: usize = 2;

/// Makes batches beside the thread that stores them. Gives what was made, and the lane when all are on it.
///
/// A source with a name is opened with its first batch; of a file without a whole line there is nothing to enter.
pub(super) fn beside_storing<'d, T>(
    deposit: &'d Deposit<'d>,
    source: &OpenSource,
    name: Option<&str>,
    make: impl FnOnce(&Sender<Prepared>) -> Result<T, PipelineError>,
) -> Result<(T, Lane<'d>), PipelineError> {
    let (to_store, batches) = bounded::<Prepared>(WAITING);
    std::thread::scope(|threads| {
        let storer = threads.spawn(move || deposit_all(deposit, source, name, &batches));
        let made = make(&to_store);
        // The channel is closed first, so that the other thread waits for nobody who has stopped.
        drop(to_store);
        let lane = storer
            .join()
            .map_err(|_| PipelineError::Stopped("storing"))??;
        Ok((made?, lane))
    })
}

fn deposit_all<'d>(
    deposit: &'d Deposit<'d>,
    source: &OpenSource,
    mut name: Option<&str>,
    batches: &Receiver<Prepared>,
) -> Result<Lane<'d>, PipelineError> {
    let mut lane = deposit.lane(source)?;
    loop {
        // What is written down is stored while the next batch is packed, if that is about to come; else at once.
        let patience = if lane.is_ready() {
            A_MOMENT
        } else {
            BETWEEN_RETRIES
        };
        match batches.recv_timeout(patience) {
            Ok(batch) => {
                if let Some(name) = name.take() {
                    deposit.open(source, name)?;
                }
                lane.batch(batch)?;
            }
            Err(RecvTimeoutError::Timeout) => lane.retry()?,
            Err(RecvTimeoutError::Disconnected) => return Ok(lane),
        }
    }
}

/// How often a quiet source looks whether a store that was away is back.
const BETWEEN_RETRIES: Duration = Duration::from_secs(1);

/// How long a batch that is written down waits for another in whose company it is stored.
const A_MOMENT: Duration = Duration::from_millis(5);
