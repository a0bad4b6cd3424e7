//! The hands for `command` jobs: they hold no process themselves, they talk to the shims that do.
//!
//! # Theory of operation
//!
//! A [`Launch`](crate::launch::Launch) leaves nothing to choose: command, folder, environment, limits. [`Hands::launch`] gives it to a shim
//! ([`crate::shim`]), a process of the same binary that outlives the daemon: plain commands share a pool, whatever
//! needs more gets one of its own. What happens comes back as [`Report`]s, each with the [`Mark`](crate::journal::Mark) up to which the
//! shim's journal has been read; the daemon commits the mark with the entry and then acknowledges it, and only then
//! does the shim forget.
//!
//! The folder is the meeting point of a daemon that died and the one that comes after:
//!
//! ```text
//! claims/<run>-<piece>-<token>    who may start this; its lock is inherited by the attempt's processes
//! <shim>/lock                    held as long as the shim lives
//! <shim>/socket                  where a new daemon finds it
//! <shim>/journal                 what it has seen: checksummed records, the same that it sends
//! <shim>/complaints              its own stderr
//! ```
//!
//! After a crash, [`Hands::open`] reads every journal, follows the shims that live, and says of every start that the
//! store expects what became of it. A start that nobody has claimed is
//! claimed by the daemon itself, with the word `void`; whoever comes second obeys. Where a shim died, three witnesses
//! ([`witness`]) are asked, and what still lives is given to a new shim that watches it from outside. Nothing that
//! left no evidence is ever called a success.
//!
//! Deliberately absent: any decision about retrying, and any knowledge of jobs.

mod books;
mod connection;
pub mod exit;
mod hands;
pub mod log;
mod lost;
pub mod notice;
mod nursery;
mod recover;
mod report;
pub mod witness;

pub use exit::{Act, Exit, OutputSummary, Status, Survivor, Witness};
pub use hands::{Hands, ShimView, Site};
pub use notice::{Notice, Said};
pub use nursery::own_program;
pub use report::{Fate, Report};
