//! The stable jitter: a hash of job and due time.
//!
//! The hash is part of what users see (a job's minute of start), so it is written out here and must never change:
//! FNV-1a (64 bits) over the job's name, one byte 0xff that no UTF-8 text contains, and the due time in milliseconds
//! as eight little-endian bytes; then the finalizer of SplitMix64, because FNV alone leaves the high bits of similar
//! inputs similar; then a multiplication into the range `0..=jitter`, in milliseconds.

use std::time::Duration;

use jiff::Timestamp;

/// Returns `due` plus a stable share of `jitter`, in whole milliseconds, both ends included.
pub(super) fn spread(due: Timestamp, job: &str, jitter: Duration) -> Timestamp {
    let width = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
    let share = (u128::from(hash(job, due.as_millisecond())) * (u128::from(width) + 1)) >> 64;
    let share = Duration::from_millis(u64::try_from(share).unwrap_or(width));
    due.saturating_add(share).unwrap_or(Timestamp::MAX)
}

fn hash(job: &str, due_millis: i64) -> u64 {
    let bytes = job.bytes().chain([0xff]).chain(due_millis.to_le_bytes());
    let fnv = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
