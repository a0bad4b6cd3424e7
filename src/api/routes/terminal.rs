use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::api::problem::Problem;
use crate::api::route::{Asked, Json, Nothing};
use crate::api::shapes::{OfRun, TerminalBatch, TerminalRun};
use crate::daemon::Door;
use crate::sys::ready;

pub(super) async fn open(asked: Asked<Nothing, Nothing, Nothing>) -> Result<Json<TerminalRun>, Problem> {
    let (run, store) = asked.desk.door.open_terminal().await?;
    Ok(Json(TerminalRun { run, store }))
}

pub(super) async fn write(asked: Asked<OfRun, Nothing, Json<TerminalBatch>>) -> Result<Nothing, Problem> {
    let Asked { desk, places: OfRun { run }, body: Json(batch), caller, .. } = asked;
    let after = batch.after;
    // Whoever asks is alive now, so the number is its own.
    let process = caller.process.and_then(Pid::from_raw).and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).ok());
    let is_new = desk.door.write_terminal(run, after, batch.into_batch()).await?;
    if let Some(process) = process.filter(|_| is_new) {
        tokio::spawn(watch(process, desk.door.clone()));
    }
    Ok(Nothing {})
}

/// Tells the daemon when a process is gone; its run is ended then, unless it has closed it itself.
async fn watch(process: OwnedFd, door: Door) {
    let Ok(process) = ready::watched(process) else { return };
    tokio::select! {
        _ = process.readable() => door.terminal_gone(),
        () = door.gone() => {}
    }
}
