//! Owns how a member is erased, and how the store knows whom it forgot; decides nothing.

use std::collections::HashSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::catalog::BUMP;
use super::history::{note, recall, recalled};
use super::rows::address;
use super::value::{Dialect, Row, Statement, Value, values};
use super::{Store, StoreError, Whom, on};
use crate::domain::ids::{JobId, MemberId, Timestamp};

/// The row of `meta` that tells one key from another, once someone was forgotten.
const KEY: &str = "forget_key";

/// Hashes ids and addresses so that nobody without the key can tell whose they were.
#[derive(Clone)]
pub struct ForgetKey(Hmac<Sha256>);

impl std::fmt::Debug for ForgetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ForgetKey")
    }
}

impl ForgetKey {
    /// A key of any length.
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&Sha256::digest(key));
        Self(Hmac::<Sha256>::new(&block.into()))
    }

    pub(super) fn of_member(&self, id: &MemberId) -> String {
        self.hash("member", id.as_str())
    }

    pub(super) fn of_address(&self, email: &str) -> String {
        self.hash("address", &address(email))
    }

    pub(super) fn of(&self, whom: &Whom) -> String {
        match whom {
            Whom::Member(id) => self.of_member(id),
            Whom::Address(email) => self.of_address(email),
        }
    }

    fn hash(&self, kind: &str, text: &str) -> String {
        let tag = self.0.clone().chain_update(kind).chain_update([0]).chain_update(text).finalize();
        tag.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn name(&self) -> String {
        self.hash("key", "")
    }
}

/// What erasing a member takes, or took.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// Order lines.
    pub order_lines: u64,
    /// Orders in which nobody else has a line.
    pub orders: u64,
    /// Occasions, in whatever state.
    pub occasions: u64,
    /// Jobs that stay without what they said, to whom, and under another id.
    pub jobs: u64,
    /// Jobs among them that were scheduled or queued, and no longer are.
    pub cancelled: u64,
    /// Jobs that are being handed over at this moment: they end as they would.
    pub sending: u64,
    /// Opt-outs, which the keyed hashes stand in for.
    pub suppressions: u64,
    /// Addresses of the member, also those that messages went to before.
    pub addresses: u64,
    /// Those that another member has, too: they are not kept from coming back.
    pub shared_addresses: u64,
}

/// Asks what tells whether anyone was forgotten, and under which key; [`gate`] reads the answer.
pub(super) fn forgot_anyone() -> Statement {
    recall(KEY)
}

/// The key to look people up with; none while nobody was forgotten.
pub(super) fn gate(key: Option<&ForgetKey>, answer: Vec<Row>) -> Result<Option<&ForgetKey>, StoreError> {
    match (recalled(KEY, answer)?, key) {
        (None, _) => Ok(None),
        (Some(name), Some(key)) if name == key.name() => Ok(Some(key)),
        (Some(_), _) => Err(StoreError::ForgetKey),
    }
}

/// Those of these hashes that stand for someone forgotten; [`texts`] reads the answer.
pub(super) fn forgotten_among(dialect: Dialect, wanted: impl Iterator<Item = String>) -> Statement {
    let sql = format!("SELECT hash FROM forgotten WHERE hash {}", dialect.any("$1"));
    Statement::new(sql, vec![wanted.collect()])
}

/// The texts of an answer that has nothing else.
pub(super) fn texts(answer: Vec<Row>) -> Result<HashSet<String>, StoreError> {
    let read = |mut row: Row| row.text().map_err(|why| StoreError::corrupt("forgotten or member", "*", why));
    answer.into_iter().map(read).collect()
}

impl Store {
    /// True when this member or address was forgotten.
    ///
    /// # Errors
    /// When the store cannot answer, or has forgotten members under another key.
    pub async fn is_forgotten(&self, whom: &Whom) -> Result<bool, StoreError> {
        let Some(key) = gate(self.forget.as_ref(), self.ask_one(forgot_anyone()).await?)? else {
            return Ok(false);
        };
        let ask = forgotten_among(self.dialect(), std::iter::once(key.of(whom)));
        Ok(!self.ask_one(ask).await?.is_empty())
    }

