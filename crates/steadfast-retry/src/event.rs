use crate::{Dice, Moment, Outcome};

/// Something that happened to a run. Events are past; they carry their time and their chance.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Event {
    /// The next attempt may begin: the run was opened, or its delay is over.
    Due {
        /// When.
        at: Moment,
    },
    /// The attempt ended.
    Ended {
        /// When.
        at: Moment,
        /// How.
        outcome: Outcome,
        /// The durable mark that it reached (a checkpoint's step), `None` if unknown; higher is further.
        progress: Option<u64>,
        /// The chance for the delay that may follow.
        dice: Dice,
    },
    /// The attempt was announced but proven never to have started.
    Voided {
        /// When.
        at: Moment,
    },
    /// Somebody wants the run to end.
    CancelAsked {
        /// When.
        at: Moment,
    },
    /// The run was in flight at too many crashes in a row.
    Quarantined {
        /// When.
        at: Moment,
    },
}

impl Event {
    /// Returns when it happened.
    #[must_use]
    pub const fn at(&self) -> Moment {
        match self {
            Self::Due { at }
            | Self::Ended { at, .. }
            | Self::Voided { at }
            | Self::CancelAsked { at }
            | Self::Quarantined { at } => *at,
        }
    }
}
