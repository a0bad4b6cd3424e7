//! The conversation with one shim.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::books::{NOBODY, Shared};
use super::hands::Hands;
use super::{lost, report};
use crate::ids::ShimId;
use crate::journal::Mark;
use crate::shim::wire::{self, Frame, Inbox, Order, PROTOCOL, Record};
use crate::sys::pidfd;

/// Follows a shim's journal from an offset on. Returns where orders go, as whole frames.
pub(super) fn begin(
    hands: &Hands,
    shim: ShimId,
    stream: StdStream,
    from: u64,
    handle: Option<OwnedFd>,
) -> io::Result<UnboundedSender<Vec<u8>>> {
    let _inside = hands.0.runtime.enter();
    stream.set_nonblocking(true)?;
    let (reading, writing) = UnixStream::from_std(stream)?.into_split();
    let (orders, queue) = unbounded_channel();
    let mut first = Vec::new();
    wire::put_order(&mut first, &Order::Follow { protocol: PROTOCOL, from })?;
    let _ = orders.send(first);
    tokio::spawn(write(writing, queue));
    if let Some(handle) = handle {
        tokio::spawn(pidfd::reap(handle));
    }
    // Only a weak share: a connection alone keeps no hands alive.
    let shared = std::sync::Arc::downgrade(&hands.0);
    tokio::spawn(async move {
        let _ = read(reading, &shared, shim).await;
        if let Some(shared) = shared.upgrade() {
            let hands = Hands(shared);
            let _ = tokio::task::spawn_blocking(move || lost::lost(&hands, shim)).await;
        }
    });
    Ok(orders)
}

async fn write(mut to: OwnedWriteHalf, mut queue: UnboundedReceiver<Vec<u8>>) {
    let (mut frames, mut batch) = (Vec::new(), Vec::new());
    while queue.recv_many(&mut frames, 256).await > 0 {
        batch.clear();
        frames.drain(..).for_each(|frame| batch.extend_from_slice(&frame));
        if to.write_all(&batch).await.is_err() {
            return;
        }
    }
}

async fn read(mut from: OwnedReadHalf, shared: &std::sync::Weak<Shared>, shim: ShimId) -> io::Result<()> {
    let mut inbox = Inbox::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        let Some(shared) = shared.upgrade().filter(|_| count > 0) else {
            return Ok(());
        };
        inbox.push(&buffer[..count]);
        while let Some(frame) = inbox.take()? {
            match frame {
                Frame::Record(end, json) => {
                    let record = serde_json::from_slice(json).ok();
                    shared.hear(shim, end, record);
                }
                // A greeting says nothing that the journal has not said; it is for people and for later versions.
                Frame::Hello(_) | Frame::Order(_) | Frame::Unknown => {}
            }
        }
    }
}

impl Shared {
    /// Turns a record into a report. One that cannot be read (of a later version) moves the place and says nothing.
    pub(super) fn hear(&self, shim: ShimId, end: u64, record: Option<Record>) {
        let mark = Mark { shim, offset: end };
        let mut state = self.state();
        if let Some(held) = state.shims.get_mut(&shim) {
            (held.heard, held.hung_up) = (end, 0);
        }
        let Some(record) = record else { return };
        match &record {
            Record::Ended(exit) => drop(state.starts.remove(&exit.start.token)),
            Record::Voided { start } => drop(state.starts.remove(&start.token)),
            Record::Started { start, .. } | Record::Adopted { start, .. } => {
                if let Some(known) = state.starts.get_mut(&start.token)
                    && known.learn(&record)
                    && known.shim == NOBODY
                {
                    known.shim = shim;
                }
            }
            Record::Opened { .. } | Record::Notified { .. } | Record::LeaderEnded { .. } | Record::Clinging { .. } => {}
        }
        drop(state);
        if let Some(report) = report::of_record(record, mark) {
            self.report(report);
        }
    }
}
