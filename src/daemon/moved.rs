//! Owns how ops hear what learning changed: a log line a level, and gauges; compares nothing itself.

use crate::domain::drift::Drift;

/// Logs and measures what moved. Items are named by the shop's ids.
pub(super) fn tell(drifts: &[Drift]) {
    for drift in drifts {
        log(drift);
        measure(drift);
    }
}

fn log(drift: &Drift) {
    let Drift { usual_interval_days: usual, continues_after_1: once, continues_after_2: twice, .. } = drift;
    let Some(usual_before) = usual.before else {
        tracing::info!(
            level = drift.level.as_str(),
            usual_interval_days = usual.now,
            continues_after_1 = once.now,
            continues_after_2 = twice.now,
            items = drift.items.now,
            "learnt for the first time"
        );
        return;
    };
    let most: Vec<String> = drift
        .most
        .iter()
        .map(|moved| {
            let days = moved.usual_interval_days;
            format!("{} {:.0} -> {:.0} d", moved.item, days.before.unwrap_or(days.now), days.now)
        })
        .collect();
    tracing::info!(
        level = drift.level.as_str(),
        usual_interval_days = usual.now,
        usual_interval_days_before = usual_before,
        continues_after_1 = once.now,
        continues_after_1_before = once.before,
        continues_after_2 = twice.now,
        continues_after_2_before = twice.before,
        items = drift.items.now,
        items_before = drift.items.before,
        items_moved = drift.items_moved,
        most = most.join(", "),
        "what learning moved"
    );
}

fn measure(drift: &Drift) {
    let level = drift.level.as_str();
    metrics::gauge!("replenish_usual_interval_days", "level" => level).set(drift.usual_interval_days.now);
    for (purchases, share) in [("1", drift.continues_after_1), ("2", drift.continues_after_2)] {
        metrics::gauge!("replenish_continues", "level" => level, "purchases" => purchases).set(share.now);
    }
    metrics::gauge!("replenish_items_moved", "level" => level).set(drift.items_moved as f64);
}
