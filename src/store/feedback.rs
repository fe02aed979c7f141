//! Owns what came back about messages and addresses; decides nothing.

use super::people::{opt_out, wake};
use super::rows::address;
use super::value::{Flaw, Row, Statement, values};
use super::{JobRef, MemberKey, Store, StoreError, Whom};
use crate::domain::feedback::{BouncePolicy, Feedback, FeedbackKind, told};
use crate::domain::ids::{JobId, MemberId, Timestamp};

/// By what a report names a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    /// Whoever this job is for.
    Job(&'a JobId),
    /// The member of this id.
    Member(&'a MemberId),
    /// Whoever has this e-mail address now; case does not matter.
    Address(&'a str),
}

/// A member whom a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Our key.
    pub key: MemberKey,
    /// The shop's id.
    pub member: MemberId,
    /// The address that the job was sent to by e-mail, else the one that the member has now; in lower case.
    pub address: Option<String>,
}

/// A report on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// When it happened.
    pub at: Timestamp,
    /// What was reported.
    pub kind: FeedbackKind,
    /// What was said.
    pub detail: String,
}

impl Store {
    /// The members whom a report is about, in key order.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn addressees(&self, about: About<'_>) -> Result<Vec<Addressee>, StoreError> {
        self.ask_one(addressees(about)).await?.into_iter().map(addressee).collect()
    }

    /// True when this very report is on record.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn is_recorded(&self, feedback: &Feedback) -> Result<bool, StoreError> {
        let sql = "SELECT n FROM feedback WHERE identity = $1";
        Ok(!self.ask_one(Statement::new(sql, values![feedback.identity()])).await?.is_empty())
    }

    /// Records a report, about `member` where one is known; false when it was on record.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn record(&self, feedback: &Feedback, member: Option<MemberKey>) -> Result<bool, StoreError> {
        let affected = self.write(vec![insert(feedback, member)]).await?;
        Ok(affected.first().is_some_and(|&rows| rows > 0))
    }

    /// What came back about a job, the first report first.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn feedback(&self, job: &JobId) -> Result<Vec<Returned>, StoreError> {
        let sql = "SELECT f.n, f.at, f.kind, f.detail FROM feedback f JOIN job j ON j.key = f.job WHERE j.id = $1 \
            ORDER BY f.at, f.n";
        let found = self.ask_one(Statement::new(sql, values![job.as_str()])).await?.into_iter();
        found.map(|row| Ok(row.keyed("feedback", returned)?.1)).collect()
    }

    /// How many jobs of this member, other than `but`, bounced softly at this address since then.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn soft_bounces(
        &self,
        of: &Addressee,
        but: &JobId,
        since: Timestamp,
    ) -> Result<u64, StoreError> {
        let sql = "SELECT count(DISTINCT f.job) FROM feedback f JOIN job j ON j.key = f.job WHERE f.member = $1 \
            AND f.kind = 'soft_bounce' AND f.at >= $2 AND j.id <> $3 AND coalesce(j.sent_to, $4) = $4";
        let values = values![of.key.0, since, but.as_str(), of.address.as_deref().unwrap_or_default()];
        let count =
            self.ask_one(Statement::new(sql, values)).await?.pop().map(|mut row| row.int()).transpose();
        let count = count.map_err(|why| StoreError::corrupt("feedback", "*", why))?;
        Ok(count.unwrap_or(0).unsigned_abs())
    }

    /// Records that the peer refused this job's address for good when it was handed over, and suppresses that address (the
    /// member, where there is none), in one transaction. What else waits for that address is skipped at its claim.
    /// `detail`: the peer's words. True when the job is known.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn bounce(&self, job: &JobRef, detail: &str, now: Timestamp) -> Result<bool, StoreError> {
        let (ask, job, detail) = (addressees(About::Job(&job.job)), job.job.clone(), detail.to_owned());
        let bounce = move |answers: Vec<Vec<Row>>| {
            let row = answers.into_iter().flatten().next();
            let Some(whose) = row.map(addressee).transpose()? else { return Ok((Vec::new(), false)) };
            Ok((refused(&whose, &job, &detail, now), true))
        };
        Ok(self.amend(vec![ask], bounce).await?.0)
    }
}

/// A hard bounce, and what it leads to.
fn refused(whose: &Addressee, job: &JobId, detail: &str, now: Timestamp) -> Vec<Statement> {
    let feedback = Feedback {
        kind: FeedbackKind::HardBounce,
        job: Some(job.clone()),
        member: None,
        address: None,
        purpose: None,
        at: now,
        detail: told(detail, whose.address.as_deref()),
        id: None,
    };
    let mut script = vec![insert(&feedback, Some(whose.key))];
    if let Some(led) = feedback.consequence(0, &BouncePolicy::default(), now) {
        let whom = whose.address.clone().map_or_else(|| Whom::Member(whose.member.clone()), Whom::Address);
        script.push(opt_out(&whom, &led.what, &led.because, now));
        script.extend(wake(&whom));
    }
    script
}

fn addressees(about: About<'_>) -> Statement {
    let of_member =
        |column| format!("SELECT m.key, m.id, m.address FROM member m WHERE m.{column} = $1 ORDER BY m.key");
    match about {
        About::Job(job) => {
            let sql = "SELECT m.key, m.id, coalesce(j.sent_to, m.address) FROM job j JOIN member m ON m.key = j.member \
                WHERE j.id = $1";
            Statement::new(sql, values![job.as_str()])
        }
        About::Member(id) => Statement::new(of_member("id"), values![id.as_str()]),
        About::Address(email) => Statement::new(of_member("address"), values![address(email)]),
    }
}

fn addressee(row: Row) -> Result<Addressee, StoreError> {
    let (key, (id, address)) = row.keyed("member", |r| Ok((r.text()?, r.opt_text()?)))?;
    Ok(Addressee { key: MemberKey(key), member: id.into(), address })
}

fn insert(feedback: &Feedback, member: Option<MemberKey>) -> Statement {
    let values = values![
        feedback.identity(),
        feedback.job.as_ref().map(JobId::as_str),
        member.map(|m| m.0),
        feedback.kind.as_str(),
        feedback.at,
        feedback.detail.as_str(),
    ];
    Statement::new(
        "INSERT INTO feedback (identity, job, member, kind, at, detail) \
         VALUES ($1, (SELECT key FROM job WHERE id = $2), $3, $4, $5, $6) ON CONFLICT (identity) DO NOTHING",
        values,
    )
}

fn returned(row: &mut Row) -> Result<Returned, Flaw> {
    Ok(Returned { at: row.time()?, kind: row.word(FeedbackKind::parse)?, detail: row.text()? })
}
