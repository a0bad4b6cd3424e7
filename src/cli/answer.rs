use clap::Args;

/// The form of an answer.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    /// Answer with one JSON document
    #[arg(long)]
    pub(super) json: bool,
}
