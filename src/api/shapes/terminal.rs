use serde::{Deserialize, Serialize};

use crate::ids::{Digest, RunId};
use crate::journal::Entry;
use crate::store::{Batch, Document};

/// The number of a run that a process on a terminal may open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TerminalRun {
    /// The number.
    pub run: RunId,
    /// The name of the store, which makes the number unique in the world.
    pub store: String,
}

/// What a process on a terminal writes about its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminalBatch {
    /// How many lines about the run the process knows to be durable. What is there behind them already is not written again, so
    /// whoever heard no answer may ask once more.
    pub after: u64,
    /// Texts that the entries refer to by digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub documents: Vec<TerminalText>,
    /// The entries, oldest first, as the journal stores them. Their shape may gain fields and variants with any version.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub entries: Vec<Entry>,
}

/// A text under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminalText {
    /// 32 hexadecimal digits.
    #[schemars(with = "String")]
    pub digest: Digest,
    /// The text.
    pub body: String,
}

impl TerminalBatch {
    /// Makes a batch of what the store takes.
    #[must_use]
    pub fn of(after: u64, batch: Batch) -> Self {
        let text = |Document { digest, body }| TerminalText { digest, body };
        Self { after, documents: batch.documents.into_iter().map(text).collect(), entries: batch.entries }
    }

    /// Makes what the store takes.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        let document = |TerminalText { digest, body }| Document { digest, body };
        Batch { documents: self.documents.into_iter().map(document).collect(), entries: self.entries }
    }
}
