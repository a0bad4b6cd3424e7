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
    /// Wait; a [`Event::Due`](crate::Event::Due) at or after `until` goes on.
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
    /// Says whether two decisions are the same, wherever their rules are written: a line added above a rule moves it and
    /// changes nothing.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let mut moved = self.clone();
        moved.because_mut().take_place_of(other.because());
        moved == *other
    }

    const fn because_mut(&mut self) -> &mut Because {
        match self {
            Self::Attempt { because, .. }
            | Self::Wait { because, .. }
            | Self::Cut { because }
            | Self::Finish { because, .. } => because,
        }
    }

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
