//! Words to the service manager, if one listens.

use rustix::time::{ClockId, clock_gettime};
use sd_notify::NotifyState;

/// Says that the daemon is ready, or ready again after reading its files, and with what.
pub(super) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says how the daemon is, in a line.
pub(super) fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// Says that the files are being read again; systemd wants to know when that began.
pub(super) fn reloading() {
    let time = clock_gettime(ClockId::Monotonic);
    let micros = i128::from(time.tv_sec) * 1_000_000 + i128::from(time.tv_nsec) / 1_000;
    tell(&[NotifyState::Reloading, NotifyState::Custom(&format!("MONOTONIC_USEC={micros}"))]);
}

/// Says that the daemon is stopping.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping; what is running runs on")]);
}

/// A manager that does not listen costs nothing, and one that fails to must not stop the daemon.
fn tell(words: &[NotifyState<'_>]) {
    drop(sd_notify::notify(words));
}
