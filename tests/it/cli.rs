//! The command line as people meet it: transcripts, and real processes under `run`.

mod daemon;
mod demo;
mod examples;
mod files;
mod help;
mod policies;
mod reading;
mod run;
mod terminal;
mod transcript;
