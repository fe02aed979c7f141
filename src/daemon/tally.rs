//! Owns the counters of a process, for summaries and metrics; decides nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::domain::feedback::FeedbackKind;
use crate::domain::ids::{ChannelName, RuleId};
use crate::domain::job::JobState;
use crate::domain::reason::Reason;

/// What has been done since the process started.
#[derive(Clone, Default)]
pub struct Tally(Arc<Counters>);

#[derive(Default)]
struct Counters {
    planned: AtomicU64,
    moved: AtomicU64,
    withdrawn: AtomicU64,
    delivered: AtomicU64,
    retrying: AtomicU64,
    failed: AtomicU64,
    uncertain: AtomicU64,
    skipped: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Count {
    pub planned: u64,
    pub moved: u64,
    pub withdrawn: u64,
    pub delivered: u64,
    pub retrying: u64,
    pub failed: u64,
    pub uncertain: u64,
    pub skipped: u64,
}

impl Tally {
    /// Occasions that the planner inserted, moved and withdrew.
    pub fn planned(&self, planned: u64, moved: u64, withdrawn: u64) {
        self.0.planned.fetch_add(planned, Ordering::Relaxed);
        self.0.moved.fetch_add(moved, Ordering::Relaxed);
        self.0.withdrawn.fetch_add(withdrawn, Ordering::Relaxed);
        for (change, count) in [("planned", planned), ("moved", moved), ("withdrawn", withdrawn)] {
            metrics::counter!("replenish_occasions_total", "change" => change).increment(count);
        }
    }

    /// A hand-over ended, or a job ended without one.
    pub fn settled(&self, state: JobState, channel: &ChannelName) {
        let counter = match state {
            JobState::Delivered => &self.0.delivered,
            JobState::Scheduled => &self.0.retrying,
            JobState::Failed => &self.0.failed,
            JobState::Uncertain => &self.0.uncertain,
            _ => &self.0.skipped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let state = if state == JobState::Scheduled { "retrying" } else { state.as_str() };
        metrics::counter!("replenish_jobs_total", "state" => state, "channel" => channel.to_string())
            .increment(1);
    }

    /// A guard ended an occasion or a job.
    pub fn skipped(&self, reason: Reason) {
        self.0.skipped.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("replenish_skipped_total", "reason" => reason.as_str()).increment(1);
    }

    /// A guard ended an occasion or a job of this rule.
    pub fn closed(&self, rule: &RuleId, reason: Reason) {
        self.skipped(reason);
        if reason == Reason::Unsuitable {
            self.unsuitable(rule, "skip");
        }
    }

    /// Something did not suit the member, and this was done about it.
    pub fn unsuitable(&self, rule: &RuleId, done: &'static str) {
        metrics::counter!("replenish_unsuitable_total", "rule" => rule.to_string(), "do" => done)
            .increment(1);
    }

    /// So many reports of this kind came back and were new.
    pub fn feedback(&self, kind: FeedbackKind, count: u64) {
        metrics::counter!("replenish_feedback_total", "kind" => kind.as_str()).increment(count);
    }

    /// So many records of this kind came in over HTTP, with this result.
    pub fn took_in(&self, kind: &'static str, results: [(&'static str, u64); 6]) {
        for (result, count) in results.into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("replenish_intake_total", "kind" => kind, "result" => result).increment(count);
        }
    }

    /// So many finished jobs were moved out of the ledger.
    pub fn moved_out(&self, jobs: u64) {
        metrics::counter!("replenish_jobs_moved_out_total").increment(jobs);
    }

    /// The counters now.
    pub fn count(&self) -> Count {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Count {
            planned: read(&self.0.planned),
            moved: read(&self.0.moved),
            withdrawn: read(&self.0.withdrawn),
            delivered: read(&self.0.delivered),
            retrying: read(&self.0.retrying),
            failed: read(&self.0.failed),
            uncertain: read(&self.0.uncertain),
            skipped: read(&self.0.skipped),
        }
    }
}

/// What the counters count, for Prometheus.
const COUNTERS: &[(&str, &str)] = &[
    ("replenish_occasions_total", "Occasions planned, moved and withdrawn"),
    ("replenish_jobs_total", "Jobs by the state a hand-over left them in"),
    ("replenish_skipped_total", "Occasions and jobs that a guard ended, by reason"),
    ("replenish_unsuitable_total", "What did not suit a member, and what was done about it"),
    ("replenish_put_off_total", "Jobs put off before their hand-over: peer rests, or rate used up"),
    ("replenish_jobs_moved_out_total", "Finished jobs moved out of the ledger by retention"),
    (
        "replenish_damaged_total",
        "Members set aside for an hour: a row cannot be read, or a decision stopped on a defect",
    ),
    ("replenish_inbox_total", "Files of the inbox, by what became of them: done, refused"),
    ("replenish_feedback_total", "Bounces, complaints and opt-outs received over HTTP"),
    ("replenish_intake_total", "Records received over HTTP, by kind and by what became of them"),
];

/// What the gauges show.
const GAUGES: &[(&str, &str)] = &[
    ("replenish_paused", "Pauses in force, by what they stop"),
    (
        "replenish_endpoint_disabled",
        "1 while a webhook's channel is paused because its endpoint answered 410 Gone",
    ),
    ("replenish_in_flight", "Jobs queued or sending"),
    ("replenish_worker_well", "1 while the worker polls its queue"),
    ("replenish_worker_restarts", "Restarts of the worker since the start"),
    ("replenish_priors_pairs", "Member and item pairs the priors were learnt from"),
    ("replenish_usual_interval_days", "Days between purchases of an item, as learnt last"),
    ("replenish_continues", "Share that buys an item again after so many purchases"),
    ("replenish_items_moved", "Items that learning last moved by more than a tenth"),
    ("replenish_rules_info", "1 for the hash of the rules in force"),
    ("replenish_rules_valid", "1 when the rules and templates on disk were valid when last read"),
    ("replenish_rules_loaded_timestamp_seconds", "When the rules in force were read last"),
];

/// Starts collecting metrics for this process; the handle renders them for Prometheus.
///
/// # Errors
/// When the process collects metrics already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    for (name, what) in COUNTERS {
        metrics::describe_counter!(*name, *what);
    }
    for (name, what) in GAUGES {
        metrics::describe_gauge!(*name, *what);
    }
    metrics::describe_histogram!("replenish_delivery_seconds", "Time of one hand-over");
    Ok(handle)
}
