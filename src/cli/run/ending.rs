use steadfast_retry::{Because, Cause, Ending};

use super::Whose;
use crate::cli::exit::Exit;
use crate::evidence::StartTrouble;
use crate::exec::{Act, Status};

/// How a run is over.
pub(super) struct Over {
    pub(super) ending: Ending,
    pub(super) because: Because,
    /// How the last attempt ended, if there was one.
    pub(super) last: Option<Last>,
    /// The signal by which somebody ended it.
    pub(super) asked: Option<i32>,
}

/// How an attempt ended, as far as the exit code depends on it.
pub(super) struct Last {
    pub(super) status: Status,
    pub(super) act: Option<Act>,
}

impl Over {
    /// Returns the exit code of the run.
    pub(super) fn exit(&self, whose: Whose) -> Exit {
        if let Some(signal) = self.asked {
            return Exit::of_signal(signal);
        }
        let out_of_time = matches!(self.because.cause, Cause::DeadlinePassed | Cause::NoTimeLeft { .. });
        let cut = self.last.as_ref().is_some_and(|last| last.act == Some(Act::TimedOut));
        match (self.ending, whose) {
            (Ending::Succeeded, Whose::Steadfast) => Exit::GOOD,
            (Ending::GaveUp | Ending::Stopped | Ending::Quarantined, Whose::Steadfast | Whose::Child)
                if out_of_time || cut =>
            {
                Exit::DEADLINE
            }
            (_, Whose::Steadfast) => Exit::FAILED,
            (ending, Whose::Child) => match self.last.as_ref().map(|last| of_status(&last.status)) {
                // The program says that all is well, and its own report or a limit of ours says otherwise.
                Some(Exit::GOOD) if ending != Ending::Succeeded => Exit::FAILED,
                Some(exit) => exit,
                None => Exit::OWN_TROUBLE,
            },
        }
    }
}

fn of_status(status: &Status) -> Exit {
    match status {
        Status::Exited { code } => Exit(*code),
        Status::Signalled { signal, .. } => Exit::of_signal(*signal),
        Status::NotStarted { errno, .. } => match StartTrouble::of_errno(*errno) {
            StartTrouble::NotFound => Exit::NO_PROGRAM,
            StartTrouble::NotExecutable | StartTrouble::TooBig | StartTrouble::Busy | StartTrouble::Other => {
                Exit::NOT_EXECUTABLE
            }
        },
        Status::Interrupted { .. } => Exit::OWN_TROUBLE,
    }
}
