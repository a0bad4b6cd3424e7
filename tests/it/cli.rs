//! The command line as people meet it: transcripts, and real processes under `run`.

mod daemon;
mod demo;
mod examples;
mod files;
mod followers;
mod help;
mod json;
mod policies;
mod reading;
mod run;
mod sweeps;
mod terminal;
mod transcript;
