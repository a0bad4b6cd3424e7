use alloc::vec::Vec;

/// What a run has been charged, in all and per rule.
///
/// Attempt 3 is number 3 for ever; what it cost is written here, and can be forgiven by progress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub struct Ledger {
    /// Attempts of any kind; never reset.
    pub attempts: u32,
    /// Failures charged to the loop.
    pub charged: u32,
    /// Attempts lost; never reset.
    pub interruptions: u32,
    /// Attempts lost in a row, those that never started included.
    pub lost_in_a_row: u32,
    /// Free failures in a row, without progress between them.
    pub free_in_a_row: u32,
    rules: Counts,
}

impl Ledger {
    /// Returns what is charged to a rule's own account.
    #[must_use]
    pub fn charged_to_rule(&self, index: usize) -> u32 {
        self.rules.get(index)
    }

    pub(crate) fn charge_rule(&mut self, index: usize) -> u32 {
        self.rules.add_one(index)
    }

    pub(crate) fn charge_loop(&mut self) -> u32 {
        self.charged = self.charged.saturating_add(1);
        self.charged
    }

    /// Forgives what the loop and the rules were charged; never interruptions and attempts.
    pub(crate) fn forgive(&mut self) {
        self.charged = 0;
        self.rules = Counts::default();
    }
}

/// A count per rule. The first few are kept in place, so that most runs never allocate for a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Counts {
    first: [u32; 6],
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    rest: Vec<u32>,
}

impl Counts {
    fn get(&self, index: usize) -> u32 {
        let count = self.first.get(index).or_else(|| self.rest.get(index.wrapping_sub(self.first.len())));
        count.copied().unwrap_or(0)
    }

    fn add_one(&mut self, index: usize) -> u32 {
        let count = if index < self.first.len() {
            &mut self.first[index]
        } else {
            let at = index - self.first.len();
            if self.rest.len() <= at {
                self.rest.resize(at + 1, 0);
            }
            &mut self.rest[at]
        };
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn rules_far_down_a_long_list_have_accounts_too() {
        let mut ledger = Ledger::default();
        for index in [0, 5, 6, 40, 40] {
            ledger.charge_rule(index);
        }
        let charged = [0, 1, 5, 6, 39, 40, 41].map(|index| ledger.charged_to_rule(index));
        assert_eq!(charged, [1, 0, 1, 1, 0, 2, 0]);
        ledger.forgive();
        assert_eq!(ledger.charged_to_rule(40), 0);
    }
}