    /// What forgetting this member would erase; none when nobody has the id.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn to_erase(&self, member: &MemberId) -> Result<Option<Erased>, StoreError> {
        let Some(key) = self.member_by_id(member).await? else { return Ok(None) };
        let count = |sql: &str| Statement::new(format!("SELECT count(*) {sql}"), values![key.0]);
        let mut asks = vec![
            count("FROM line WHERE member = $1"),
            count(&format!("FROM orders {OWN_ORDERS}")),
            count("FROM occasion WHERE member = $1"),
            count("FROM job WHERE member = $1"),
            count("FROM job WHERE member = $1 AND state IN ('scheduled', 'queued')"),
            count("FROM job WHERE member = $1 AND state = 'sending'"),
            count("FROM suppression WHERE member = $1"),
        ];
        asks.extend(addresses(member));
        let mut answers = self.ask(asks).await?.into_iter();
        let mut next = || -> Result<u64, StoreError> {
            let row = answers.next().unwrap_or_default().pop().map(|mut row| row.int()).transpose();
            Ok(row.map_err(|why| StoreError::corrupt("member", key.0, why))?.unwrap_or(0).unsigned_abs())
        };
        let mut erased = Erased {
            order_lines: next()?,
            orders: next()?,
            occasions: next()?,
            jobs: next()?,
            cancelled: next()?,
            sending: next()?,
            suppressions: next()?,
            ..Erased::default()
        };
        erased.addresses = answers.next().map_or(0, |rows| rows.len() as u64);
        erased.shared_addresses = answers.next().map_or(0, |rows| rows.len() as u64);
        Ok(Some(erased))
    }

    /// What a member is called in other places: the id, and the addresses in lower case.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn names_of(&self, member: &MemberId) -> Result<Vec<String>, StoreError> {
        let [known, _] = addresses(member);
        let mut names: Vec<String> = texts(self.ask_one(known).await?)?.into_iter().collect();
        names.push(member.to_string());
        Ok(names)
    }

    /// The jobs of a member that are in the ledger, and those that were moved out.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn job_ids(&self, member: &MemberId) -> Result<Vec<JobId>, StoreError> {
        let sql = "SELECT j.id FROM job j JOIN member m ON m.key = j.member WHERE m.id = $1 UNION \
            SELECT w.id FROM moved w JOIN occasion o ON o.job = w.job JOIN member m ON m.key = o.member WHERE m.id = $1";
        let found = self.ask_one(Statement::new(sql, values![member.as_str()])).await?;
        let read = |mut row: Row| row.text().map_err(|why| StoreError::corrupt("job", "*", why));
        found.into_iter().map(|row| Ok(read(row)?.into())).collect()
    }

    /// Erases a member in one transaction: the person, the history, what was planned and said. What waits is cancelled;
    /// what is being handed over ends as it would, and finds nothing more. Keyed hashes of id and addresses keep both
    /// from coming back. False when nobody has the id.
    ///
    /// # Errors
    /// When the store cannot answer, or there is no key, or not the one that others were forgotten with.
    pub async fn forget(&self, member: &MemberId, because: &str, now: Timestamp) -> Result<bool, StoreError> {
        let key = self.forget.clone().ok_or(StoreError::ForgetKey)?;
        let [known, shared] = addresses(member);
        let sql = format!("SELECT key FROM member WHERE id = $1 {}", self.dialect().for_update());
        let asks = vec![
            alone(self.dialect()),
            forgot_anyone(),
            Statement::new(sql, values![member.as_str()]),
            known,
            shared,
        ];
        let (id, because, dialect) = (member.clone(), because.to_owned(), self.dialect());
        let forget = move |answers: Vec<Vec<Row>>| {
            let [_, named, found, known, shared]: [Vec<Row>; 5] = answers.try_into().unwrap_or_default();
            gate(Some(&key), named)?;
            let Some(found) = found.into_iter().next() else { return Ok((Vec::new(), false)) };
            let (member, ()) = found.keyed("member", |_| Ok(()))?;
            let (known, shared) = (texts(known)?, texts(shared)?);
            let own: Vec<&str> = known.difference(&shared).map(String::as_str).collect();
            let mut script = vec![note(KEY, &key.name())];
            let kept = own.iter().map(|email| key.of_address(email)).chain([key.of_member(&id)]);
            script.extend(kept.map(|hash| remember(&hash, &because, now)));
            script.extend(erase(dialect, member, &own, now));
            script.push(unname(&id));
            Ok((script, true))
        };
        Ok(self.amend(asks, forget).await?.0)
    }

    /// Leaves nothing of what was erased in the files of an embedded ledger: writes it anew, and empties its write-ahead
    /// log. False when someone writes, or reads what was there before, for so long that it has to wait.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn wipe(&self) -> Result<bool, StoreError> {
        on!(self, engine => engine.wipe().await)
    }
}

/// Orders in which this member alone has lines; `$1` is the member.
const OWN_ORDERS: &str = "WHERE key IN (SELECT l.order_key FROM line l WHERE l.member = $1) \
    AND NOT EXISTS (SELECT 1 FROM line l WHERE l.order_key = orders.key AND l.member <> $1)";

