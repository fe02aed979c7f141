//! Owns the figures of the morning view: what ended, waits and came back; bounded by a stretch of time and by what is
//! open, never by the whole history.

use super::value::{Row, Statement, values};
use super::{MemberKey, Store, StoreError, view};
use crate::domain::catalog::Item;
use crate::domain::feedback::FeedbackKind;
use crate::domain::ids::Timestamp;
use crate::domain::job::JobState;
use crate::domain::member::MemberView;
use crate::domain::reason::Reason;

/// What happened, and what waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Course {
    /// Jobs that came to an end, by state and reason.
    pub ended: Vec<(JobState, Option<Reason>, u64)>,
    /// Jobs and open occasions that wait for a reason.
    pub waiting: Vec<(Reason, u64)>,
    /// What came back.
    pub feedback: Vec<(FeedbackKind, u64)>,
    /// For each stretch asked: open occasions and scheduled jobs that get ready in it.
    pub due: Vec<(u64, u64)>,
}

/// A delivered reminder's item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminded {
    /// Whom.
    pub member: MemberKey,
    /// Of what.
    pub item: Item,
    /// When it was handed over.
    pub at: Timestamp,
}

/// As the index on ended jobs says it.
pub(super) const ENDED: &str = "state IN ('delivered', 'failed', 'uncertain', 'skipped', 'cancelled')";

impl Store {
    /// What ended and came back from `since` until `now`, what waits, and what gets ready within each of `stretches`.
    /// Shadow jobs count nowhere, nor does what waits only to be over.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn course(
        &self,
        since: Timestamp,
        now: Timestamp,
        stretches: &[(Timestamp, Timestamp)],
    ) -> Result<Course, StoreError> {
        let mut asks = figures(since, now).to_vec();
        asks.extend(stretches.iter().map(|(from, until)| due(*from, *until)));
        let mut answers = self.ask(asks).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let ended = read(next(), "job", |r| Ok((r.word(JobState::parse)?, r.opt_word(Reason::parse)?)))?;
        let waiting = read(next(), "job", |r| r.word(Reason::parse))?;
        let feedback = read(next(), "feedback", |r| r.word(FeedbackKind::parse))?;
        let due = answers.flatten().map(|row| Ok(counted(row.keyed("job", Row::int)?)));
        Ok(Course {
            ended: ended.into_iter().map(|((state, reason), n)| (state, reason, n)).collect(),
            waiting,
            feedback,
            due: due.collect::<Result<_, StoreError>>()?,
        })
    }

    /// The items of the reminders that were delivered from `since` until before `until`, in the members' key order.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn reminded(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Reminded>, StoreError> {
        let sql = format!(
            "SELECT o.member, o.item, coalesce(j.handed_over_at, j.changed_at) FROM job j JOIN occasion o ON o.job = j.key \
             WHERE j.{ENDED} AND j.changed_at >= $1 AND j.changed_at < $2 AND j.state = 'delivered' \
             AND j.purpose = 'reminder' AND NOT j.shadow ORDER BY o.member, o.item"
        );
        let found = self.ask_one(Statement::new(sql, values![since, until])).await?;
        let reminded = found.into_iter().map(|row| {
            let (key, (item, at)) = row.keyed("occasion", |r| Ok((Item::from(r.int()?), r.time()?)))?;
            Ok(Reminded { member: MemberKey(key), item, at })
        });
        reminded.collect()
    }

    /// The views of these members, read only, in key order, but for those with a damaged row; contacts do not matter.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn views_of(
        &self,
        members: &[MemberKey],
        now: Timestamp,
    ) -> Result<Vec<(MemberKey, MemberView)>, StoreError> {
        let views = view::views(self.ask(view::questions(self.dialect(), members, now, now)).await?, now)?;
        Ok(views.into_iter().filter_map(|(key, view)| Some((key, view.ok()?))).collect())
    }
}

fn figures(since: Timestamp, now: Timestamp) -> [Statement; 3] {
    let ended = format!(
        "SELECT count(*) AS n, state, reason FROM job WHERE {ENDED} AND changed_at >= $1 AND changed_at <= $2 \
         AND NOT shadow GROUP BY state, reason ORDER BY n DESC, state, reason"
    );
    let waiting = "SELECT CAST(sum(t.n) AS BIGINT) AS n, t.reason FROM \
        (SELECT count(*) AS n, reason FROM job WHERE state = 'scheduled' AND reason IS NOT NULL AND NOT shadow GROUP BY reason \
         UNION ALL SELECT count(*), held_for FROM occasion WHERE state = 'open' AND held_for IS NOT NULL \
            AND held_for <> 'shadow' GROUP BY held_for) t GROUP BY t.reason ORDER BY n DESC, t.reason";
    let feedback =
        "SELECT count(*) AS n, kind FROM feedback WHERE at >= $1 AND at <= $2 GROUP BY kind ORDER BY kind";
    [
        Statement::new(ended, values![since, now]),
        Statement::new(waiting, Vec::new()),
        Statement::new(feedback, values![since, now]),
    ]
}

fn due(from: Timestamp, until: Timestamp) -> Statement {
    let count = |table: &str, state: &str| {
        format!(
            "(SELECT count(*) FROM {table} WHERE state = '{state}' AND ready_at >= $1 AND ready_at < $2 \
             AND ready_at < valid_until)"
        )
    };
    let sql = format!("SELECT {}, {}", count("occasion", "open"), count("job", "scheduled"));
    Statement::new(sql, values![from, until])
}

/// Counts, each with what it counts.
fn read<T>(
    rows: Vec<Row>,
    table: &'static str,
    what: impl Fn(&mut Row) -> Result<T, String>,
) -> Result<Vec<(T, u64)>, StoreError> {
    let counts = rows.into_iter().map(|row| {
        let (n, what) = row.keyed(table, &what)?;
        Ok((what, n.unsigned_abs()))
    });
    counts.collect()
}

fn counted((occasions, jobs): (i64, i64)) -> (u64, u64) {
    (occasions.unsigned_abs(), jobs.unsigned_abs())
}
