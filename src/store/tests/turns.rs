//! Who goes before whom: what somebody waits for before the long work that nobody waits for.

use std::sync::atomic::{AtomicBool, Ordering};

use super::guests::Served;
use super::*;
use crate::store::scratch::Scratch;

const PRIORITY: Sql = Sql::embedded("test/priority", "SELECT getSetting('priority')");

const THREADS: Sql = Sql::embedded("test/threads", "SELECT getSetting('max_threads')");

#[test]
fn long_work_says_that_it_steps_back_and_no_guest_can_step_before_others() {
    let Some(served) = Served::start() else {
        return;
    };
    let store = served.serving.store();
    let priority = |store: &Store| store.bytes(PRIORITY, &Params::new(), "TSV").unwrap();
    assert_eq!(priority(store), b"1\n");
    assert_eq!(priority(&store.in_background()), b"2\n");
    for one in [
        store.in_background(),
        store.looking_up(),
        store.in_background().looking_up(),
    ] {
        let threads = one.bytes(THREADS, &Params::new(), "TSV");
        assert_eq!(threads.unwrap(), b"1\n");
    }
    assert_eq!(priority(&store.looking_up()), b"1\n");
    assert_eq!(priority(&store.in_background().looking_up()), b"2\n");
    for sql in [
        "SELECT 1 SETTINGS priority = 0",
        "SELECT 1 SETTINGS low_priority_query_wait_time_ms = 100000",
    ] {
        assert_ne!(served.ask("ask", sql).code(), 0, "{sql}");
    }
    assert_ne!(served.said("ask", "", "priority=0", b"SELECT 1").code(), 0);
}

#[test]
fn what_steps_back_is_held_back_and_never_stopped() {
    const LONG: Sql = Sql::embedded("test/long", "SELECT sum(number) FROM numbers(2000000)");
    const SHORT: Sql = Sql::embedded("test/short", "SELECT sum(number) FROM numbers(1000000)");
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    scratch.store.bytes(SHORT, &Params::new(), "TSV").unwrap();
                }
            });
        }
        let behind = scratch.store.in_background();
        let answer = behind.bytes(LONG, &Params::new(), "TSV");
        over.store(true, Ordering::Relaxed);
        assert_eq!(answer.unwrap(), b"1999999000000\n");
    });
}

/// Asks once more, also as long work, while the first answer still comes.
struct AsksOnceMore {
    behind: Store,
    answer: Option<Vec<u8>>,
}

impl std::io::Write for AsksOnceMore {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.answer.is_none() {
            let asked = self.behind.bytes(PRIORITY, &Params::new(), "TSV");
            self.answer = Some(asked.map_err(std::io::Error::other)?);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn long_work_that_asks_while_it_is_answered_does_not_wait_for_itself() {
    const MUCH: Sql = Sql::embedded("test/much", "SELECT number FROM numbers(10000000)");
    let Some(scratch) = Scratch::open() else {
        return;
    };
    let behind = scratch.store.in_background();
    let mut asks = AsksOnceMore {
        behind: behind.clone(),
        answer: None,
    };
    behind
        .stream(MUCH, &Params::new(), "TSV", &mut asks)
        .unwrap();
    assert_eq!(asks.answer.unwrap(), b"2\n");
}
