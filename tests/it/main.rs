//! The tests that need a disk, a process or a server.

mod store;
