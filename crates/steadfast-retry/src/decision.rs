use core::time::Duration;

use crate::{AttemptNo, Because, Ending, Moment};

/// What follows. Decisions are imperative; they leave nothing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Decision {
    /// Begin an attempt now.
    Attempt {
        /// Its number.
        number: AttemptNo,
        /// How long it may take: the attempt's timeout or what is left of the deadline.
        #[cfg_attr(
            feature = "serde",
            serde(default, skip_serializing_if = "Option::is_none", with = "crate::duration::optional")
        )]
        limit: Option<Duration>,
        /// Why.
        because: Because,
    },
    /// Wait; a [`Event::Due`] at or after `until` goes on.
    Wait {
        /// Until when.
        until: Moment,
        /// Why, and where the delay came from.
        because: Because,
    },
    /// End the running attempt; its `Ended` follows.
    Cut {
        /// Why.
        because: Because,
    },
    /// The run is over.
    Finish {
        /// How.
        ending: Ending,
        /// Why.
        because: Because,
    },
}

impl Decision {
    /// Returns the reason.
    #[must_use]
    pub const fn because(&self) -> &Because {
        match self {
            Self::Attempt { because, .. }
            | Self::Wait { because, .. }
            | Self::Cut { because }
            | Self::Finish { because, .. } => because,
        }
    }
}
