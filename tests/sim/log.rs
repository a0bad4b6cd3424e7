//! What happened in one seed, for whoever has to understand it.

use std::cell::RefCell;

thread_local! {
    static LOG: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    static TIME: RefCell<u64> = const { RefCell::new(0) };
}

/// Begins to keep what happens on this thread, or stops.
pub(crate) fn keep(keep: bool) {
    LOG.with_borrow_mut(|log| *log = keep.then(Vec::new));
}

/// Takes what was kept.
pub(crate) fn take() -> Vec<String> {
    LOG.with_borrow_mut(Option::take).unwrap_or_default()
}

pub(crate) fn is_kept() -> bool {
    LOG.with_borrow(Option::is_some)
}

/// Says what time it is in the simulation.
pub(crate) fn time(now: u64) {
    TIME.set(now);
}

pub(crate) fn add(line: &str) {
    let time = TIME.take();
    TIME.set(time);
    let (seconds, nanos) = (time / 1_000_000_000, time % 1_000_000_000);
    LOG.with_borrow_mut(|log| {
        if let Some(log) = log {
            log.push(format!("{seconds}.{nanos:09}  {line}"));
        }
    });
}

/// Notes a line, which is only put together when it is kept.
macro_rules! note {
    ($($line:tt)*) => {
        if $crate::log::is_kept() {
            $crate::log::add(&format!($($line)*));
        }
    };
}
pub(crate) use note;