/// Nobody else stores records until the transaction ends: what came under the member's id is found, and nothing follows.
fn alone(dialect: Dialect) -> Statement {
    Statement::new(dialect.hold_forgotten(true), Vec::new())
}

/// Waits for whoever is forgetting a member, and keeps others from it until the transaction ends.
pub(super) fn beside(dialect: Dialect) -> Statement {
    Statement::new(dialect.hold_forgotten(false), Vec::new())
}

/// The addresses of a member, and those among them that another one has.
fn addresses(member: &MemberId) -> [Statement; 2] {
    let own = "SELECT m.address FROM member m WHERE m.id = $1 AND m.address IS NOT NULL UNION \
        SELECT j.sent_to FROM job j JOIN member m ON m.key = j.member WHERE m.id = $1 AND j.sent_to IS NOT NULL";
    let shared = format!(
        "SELECT own.address FROM ({own}) own WHERE EXISTS \
            (SELECT 1 FROM member other WHERE other.address = own.address AND other.id <> $1)"
    );
    [own.to_owned(), shared].map(|sql| Statement::new(sql, values![member.as_str()]))
}

fn remember(hash: &str, because: &str, now: Timestamp) -> Statement {
    let sql = "INSERT INTO forgotten (hash, because, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Statement::new(sql, values![hash, because, now])
}

/// What people did about the member stays on record; whom they named does not. The record is JSON: no other id, and no
/// word, is written as this one is.
fn unname(member: &MemberId) -> Statement {
    let named = serde_json::Value::from(member.as_str()).to_string();
    let sql =
        "UPDATE deed SET asked = replace(asked, $1, '\"(forgotten)\"') WHERE asked <> replace(asked, $1, '')";
    Statement::new(sql, values![named])
}

/// Everything that says something of the member, in an order in which each step still finds its rows.
fn erase(dialect: Dialect, member: i64, addresses: &[&str], now: Timestamp) -> Vec<Statement> {
    let of = |sql: String| Statement::new(sql, values![member]);
    let jobs = "(SELECT key FROM job WHERE member = $1)";
    let mut script = vec![Statement::new(
        "UPDATE job SET state = 'cancelled', reason = 'forgotten', changed_at = $2, lease_until = NULL \
         WHERE member = $1 AND state IN ('scheduled', 'queued')",
        values![member, now],
    )];
    let addresses: Value = addresses.iter().copied().collect();
    let by_address = format!("DELETE FROM suppression WHERE address {}", dialect.any("$1"));
    script.push(Statement::new(by_address, vec![addresses]));
    let steps = [
        format!("UPDATE attempt SET reply = NULL WHERE job IN {jobs}"),
        format!(
            "UPDATE feedback SET detail = '', identity = 'forgotten ' || n, member = NULL WHERE member = $1 OR job IN {jobs}"
        ),
        "DELETE FROM moved WHERE job IN (SELECT job FROM occasion WHERE member = $1)".to_owned(),
        "DELETE FROM occasion WHERE member = $1".to_owned(),
        // who settles a hand-over still knows the job by its id
        "UPDATE job SET id = 'job_forgotten_' || key WHERE member = $1 AND state <> 'sending'".to_owned(),
        "UPDATE job SET content = NULL, sent_to = NULL WHERE member = $1".to_owned(),
        format!("DELETE FROM orders {OWN_ORDERS}"),
        "DELETE FROM line WHERE member = $1".to_owned(),
        "DELETE FROM suppression WHERE member = $1".to_owned(),
        "DELETE FROM dropout WHERE member = $1".to_owned(),
        "DELETE FROM stage_change WHERE member = $1".to_owned(),
    ];
    script.extend(steps.map(of));
    script.extend(nobody(member, now));
    // whoever keeps keys of ids in memory looks them up anew
    script.push(Statement::new(BUMP, Vec::new()));
    script
}

/// Leaves nobody in particular behind, who agreed to nothing and has opted out of everything: jobs still count.
fn nobody(member: i64, now: Timestamp) -> [Statement; 2] {
    let bare = "UPDATE member SET id = '(forgotten ' || key || ')', email = NULL, address = NULL, name = NULL, \
        locale = NULL, zone = NULL, region = NULL, tags = '[]', consent = '[]', contacts = '{}', joined_at = NULL, \
        membership_expires_at = NULL, subscribed_items = '[]', wake_at = NULL, planned_with = NULL, stage = NULL, \
        stage_since = NULL WHERE key = $1";
    let opt_out = "INSERT INTO suppression (member, because, at) VALUES ($1, 'forgotten', $2)";
    [Statement::new(bare, values![member]), Statement::new(opt_out, values![member, now])]
}
