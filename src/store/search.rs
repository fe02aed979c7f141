//! Owns what support staff find in the ledger: jobs, occasions that have none, counts; changes nothing.

use super::rows::{self, delivery};
use super::status::ENDED;
use super::value::{Row, Statement, Value};
use super::{MemberKey, Store, StoreError};
use crate::domain::deed::DeedKind;
use crate::domain::ids::{ChannelName, JobId, MemberId, OrderId, RuleId, Timestamp};
use crate::domain::job::{Job, JobState, Outcome};
use crate::domain::occasion::{Occasion, OccasionState};
use crate::domain::reason::Reason;

/// What to look for among jobs, and occasions without one: see [`ListedAs::state`]. All given filters must hold.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// In one of these states; empty for any.
    pub states: Vec<JobState>,
    /// Of this rule, as it was called then.
    pub rule: Option<RuleId>,
    /// Of this member.
    pub member: Option<MemberId>,
    /// Of members who now have this e-mail address.
    pub address: Option<String>,
    /// About the cycle that this order opened.
    pub order: Option<OrderId>,
    /// This job.
    pub job: Option<JobId>,
    /// On this channel: no occasion has one yet.
    pub channel: Option<ChannelName>,
    /// Ended at this time or later; what has not ended: due then.
    pub since: Option<Timestamp>,
    /// Due before this time.
    pub until: Option<Timestamp>,
    /// Standing where it stands, or held, for this reason.
    pub reason: Option<Reason>,
    /// At most so many.
    pub limit: Option<usize>,
    /// Jobs come with what they say.
    pub with_content: bool,
}

/// A row of `jobs list`.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The member.
    pub member: MemberId,
    /// Our key of the member.
    pub key: MemberKey,
    /// What was found.
    pub what: ListedAs,
}

/// What a row of `jobs list` is.
#[derive(Debug, Clone, PartialEq)]
pub enum ListedAs {
    /// A job; without its content unless that was asked for.
    Job(Job),
    /// An occasion that is open or closed, without its evidence: no job speaks for it.
    Occasion(Occasion),
}

impl ListedAs {
    /// Where it stands, in the words of jobs: an open occasion is `scheduled`, a closed one `skipped`, unless a person
    /// cancelled it.
    pub fn state(&self) -> JobState {
        match self {
            ListedAs::Job(job) => job.state,
            ListedAs::Occasion(occasion) => match occasion.state {
                OccasionState::Closed(Reason::CancelledByPerson) => JobState::Cancelled,
                OccasionState::Closed(_) => JobState::Skipped,
                OccasionState::Open | OccasionState::Served(_) => JobState::Scheduled,
            },
        }
    }

    /// When it falls due.
    pub fn due_at(&self) -> Timestamp {
        match self {
            ListedAs::Job(job) => job.due_at,
            ListedAs::Occasion(occasion) => occasion.due_at,
        }
    }
}

/// All that the ledger knows of one job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// Our key of the member.
    pub key: MemberKey,
    /// The member.
    pub member: MemberId,
    /// The job, with its content.
    pub job: Job,
    /// The occasions that it serves, with their evidence.
    pub occasions: Vec<Occasion>,
    /// Its hand-overs, the first one first.
    pub attempts: Vec<Attempt>,
    /// Its life, from its beginning.
    pub transitions: Vec<Transition>,
}

/// One hand-over's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// When.
    pub at: Timestamp,
    /// How; what `retry_after` asked is not kept.
    pub outcome: Outcome,
}

/// One step of a job's life: `history` in `jobs show`. Being offered leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Timestamp,
    /// Where it stood then.
    pub state: JobState,
    /// Why.
    pub reason: Option<Reason>,
    /// Who did it, and what, when a person did.
    pub by: Option<(String, DeedKind)>,
}

