//! Owns how people read what learning moved; the domain compares.

use crate::cli::output::Output;
use crate::domain::drift::{Drift, Shift};
use crate::domain::wording::round_days;

/// A table of what reads otherwise than before; the first time, of all that was learnt.
///
/// # Errors
/// When nothing can be written.
pub fn tell_moved(drifts: &[Drift], out: Output) -> anyhow::Result<()> {
    let first = drifts.iter().all(|drift| drift.items.before.is_none());
    let rows: Vec<_> = drifts.iter().flat_map(rows).filter(|row| row[2] != row[3]).collect();
    match (drifts.is_empty(), rows.is_empty()) {
        (true, _) => return Ok(()),
        (_, true) => return out.say("nothing moved since it was learnt last"),
        _ if first => out.heading("Learnt for the first time")?,
        _ => out.heading("What moved")?,
    }
    let header = ["level", "figure", "before", "now"];
    out.table(&header, &header[2..], rows)
}

fn rows(drift: &Drift) -> Vec<Vec<String>> {
    let level = drift.level.as_str();
    let days = |days: f64| format!("{} d", round_days(days));
    let percent = crate::cli::output::percent;
    let mut rows = vec![
        row(level, "usual interval", drift.usual_interval_days, days),
        row(level, "buy again after the first", drift.continues_after_1, percent),
        row(level, "buy again after the second", drift.continues_after_2, percent),
        row(level, "items known", drift.items, |count| count.to_string()),
    ];
    rows.extend(drift.most.iter().map(|moved| row(level, &moved.item, moved.usual_interval_days, days)));
    let untold = drift.items_moved - drift.most.len();
    if untold > 0 {
        rows.push(row(level, "other items moved", Shift { before: None, now: untold }, |n| n.to_string()));
    }
    rows
}

fn row<T: Copy>(level: &str, figure: &str, shift: Shift<T>, told: impl Fn(T) -> String) -> Vec<String> {
    let before = shift.before.map_or_else(|| "–".to_owned(), &told);
    vec![level.to_owned(), figure.to_owned(), before, told(shift.now)]
}
