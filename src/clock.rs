//! The clocks and the random source: the one file that may read them.
//!
//! # Theory of operation
//!
//! Delays count on the boot clock (`CLOCK_BOOTTIME`), which neither jumps nor stops while the machine sleeps. A moment of the
//! journal is that clock plus an offset to the Unix epoch which is fixed at the first start within a boot and kept in the state
//! folder: so within a boot, setting the wall clock changes no delay, and across boots moments still follow one another.
//! Schedules look at the wall clock itself.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use steadfast_retry::Moment;

/// The time and the chance that one decision is made with.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The steadied clock that delays count on.
    pub at: Moment,
    /// The wall clock that schedules count on.
    pub wall: Timestamp,
    /// 64 random bits, from which everything random in this call is drawn.
    pub dice: u64,
}

/// The clocks of one daemon.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What is added to the boot clock, in nanoseconds, to count from the Unix epoch.
    offset: i128,
}

impl Clock {
    /// Reads the clocks; within a boot, with the offset that the first daemon of this boot has kept in `state`.
    ///
    /// # Errors
    ///
    /// Returns the error of the file system if the offset cannot be kept.
    pub fn open(state: &Path) -> std::io::Result<Self> {
        let kept = state.join("clock");
        let boot = boot_id();
        if let Ok(text) = fs::read_to_string(&kept)
            && let Some((of_boot, offset)) = text.trim_end().split_once(' ')
            && of_boot == boot
            && let Ok(offset) = offset.parse()
        {
            return Ok(Self { offset });
        }
        let clock = Self::unkept();
        let fresh = state.join("clock.new");
        let mut file = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(format!("{boot} {}\n", clock.offset).as_bytes())?;
        fs::rename(&fresh, &kept)?;
        Ok(clock)
    }

    /// Reads the clocks for a process that keeps nothing.
    #[must_use]
    pub fn unkept() -> Self {
        Self { offset: nanos(ClockId::Realtime) - nanos(ClockId::Boottime) }
    }

    /// Returns the present moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let nanos = nanos(ClockId::Boottime) + self.offset;
        Moment::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }

    /// Returns the time on the wall.
    #[must_use]
    pub fn wall() -> Timestamp {
        Timestamp::from_nanosecond(nanos(ClockId::Realtime)).unwrap_or_default()
    }

    /// Returns the time and the chance for one decision.
    #[must_use]
    pub fn now(&self) -> Now {
        Now { at: self.moment(), wall: Self::wall(), dice: random_bits() }
    }
}

fn nanos(clock: ClockId) -> i128 {
    let time = clock_gettime(clock);
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Returns 64 bits from the operating system's random source.
///
/// # Panics
///
/// Panics if the operating system has none, which Linux rules out once it has booted.
#[must_use]
pub fn random_bits() -> u64 {
    let mut bytes = [0; 8];
    #[expect(clippy::disallowed_methods, reason = "this is the one file that throws")]
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    assert_eq!(filled, Ok(8), "a booted system has randomness");
    u64::from_ne_bytes(bytes)
}

/// Returns the id of this boot, empty where the system has none.
#[must_use]
pub fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim_end().to_owned()
}