impl Store {
    /// What matches the filter, by due date; of one date, in the order in which it came to be.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn jobs(&self, filter: JobFilter) -> Result<Vec<Listed>, StoreError> {
        let mut asks = vec![jobs(&filter)];
        if filter.job.is_none() && filter.channel.is_none() {
            let wanted = |state: &JobState| filter.states.is_empty() || filter.states.contains(state);
            asks.extend(
                OCCASIONS.iter().filter(|(state, _)| wanted(state)).map(|(_, of)| occasions(&filter, of)),
            );
        }
        let mut answers = self.ask(asks).await?.into_iter();
        let mut found = Vec::new();
        for row in answers.next().unwrap_or_default() {
            let (key, (id, job)) = row.keyed("job", |r| Ok((r.text()?, rows::job(r)?)))?;
            found.push(Listed { member: id.into(), key: MemberKey(key), what: ListedAs::Job(job) });
        }
        for row in answers.flatten() {
            let (key, (id, occasion)) = row.keyed("occasion", |r| Ok((r.text()?, rows::occasion(r)?)))?;
            found.push(Listed { member: id.into(), key: MemberKey(key), what: ListedAs::Occasion(occasion) });
        }
        found.sort_by_key(|l| l.what.due_at());
        found.truncate(filter.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Everything about one job; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn job(&self, id: &JobId) -> Result<Option<JobRecord>, StoreError> {
        let asks = questions().map(|sql| Statement::new(sql, vec![id.as_str().into()]));
        let [job, occasions, attempts, transitions]: [Vec<Row>; 4] =
            self.ask(asks.into()).await?.try_into().unwrap_or_default();
        let Some(row) = job.into_iter().next() else { return Ok(None) };
        let (key, (member, job)) = row.keyed("job", |r| Ok((r.text()?, rows::job(r)?)))?;
        Ok(Some(JobRecord {
            key: MemberKey(key),
            member: member.into(),
            job,
            occasions: each(occasions, "occasion", rows::occasion)?,
            attempts: each(attempts, "attempt", attempt)?,
            transitions: each(transitions, "transition", transition)?,
        }))
    }

    /// How many jobs and open occasions (as `scheduled`) stand where, and why.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn counts(&self) -> Result<Vec<(JobState, Option<Reason>, u64)>, StoreError> {
        let sql = "SELECT sum_of.n, sum_of.state, sum_of.reason FROM (SELECT count(*) AS n, t.state, t.reason FROM \
            (SELECT state, reason FROM job UNION ALL SELECT 'scheduled', held_for FROM occasion WHERE state = 'open') t \
            GROUP BY t.state, t.reason) sum_of ORDER BY sum_of.state, sum_of.reason";
        let found = self.ask_one(Statement::new(sql, Vec::new())).await?;
        let count = |row: Row| {
            let (n, (state, reason)) =
                row.keyed("job", |r| Ok((r.word(JobState::parse)?, r.opt_word(Reason::parse)?)))?;
            Ok((state, reason, n.unsigned_abs()))
        };
        found.into_iter().map(count).collect()
    }
}

/// What to ask for one job.
fn questions() -> [String; 4] {
    let (job, occasion) = (rows::JOB, rows::OCCASION);
    [
        format!(
            "SELECT j.member, m.id, {job}, j.content FROM job j JOIN member m ON m.key = j.member WHERE j.id = $1"
        ),
        format!(
            "SELECT o.member, {occasion}, o.evidence FROM job j JOIN occasion o ON o.job = j.key WHERE j.id = $1 \
             ORDER BY o.due_at, o.item, o.cycle"
        ),
        "SELECT a.n, a.at, a.result, a.reason, a.code, a.reply, a.relay FROM attempt a JOIN job j ON j.key = a.job \
         WHERE j.id = $1 ORDER BY a.n"
            .to_owned(),
        // the first one is the job's beginning: no person's
        "SELECT t.n, t.at, t.state, t.reason, d.who, d.what FROM job j JOIN transition t ON t.job = j.key \
         LEFT JOIN deed d ON d.n = (SELECT min(e.n) FROM deed e WHERE e.at = t.at AND t.n > \
            (SELECT min(f.n) FROM transition f WHERE f.job = j.key)) WHERE j.id = $1 ORDER BY t.n"
            .to_owned(),
    ]
}

fn each<T>(
    rows: Vec<Row>,
    table: &'static str,
    read: impl Fn(&mut Row) -> Result<T, String>,
) -> Result<Vec<T>, StoreError> {
    rows.into_iter().map(|row| Ok(row.keyed(table, &read)?.1)).collect()
}

fn attempt(row: &mut Row) -> Result<Attempt, String> {
    let at = row.time()?;
    let mut outcome = Outcome::new(row.word(delivery)?, row.opt_word(Reason::parse)?);
    (outcome.code, outcome.reply, outcome.relay) = (row.opt_text()?, row.opt_text()?, row.opt_text()?);
    Ok(Attempt { at, outcome })
}

