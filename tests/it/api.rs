//! A real daemon, asked over its socket.

mod follows;
mod guarded;
mod house;
mod manager;
mod reads;
mod speed;
mod starts;
mod stops;
mod told;
mod waits;
