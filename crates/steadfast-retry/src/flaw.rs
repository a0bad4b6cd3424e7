/// What keeps a policy from ever ending, from ever beginning, or a part of it from ever mattering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The ceiling is zero.
    NoCeiling,
    /// The loop's attempts are zero.
    NoAttempts,
    /// The loop's attempts are more than the ceiling.
    AttemptsAboveCeiling,
    /// Attempts are unlimited, and so is everything else.
    NoEnd,
    /// The deadline is zero.
    NoDeadline,
    /// The least time of an attempt does not fit before the deadline.
    AttemptMinBeyondDeadline,
    /// The timeout of an attempt is zero.
    NoTimeout,
    /// There are more than 1,000 rules.
    TooManyRules,
    /// A rule names no class.
    RuleWithoutClass,
    /// A rule's attempts are zero.
    RuleWithoutAttempts,
    /// A rule stops the run and says how it would go on.
    StopAndMore,
    /// A finalizer's attempts are zero.
    FinalizerWithoutAttempts,
}

impl Flaw {
    /// Returns the TOML key that is at fault.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NoCeiling => "ceiling",
            Self::NoAttempts | Self::AttemptsAboveCeiling | Self::NoEnd | Self::RuleWithoutAttempts => "attempts",
            Self::NoDeadline => "deadline",
            Self::AttemptMinBeyondDeadline => "attempt-min",
            Self::NoTimeout => "attempt-timeout",
            Self::TooManyRules => "catch",
            Self::RuleWithoutClass => "class",
            Self::StopAndMore => "stop",
            Self::FinalizerWithoutAttempts => "finally",
        }
    }

    /// Returns what is wrong with it.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::NoCeiling => "a ceiling of zero would allow no attempt",
            Self::NoAttempts => "attempts counts calls, the first included, so the least is 1",
            Self::AttemptsAboveCeiling => "it is above the ceiling, which counts every attempt; raise `ceiling`",
            Self::NoEnd => "unlimited attempts need a `deadline` or a `ceiling` of their own",
            Self::NoDeadline => "a deadline of zero would allow no attempt",
            Self::AttemptMinBeyondDeadline => "it is longer than the deadline, so no attempt could begin",
            Self::NoTimeout => "a timeout of zero would end every attempt at once",
            Self::TooManyRules => "a policy holds at most 1,000 rules",
            Self::RuleWithoutClass => "a rule without a class would catch nothing",
            Self::RuleWithoutAttempts => {
                "a rule's attempts counts failures, so the least is 1; to end the run at once, say `stop = true`"
            }
            Self::StopAndMore => "a rule that stops the run needs no attempts, delay or free",
            Self::FinalizerWithoutAttempts => "a finalizer's attempts counts calls, so the least is 1",
        }
    }
}