fn transition(row: &mut Row) -> Result<Transition, String> {
    let (at, state, reason) = (row.time()?, row.word(JobState::parse)?, row.opt_word(Reason::parse)?);
    let by = row.opt_text()?.zip(row.opt_word(DeedKind::parse)?);
    Ok(Transition { at, state, reason, by: by.filter(|(_, what)| what.moves_to(state, reason)) })
}

/// Conditions gathered one by one, each with its own `$n`.
struct Wanted {
    sql: String,
    values: Vec<Value>,
}

impl Wanted {
    /// Adds a condition, where there is a value for its `?`.
    fn also(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.push(value.into());
            let place = format!("${}", self.values.len());
            self.sql += &format!(" AND {}", condition.replace('?', &place));
        }
    }

    /// What jobs and occasions have in common.
    fn common(&mut self, filter: &JobFilter, table: &str, when: &str) {
        self.also(&format!("{table}.rule = ?"), filter.rule.as_ref().map(RuleId::as_str));
        self.also("m.id = ?", filter.member.as_ref().map(MemberId::as_str));
        self.also("m.address = ?", filter.address.as_deref().map(rows::address));
        let of_order =
            "m.key IN (SELECT l.member FROM line l JOIN orders r ON r.key = l.order_key WHERE r.id = ?)";
        self.also(of_order, filter.order.as_ref().map(OrderId::as_str));
        self.also(&format!("{when} >= ?"), filter.since);
        self.also(&format!("{when} < ?"), filter.until);
    }

    fn finish(mut self, order: &str, limit: Option<usize>) -> Statement {
        self.sql += &format!(" ORDER BY {order}");
        if let Some(limit) = limit {
            self.sql += &format!(" LIMIT {limit}");
        }
        Statement::new(self.sql, self.values)
    }
}

fn jobs(filter: &JobFilter) -> Statement {
    let (job, content) = (rows::JOB, if filter.with_content { "j.content" } else { "NULL" });
    let sql = format!(
        "SELECT j.member, m.id, {job}, {content} FROM job j JOIN member m ON m.key = j.member WHERE true"
    );
    let mut wanted = Wanted { sql, values: Vec::new() };
    wanted.common(filter, "j", &format!("CASE WHEN j.{ENDED} THEN j.changed_at ELSE j.due_at END"));
    wanted.also("j.id = ?", filter.job.as_ref().map(JobId::as_str));
    wanted.also("j.channel = ?", filter.channel.as_ref().map(ChannelName::as_str));
    wanted.also("j.reason = ?", filter.reason.map(Reason::as_str));
    let about = "j.key IN (SELECT o.job FROM occasion o WHERE o.cycle = ?)";
    wanted.also(about, filter.order.as_ref().map(OrderId::as_str));
    if !filter.states.is_empty() {
        let states: Vec<String> = filter.states.iter().map(|s| format!("'{}'", s.as_str())).collect();
        wanted.sql += &format!(" AND j.state IN ({})", states.join(", "));
    }
    wanted.finish("j.due_at, j.key", filter.limit)
}

/// Which occasions without a job stand where: as [`ListedAs::state`] says it, and as the indexes do.
const OCCASIONS: [(JobState, &str); 3] = [
    (JobState::Scheduled, "o.state = 'open'"),
    (JobState::Skipped, "o.state = 'closed' AND o.reason <> 'cancelled_by_person'"),
    (JobState::Cancelled, "o.state = 'closed' AND o.reason = 'cancelled_by_person'"),
];

fn occasions(filter: &JobFilter, standing: &str) -> Statement {
    let occasion = rows::OCCASION;
    let sql = format!(
        "SELECT o.member, m.id, {occasion}, NULL FROM occasion o JOIN member m ON m.key = o.member \
         LEFT JOIN job j ON j.key = o.job WHERE {standing}"
    );
    let mut wanted = Wanted { sql, values: Vec::new() };
    wanted.common(filter, "o", "o.due_at");
    wanted.also("coalesce(o.reason, o.held_for) = ?", filter.reason.map(Reason::as_str));
    wanted.also("o.cycle = ?", filter.order.as_ref().map(OrderId::as_str));
    wanted.finish("o.due_at, o.member, o.rule, o.step, o.item, o.cycle", filter.limit)
}
