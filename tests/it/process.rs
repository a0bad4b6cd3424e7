//! Real processes under real shims.

mod captured;
mod ended;
mod house;
mod lost;
mod many;
mod started;
mod stopped;
mod told;
