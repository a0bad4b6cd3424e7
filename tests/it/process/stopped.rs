//! stopped
