//! Owns whether a reminder was on time: by what was bought around its day; knows nothing of why it was sent.

use serde::Serialize;

use crate::domain::ids::Day;
use crate::domain::interval::Event;

/// Days after a reminder within which a purchase says that it was on time; also what `needs.chance` speaks of.
const ON_TIME: i32 = 7;
/// A purchase so many days before says that it came late.
const LATE: i32 = 3;
/// A purchase so many days after says that it came early; none until then, that it was not needed.
pub(super) const EARLY: i32 = 28;

/// How one reminded item turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timing {
    OnTime,
    Late,
    Early,
    NotNeeded,
}

/// What the purchases of an item say of a reminder on `day`.
pub(super) fn timing(days: &[Event], day: Day) -> Timing {
    let bought = |from: i32, to: i32| {
        let next = days.partition_point(|event| event.day < day.plus(from));
        days.get(next).is_some_and(|event| event.day <= day.plus(to))
    };
    if bought(0, ON_TIME) {
        Timing::OnTime
    } else if bought(-LATE, -1) {
        Timing::Late
    } else if bought(ON_TIME + 1, EARLY) {
        Timing::Early
    } else {
        Timing::NotNeeded
    }
}

/// Reminded items, by how they turned out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tally {
    /// All that could be judged: the sum of the next four.
    pub judged: u64,
    /// Bought on the day or within the week after it.
    pub on_time: u64,
    /// Else: bought in the three days before.
    pub late: u64,
    /// Else: bought 8 to 28 days after.
    pub early: u64,
    /// Not bought in any of these.
    pub not_needed: u64,
    /// `on_time` of `judged`; none of none.
    pub on_time_share: Option<f64>,
}

impl Tally {
    pub(super) fn of(timings: impl IntoIterator<Item = Timing>) -> Self {
        let mut tally = Self::default();
        for timing in timings {
            tally.judged += 1;
            match timing {
                Timing::OnTime => tally.on_time += 1,
                Timing::Late => tally.late += 1,
                Timing::Early => tally.early += 1,
                Timing::NotNeeded => tally.not_needed += 1,
            }
        }
        tally.on_time_share = (tally.judged > 0).then(|| tally.on_time as f64 / tally.judged as f64);
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_purchase_that_counts_says_how_it_was() {
        let timing = |bought: &[i32]| {
            let days: Vec<Event> = bought.iter().map(|d| Event::pieces(Day(*d), 1.0)).collect();
            timing(&days, Day(100))
        };
        for (bought, told) in [
            (vec![100], Timing::OnTime),
            (vec![107], Timing::OnTime),
            (vec![98, 104], Timing::OnTime),
            (vec![99], Timing::Late),
            (vec![97, 120], Timing::Late),
            (vec![96], Timing::NotNeeded),
            (vec![96, 108], Timing::Early),
            (vec![128], Timing::Early),
            (vec![129], Timing::NotNeeded),
            (vec![], Timing::NotNeeded),
        ] {
            assert_eq!(timing(&bought), told, "{bought:?}");
        }
    }
}
