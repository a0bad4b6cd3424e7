//! Memory that is free and not given back.

/// Has the allocator give back what a burst has used.
///
/// It would learn from each large allocation that is freed to keep twice as much of the like for the next one, up to 64 MiB in
/// each of its arenas, which [`give_back`] does not touch ([mallopt(3)], `M_MMAP_THRESHOLD`). A process that rests for days
/// between two bursts must not. For the beginning of a process.
///
/// [mallopt(3)]: https://man7.org/linux/man-pages/man3/mallopt.3.html
pub fn keep_little() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the calls take no pointer; the values are within the limits that the manual names.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 20);
    }
}

/// Gives the pages of free memory back to the system. The allocator keeps them otherwise, scattered as they are, for ever.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes no pointer and is safe beside any use of the allocator.
    unsafe {
        libc::malloc_trim(0);
    }
}
