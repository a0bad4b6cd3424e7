use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use steadfast_retry::Moment;
use tokio::io::unix::AsyncFd;

use crate::clock::Clock;

/// The one timer of the daemon, and its ear for a wall clock that is set.
///
/// A timer on the boot clock, which goes on while the machine sleeps; one on the wall clock, far ahead, that the kernel cancels
/// whenever somebody sets it. Nothing polls: a daemon at rest has no wake-up.
#[derive(Debug)]
pub(super) struct Alarm {
    wake: AsyncFd<OwnedFd>,
    wall: AsyncFd<OwnedFd>,
}

const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let make = |clock| -> io::Result<AsyncFd<OwnedFd>> {
            let timer = timerfd_create(clock, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
            crate::sys::ready::watched(timer)
        };
        let alarm = Self { wake: make(TimerfdClockId::Boottime)?, wall: make(TimerfdClockId::Realtime)? };
        alarm.listen_to_the_wall()?;
        Ok(alarm)
    }

    /// Sets the timer to a moment, or to none. A moment that has passed goes off at once.
    pub(super) fn set(&self, clock: &Clock, at: Option<Moment>) {
        let value = match at {
            None => NEVER,
            Some(at) => {
                let ahead = at.since(clock.moment()).as_nanos().max(1);
                let whole = i64::try_from(ahead / 1_000_000_000).unwrap_or(i64::MAX / 4);
                Timespec { tv_sec: whole, tv_nsec: (ahead % 1_000_000_000) as i64 }
            }
        };
        let spec = Itimerspec { it_interval: NEVER, it_value: value };
        let set = timerfd_settime(self.wake.get_ref(), TimerfdTimerFlags::empty(), &spec);
        set.expect("a timer descriptor takes any positive time");
    }

    fn listen_to_the_wall(&self) -> io::Result<()> {
        let far = Timespec { tv_sec: i64::from(u32::MAX) * 4, tv_nsec: 0 };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(self.wall.get_ref(), flags, &Itimerspec { it_interval: NEVER, it_value: far })?;
        Ok(())
    }

    /// Waits until the timer goes off or the wall clock is set.
    pub(super) async fn rings(&self) {
        tokio::select! {
            rung = self.wake.readable() => drain(rung),
            set = self.wall.readable() => {
                drain(set);
                let heard = self.listen_to_the_wall();
                heard.expect("a timer descriptor can be set again");
            }
        }
    }
}

/// Reads what the timer counted, so that it is readable only when it goes off again.
fn drain(rung: io::Result<tokio::io::unix::AsyncFdReadyGuard<'_, OwnedFd>>) {
    if let Ok(mut rung) = rung {
        let mut count = [0; 8];
        // A cancelled timer reads as an error, which also takes the readiness away.
        let _ = rustix::io::read(rung.get_inner(), &mut count);
        rung.clear_ready();
    }
}
