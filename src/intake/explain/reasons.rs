//! Owns the grouping of rejects by what is wrong with them; knows nothing of what that is.

use std::collections::HashMap;

use serde::Serialize;

use crate::intake::Reject;

/// Rejects with one reason.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Group {
    /// What is wrong with them; what differs among them left out.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// The line of the first one.
    pub line: u64,
}

/// Kinds of reasons that are told apart; no file of records has more.
const MOST: usize = 100;

/// Rejects, grouped as they come.
#[derive(Default)]
pub struct Reasons(HashMap<String, (u64, u64)>);

impl Reasons {
    /// Adds one.
    pub fn add(&mut self, reject: &Reject) {
        let reason = general(&reject.reason);
        let reason =
            if self.0.len() < MOST || self.0.contains_key(&reason) { reason } else { "…".to_owned() };
        self.0.entry(reason).or_insert((0, reject.line)).0 += 1;
    }

    /// How many were added.
    pub fn rows(&self) -> u64 {
        self.0.values().map(|(rows, _)| rows).sum()
    }

    /// The groups, the largest first.
    pub fn sorted(self) -> Vec<Group> {
        let groups = self.0.into_iter().map(|(reason, (rows, line))| Group { reason, rows, line });
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.rows), group.line));
        groups
    }
}

/// The reason without what it quotes.
fn general(reason: &str) -> String {
    let mut quoted = false;
    let parts = reason.split('`').map(|part| {
        let told = if quoted { "`…`" } else { part };
        quoted = !quoted;
        told
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_only_in_what_is_quoted_is_one_group() {
        let mut reasons = Reasons::default();
        for (line, reason) in [
            (2, "gift: `a` is b"),
            (3, "is short"),
            (5, "gift: `` is b"),
            (6, "gift: `c` is b"),
            (7, "is short"),
        ] {
            reasons.add(&Reject { line, reason: reason.to_owned(), row: String::new() });
        }
        let group = |reason: &str, rows, line| Group { reason: reason.to_owned(), rows, line };
        assert_eq!(reasons.sorted(), [group("gift: `…` is b", 3, 2), group("is short", 2, 3)]);
    }
}
