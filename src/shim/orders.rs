//! Daemons that connect, and what they order.

use std::io;
use std::os::unix::net::UnixStream;

use super::link::{Heard, Link};
use super::wire::{Hello, Order, PROTOCOL};
use super::{Kind, Shim, complain};
use crate::exec::Act;
use crate::failpoint;
use crate::sys::poll::Interest;
use crate::sys::socket;
use crate::sys::time::Boottime;

impl Shim {
    pub(super) fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            if socket::user_of(&stream) == Some(socket::own_user()) {
                let _ = self.welcome(stream);
            }
        }
    }

    pub(super) fn welcome(&mut self, stream: UnixStream) -> io::Result<()> {
        let link = Link::new(stream)?;
        let key = self.key();
        self.poller.add(&link, Kind::Link.token(key), Interest::Read)?;
        self.links.insert(key, link);
        Ok(())
    }

    pub(super) fn hear(&mut self, key: u32) {
        let Some(link) = self.links.get_mut(&key) else { return };
        let mut orders = Vec::new();
        let heard = link.read(&mut self.buffer, &mut orders);
        for order in orders {
            self.obey(key, order);
        }
        if heard == Heard::Gone {
            self.lose(key);
        }
    }

    pub(super) fn lose(&mut self, key: u32) {
        self.links.remove(&key);
        self.lonely = Boottime::now();
    }

    pub(super) fn obey(&mut self, link: u32, order: Order) {
        match order {
            Order::Follow { protocol: _, from } => self.greet(link, from),
            Order::Launch(launch) => self.launch(&launch),
            Order::Adopt(adopt) => self.adopt(*adopt),
            Order::Stop { start, from } => {
                if let Some(key) = self.tokens.get(&start.token).copied() {
                    self.stop(key, Act::Stopped, from);
                }
            }
            Order::Acknowledge { upto } => self.acknowledge(upto),
            Order::Close => self.is_closed = true,
        }
    }

    pub(super) fn greet(&mut self, link: u32, from: u64) {
        let hello = Hello {
            protocol: PROTOCOL,
            shim: self.id,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            living: self.attempts.values().map(|attempt| attempt.start).collect(),
            end: self.journal.end(),
        };
        if let Some(link) = self.links.get_mut(&link) {
            let _ = link.follow(&hello, from);
        }
    }

    /// Forgets what is durable elsewhere.
    pub(super) fn acknowledge(&mut self, upto: u64) {
        failpoint!("shim::acknowledge::before");
        while let Some((end, start)) = self.unacknowledged.front()
            && *end <= upto
        {
            if let Err(error) = self.drafts.take_back(&self.claims, start) {
                complain(&format!("the claim of {start} cannot be removed: {error}"));
            }
            self.unacknowledged.pop_front();
        }
        failpoint!("shim::acknowledge::after");
    }
}
