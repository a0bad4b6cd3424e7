//! Memory that is free and not given back.

/// Gives the pages of free memory back to the system. The allocator keeps them otherwise, scattered as they are, for ever.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes no pointer and is safe beside any use of the allocator.
    unsafe {
        libc::malloc_trim(0);
    }
}
