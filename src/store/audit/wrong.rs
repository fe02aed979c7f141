//! Owns what finds the violations of each invariant; knows nothing of what is made of them.

use crate::domain::invariant::Invariant;
use crate::store::value::Dialect;

/// Occasions, each with what names it.
const OCCASIONS: &str = "SELECT coalesce(m.id, '?') || ' ' || o.rule || ' ' || o.cycle AS example FROM occasion o \
    LEFT JOIN member m ON m.key = o.member";

/// What finds the violations of an invariant, an example each; none where rules must be asked.
pub(super) fn violations(invariant: Invariant, dialect: Dialect) -> Option<String> {
    of_occasions(invariant).or_else(|| of_waiting(invariant, dialect)).or_else(|| of_records(invariant))
}

fn jobs(wrong: &str) -> String {
    format!("SELECT j.id AS example FROM job j WHERE {wrong}")
}

fn occasions(wrong: &str) -> String {
    format!("{OCCASIONS} WHERE {wrong}")
}

fn of_occasions(invariant: Invariant) -> Option<String> {
    Some(match invariant {
        Invariant::ServedByItsJob => format!(
            "{OCCASIONS} LEFT JOIN job j ON j.key = o.job LEFT JOIN moved v ON v.job = o.job \
             WHERE o.state = 'served' AND v.job IS NULL AND (j.key IS NULL OR j.member <> o.member OR j.shadow)"
        ),
        Invariant::EndedForGood => {
            occasions("o.state = 'open' AND (o.job IS NOT NULL OR o.reason IS NOT NULL)")
        }
        Invariant::JobHasOccasions => jobs(
            "j.state IN ('scheduled', 'queued', 'sending') AND NOT j.shadow \
             AND NOT EXISTS (SELECT 1 FROM occasion o WHERE o.job = j.key)",
        ),
        Invariant::EndsWithReason => format!(
            "{} UNION ALL {}",
            jobs("j.state IN ('skipped', 'cancelled') AND j.reason IS NULL"),
            occasions("o.state = 'closed' AND o.reason IS NULL")
        ),
        _ => return None,
    })
}

/// A live job may look again at a shop in shadow later than it is worth sending.
fn of_waiting(invariant: Invariant, dialect: Dialect) -> Option<String> {
    Some(match invariant {
        Invariant::LeaseWhileInFlight => {
            jobs("(j.lease_until IS NOT NULL) <> (j.state IN ('queued', 'sending'))")
        }
        Invariant::LeaseTakenBack => jobs(&format!(
            "j.lease_until < {} - $2 AND j.state IN ('queued', 'sending')",
            dialect.lease_clock("$1")
        )),
        Invariant::WaitsForStatedTime => format!(
            "{} UNION ALL {}",
            jobs(
                "j.state = 'scheduled' AND j.not_before > j.valid_until AND j.reason IS DISTINCT FROM 'shadow'"
            ),
            occasions("o.state = 'open' AND o.held_until > o.valid_until")
        ),
        _ => return None,
    })
}

fn of_records(invariant: Invariant) -> Option<String> {
    Some(match invariant {
        Invariant::HandOverOnRecord => jobs(
            "(SELECT count(*) FROM attempt a WHERE a.job = j.key) > \
             (SELECT count(*) FROM transition t WHERE t.job = j.key AND t.state = 'sending')",
        ),
        Invariant::DeliveredByAttempt => jobs(
            "j.state = 'delivered' AND NOT EXISTS \
                (SELECT 1 FROM attempt a WHERE a.job = j.key AND a.result = 'delivered') \
             AND coalesce((SELECT t.state FROM transition t WHERE t.job = j.key ORDER BY t.n DESC LIMIT 1 OFFSET 1), '') \
                <> 'uncertain'",
        ),
        Invariant::AttemptsOnRecord => jobs(
            "j.attempts > (SELECT count(*) FROM attempt a WHERE a.job = j.key AND a.result <> 'unreachable')",
        ),
        Invariant::AttemptsByHandOver => jobs(
            "EXISTS (SELECT 1 FROM attempt a WHERE a.job = j.key AND (a.handover < 1 OR a.handover > j.handovers))",
        ),
        Invariant::HistoryEndsHere => jobs(
            "coalesce((SELECT t.state FROM transition t WHERE t.job = j.key ORDER BY t.n DESC LIMIT 1), '') \
             <> CASE WHEN j.state = 'queued' THEN 'scheduled' ELSE j.state END",
        ),
        Invariant::RecordsOfKnownJobs => unknown(),
        Invariant::NothingAfterOptOut => after_opt_out(),
        _ => return None,
    })
}

fn unknown() -> String {
    let of = |table: &str| {
        format!(
            "SELECT '{table} ' || x.n AS example FROM {table} x LEFT JOIN job j ON j.key = x.job \
             WHERE x.job IS NOT NULL AND j.key IS NULL"
        )
    };
    ["attempt", "transition", "feedback"].map(of).join(" UNION ALL ")
}

/// Only opt-outs from everything, without an end: of others it is not on record when they held. An address counts for
/// what went to it.
fn after_opt_out() -> String {
    let of = |own: &str| {
        format!(
            "SELECT j.id AS example FROM suppression s {own} JOIN attempt a ON a.job = j.key \
             WHERE s.item IS NULL AND s.until IS NULL AND (s.purpose IS NULL OR s.purpose = j.purpose) AND NOT j.shadow \
             AND a.at > s.at + $1 AND a.at <= $2 AND a.handover = (SELECT max(b.handover) FROM attempt b WHERE b.job = j.key)"
        )
    };
    let address =
        "JOIN member m ON m.address = s.address JOIN job j ON j.member = m.key AND j.sent_to = s.address";
    format!("{} UNION {}", of("JOIN job j ON j.member = s.member"), of(address))
}
