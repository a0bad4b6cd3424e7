//! Degraded: the store cannot be written, so nothing is decided; shims run on.

use std::sync::Arc;
use std::time::Duration;

use crate::dispatch::{Awakening, Birth, Dispatcher, Exit, Input, Refusal};
use crate::job::Config;
use crate::launch::Rung;
use crate::store::{Recovered, StoreError};

use super::awake::remind;
use super::manager;
use super::turn::Loop;

/// Why nothing begins.
#[derive(Debug)]
pub(super) struct Degraded {
    pub(super) why: String,
}

impl Degraded {
    /// The time between two tries to write again.
    pub(super) const PAUSE: Duration = Duration::from_secs(1);

    pub(super) const fn because(why: String) -> Self {
        Self { why }
    }
}

impl Loop {
    /// Refuses what people ask for, and drops what the hands tell: they will be asked again. What was asked of the daemon itself
    /// is kept for the next dispatcher.
    pub(super) fn refuse_while_degraded(&mut self, input: &Input) {
        let Some(request) = input.request() else { return };
        let why = self.degraded.as_ref().map(|degraded| degraded.why.clone()).unwrap_or_default();
        if let Some(reply) = self.answers.remove(&request) {
            drop(reply.send(Err(Refusal::Conflict(format!("the daemon cannot write its journal: {why}")))));
        }
    }

    /// Ends a degraded daemon. It cannot write that it stops, so its successor treats this as a crash; jobs that are to be taken
    /// along are ended by their shims, which write down that it was our doing.
    pub(super) fn stop_degraded(&mut self) {
        if let (Some(true), Some(hands)) = (self.stopping, &self.hands) {
            hands.stop_all(Rung::Ask);
        }
        self.ended = Some(Exit::Stopped);
    }

    /// Tries to write again.
    pub(super) fn probe(&self) {
        self.writer.probe();
    }

    /// Goes on from what is durable if the probe was written; else tries again later.
    pub(super) fn probed(&mut self, result: Result<(), StoreError>) {
        let Some(degraded) = &mut self.degraded else { return };
        let why = degraded.why.clone();
        match result.and_then(|()| self.awakening(Birth::Again { failed: why })) {
            Ok((awakening, recovered)) => self.go_on(awakening, recovered),
            Err(error) => {
                self.degraded = Some(Degraded::because(error.to_string()));
                self.alarm.set(&self.clock, Some(self.clock.moment() + Degraded::PAUSE));
            }
        }
    }

    fn go_on(&mut self, awakening: Awakening, recovered: Recovered) {
        tracing::info!(target: "steadfast::daemon", "the journal can be written again");
        self.degraded = None;
        // The next dispatcher counts its batches from one: it must not hear of those of the last.
        self.next.clear();
        manager::status(&self.in_a_line());
        self.epoch = self.writer.reset();
        self.next_seq = recovered.newest_seq + 1;
        for (_, reply) in self.answers.drain() {
            let why = "the daemon could not write its journal; ask again".to_owned();
            drop(reply.send(Err(Refusal::Conflict(why))));
        }
        remind(&self.show, &awakening, &recovered);
        let difference = Config::difference(self.dispatcher.config(), &self.wanted).to_string();
        let (dispatcher, effects) = Dispatcher::recover(self.clock.now(), awakening, recovered);
        self.dispatcher = dispatcher;
        self.perform(effects);
        // Before the configuration, with which things begin.
        self.hear(Input::Drain(self.draining));
        let told = format!("{difference}; the journal could not be written for a while");
        self.load(Arc::clone(&self.wanted), Some(told));
    }
}
