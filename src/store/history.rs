//! Owns what the shop's records say: orders, members, products, and when they came; knows nothing of what follows.

use std::collections::{BTreeSet, HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::catalog::BUMP;
use super::forget::{ForgetKey, beside, forgot_anyone, forgotten_among, gate, texts};
use super::merge::Sold;
use super::updates::{StoredLine, Word};
use super::value::{Dialect, Row, Statement, Value, values};
use super::{MemberKey, Store, StoreError, on, rows};
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::{MemberId, ProductId, Timestamp};
use crate::domain::member::{Member, MemberRecord};
use crate::domain::order::{Line, LineIdentity, OrderLine};

/// What one chunk of records did to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Records that were new.
    pub stored: u64,
    /// Records that said something else of what was known.
    pub replaced: u64,
    /// Records that said nothing new.
    pub duplicate: u64,
    /// Records of members or addresses that were forgotten: nothing of them is kept.
    pub ignored: u64,
    /// Returns of what was never bought, as far as is known: nothing of them is kept.
    pub unknown: u64,
    /// Lines of orders that their shop has changed since: nothing of them is kept.
    pub outdated: u64,
    /// Lines that an order no longer has.
    pub removed: u64,
}

impl std::ops::AddAssign for Stored {
    fn add_assign(&mut self, more: Self) {
        self.stored += more.stored;
        self.replaced += more.replaced;
        self.duplicate += more.duplicate;
        self.ignored += more.ignored;
        self.unknown += more.unknown;
        self.outdated += more.outdated;
        self.removed += more.removed;
    }
}

/// Releases what guards held back, of all members; `AND member …` narrows it. What a shadow job speaks for rests on.
pub(super) const RELEASE: &str = "UPDATE occasion SET held_until = NULL, held_for = NULL \
    WHERE state = 'open' AND held_until IS NOT NULL AND held_for IS DISTINCT FROM 'shadow'";

/// Looks again at jobs that waited for stock: a claim put them off until they are over.
const RESTOCK: &str =
    "UPDATE job SET not_before = NULL, reason = NULL WHERE state = 'scheduled' AND reason = 'out_of_stock'";

/// The row of `meta` that says when an order feed last arrived.
const FEED_AT: &str = "feed_at";

impl Store {
    /// Stores one chunk of order lines in one transaction. Members, products and
    /// categories not known yet get bare rows; a category given on a line is set on a product that has none. Wakes the
    /// members whose lines changed and releases their holds; a line that now names another member moves, and wakes both;
    /// a product that comes into its category wakes whoever bought it. A member without an e-mail address gets the one
    /// that a line says.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the chunk is kept then.
    pub async fn put_orders(&self, lines: Vec<OrderLine>) -> Result<Stored, StoreError> {
        self.put_file(lines, None, false).await
    }

    /// The same for lines that were true `as_of` then, at the latest: orders that their shop has changed since, by its
    /// webhooks, are passed over. A `whole` chunk holds all lines of each of its orders: whatever else is stored of these
    /// orders goes, but for returns that the chunk says nothing of.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the chunk is kept then.
    pub async fn put_file(
        &self,
        lines: Vec<OrderLine>,
        as_of: Option<Timestamp>,
        whole: bool,
    ) -> Result<Stored, StoreError> {
        let word = Word { whole, as_of, forget: self.forget.clone(), fence: None };
        let stored = on!(self, engine => engine.put_orders(lines, word).await)?;
        Ok(stored.unwrap_or_default())
    }

    /// Lays records over what is known of members, in one transaction; wakes those that changed, releases their holds.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the chunk is kept then.
    pub async fn put_members(&self, records: Vec<MemberRecord>) -> Result<Stored, StoreError> {
        let dialect = self.dialect();
        let sql = format!(
            "SELECT key, {} FROM member WHERE id {} ORDER BY key {}",
            rows::MEMBER,
            dialect.any("$1"),
            dialect.for_update()
        );
        let ids: Value = records.iter().map(|r| r.id.as_str()).collect();
        let release =
            format!("{RELEASE} AND member IN (SELECT key FROM member WHERE id {})", dialect.any("$1"));
        let forget = self.forget.clone();
        let hashed = records.iter().flat_map(|r| hashes_of(forget.as_ref(), r));
        let asks = vec![
            beside(dialect),
            forgot_anyone(),
            forgotten_among(dialect, hashed),
            Statement::new(sql, vec![ids]),
        ];
        let put = move |answers| put_members(answers, &records, forget.as_ref(), &release);
        Ok(self.amend(asks, put).await?.0)
    }

    /// Lays records over what is known of products, in one transaction. Any change wakes every member and releases every
    /// hold: a product's group, supply or stock may concern anyone.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the chunk is kept then.
    pub async fn put_products(&self, records: Vec<ProductRecord>) -> Result<Stored, StoreError> {
        let dialect = self.dialect();
        let any = dialect.any("$1");
        let ids: Value = records.iter().map(|r| r.id.as_str()).collect();
        let asks = vec![
            Statement::new(
                format!("SELECT p.key, p.id, {} WHERE p.id {any}", Sold::COLUMNS),
                vec![ids.clone()],
            ),
            Statement::new(
                format!(
                    "SELECT w.kit, k.id, p.id, w.pieces FROM product k JOIN part w ON w.kit = k.key \
                     JOIN product p ON p.key = w.part WHERE k.id {any}"
                ),
                vec![ids],
            ),
        ];
        let (stored, _) =
            self.amend(asks, move |answers| put_products(answers, &records, dialect.wake_all())).await?;
        Ok(stored)
    }

    /// Records that an order feed arrived at this (real) time.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn note_feed(&self, at: Timestamp) -> Result<(), StoreError> {
        self.write(vec![note(FEED_AT, &at.timestamp_millis().to_string())]).await.map(drop)
    }

    /// When an order feed last arrived.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn feed_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(ms) = recalled(FEED_AT, self.ask_one(recall(FEED_AT)).await?)? else { return Ok(None) };
        let at = ms.parse().map_err(|_| format!("`{ms}` is no time")).and_then(super::value::time);
        at.map(Some).map_err(|why| StoreError::corrupt("meta", FEED_AT, why))
    }

    /// Streams all lines made until `until`: member by member in key order, each member's in time order, from one
    /// snapshot. Members without such a line are left out.
    ///
    /// # Errors
    /// When the store cannot answer, a row is damaged, or `each` panicked.
    pub async fn scan<F>(&self, until: Timestamp, each: F) -> Result<(), StoreError>
    where
        F: FnMut(MemberKey, Vec<Line>) + Send + 'static,
    {
        on!(self, engine => engine.scan(until, each).await)
    }
}

/// One order line as it is stored: the shop's ids are keys by now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LineRow {
    pub member: i64,
    pub order: i64,
    pub line: i64,
    pub product: i64,
    pub at: i64,
    pub quantity: f64,
    pub unit_price: Option<f64>,
    pub status: Option<String>,
    pub counted: bool,
    pub delivered_at: Option<i64>,
    pub gift: bool,
}

/// Of the lines stored of some orders those that go when these rows are all that the orders have. What came back stays,
/// unless the rows themselves say that some of the product did.
pub(super) fn stale(stored: Vec<StoredLine>, rows: &[LineRow]) -> Vec<StoredLine> {
    let kept: HashSet<(i64, i64)> = rows.iter().map(|row| (row.order, row.line)).collect();
    let returned: HashSet<(i64, i64)> =
        rows.iter().filter(|row| row.quantity < 0.0).map(|row| (row.order, row.product)).collect();
    let goes = |l: &StoredLine| {
        !kept.contains(&(l.order, l.line)) && (l.quantity >= 0.0 || returned.contains(&(l.order, l.product)))
    };
    stored.into_iter().filter(goes).collect()
}

/// Wakes whoever bought these products, and lets go of what guards held back.
pub(super) fn wake_buyers(dialect: Dialect, products: &[i64]) -> [Statement; 2] {
    let buyers = format!("(SELECT member FROM line WHERE product {})", dialect.any("$1"));
    let wake = format!("UPDATE member SET wake_at = 0 WHERE key IN {buyers}");
    let release = format!("{RELEASE} AND member IN {buyers}");
    [wake, release].map(|sql| Statement::new(sql, vec![products.iter().copied().collect()]))
}

impl LineRow {
    pub fn new(line: OrderLine, member: i64, order: i64, product: i64) -> Self {
        Self {
            member,
            order,
            line: line_number(&line.line, product),
            product,
            at: line.ordered_at.timestamp_millis(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            status: line.status,
            counted: line.counted,
            delivered_at: line.delivered_at.map(|t| t.timestamp_millis()),
            gift: line.gift,
        }
    }
}

/// What names a line within its order, for ever: the n-th line of a product is `product key << 20 | n`, with [`RETURN`]
/// when it was brought by `import returns`; a line that the shop names (or one beyond the half-millionth) is the first
/// eight bytes of its name's SHA-256, made negative.
fn line_number(identity: &LineIdentity, product: i64) -> i64 {
    let name = match identity {
        LineIdentity::Nth(n) if i64::from(*n) < RETURN && product < 1 << 43 => {
            return product << 20 | i64::from(*n);
        }
        LineIdentity::Nth(n) => format!("{n} of {product}"),
        LineIdentity::Named(name) => name.clone(),
    };
    let hash = Sha256::digest(name.as_bytes())
        .iter()
        .take(8)
        .fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    hash | i64::MIN
}

const RETURN: i64 = 1 << 19;

/// The number of the n-th return of a product in an order; half a million of them are one.
pub(super) fn return_number(product: i64, nth: usize) -> i64 {
    product << 20 | RETURN | (nth as i64).min(RETURN - 1)
}

/// True when `import returns` brought the line of this number.
pub(super) fn is_return(line: i64) -> bool {
    line >= 0 && line & RETURN != 0
}

/// Leaves the last word on each line, in the order in which history lies; earlier words in the same chunk are counted.
pub(super) fn fold(rows: Vec<LineRow>) -> (Vec<LineRow>, Stored) {
    let mut counts = Stored::default();
    // places are sorted, not rows: those are six times as long
    let mut named: Vec<(i64, i64, usize)> =
        rows.iter().enumerate().map(|(at, row)| (row.order, row.line, at)).collect();
    named.sort_unstable();
    let mut rows: Vec<Option<LineRow>> = rows.into_iter().map(Some).collect();
    for pair in named.windows(2) {
        let &[(order, line, earlier), (next_order, next_line, later)] = pair else { continue };
        if (order, line) == (next_order, next_line) {
            let is_same = rows[earlier] == rows[later];
            counts.duplicate += u64::from(is_same);
            counts.replaced += u64::from(!is_same);
            rows[earlier] = None;
        }
    }
    named.retain(|(_, _, at)| rows[*at].is_some());
    named.sort_by_cached_key(|(_, _, at)| rows[*at].as_ref().map(|row| row.member));
    (named.into_iter().filter_map(|(_, _, at)| rows[at].take()).collect(), counts)
}

/// What stands for the people of a record, should they be forgotten.
fn hashes_of<'r>(key: Option<&'r ForgetKey>, record: &'r MemberRecord) -> impl Iterator<Item = String> + 'r {
    let email = record.email.as_deref().filter(|email| !email.is_empty());
    let hashes = key.map(|key| [Some(key.of_member(&record.id)), email.map(|email| key.of_address(email))]);
    hashes.into_iter().flatten().flatten()
}

fn put_members(
    answers: Vec<Vec<Row>>,
    records: &[MemberRecord],
    key: Option<&ForgetKey>,
    release: &str,
) -> Result<(Vec<Statement>, Stored), StoreError> {
    let [_, named, forgotten, found]: [Vec<Row>; 4] = answers.try_into().unwrap_or_default();
    let (key, forgotten) = (gate(key, named)?, texts(forgotten)?);
    let mut known: HashMap<MemberId, Member> = HashMap::new();
    for row in found {
        let (_, member) = row.keyed("member", rows::member)?;
        known.insert(member.id.clone(), member);
    }
    let (mut stored, mut changed) = (Stored::default(), BTreeSet::new());
    for record in records {
        if hashes_of(key, record).any(|hash| forgotten.contains(&hash)) {
            stored.ignored += 1;
            continue;
        }
        let new = !known.contains_key(&record.id);
        let member = known.entry(record.id.clone()).or_insert_with(|| Member::bare(record.id.clone()));
        let before = member.clone();
        member.lay(record);
        if count(&mut stored, new, *member != before) {
            changed.insert(&record.id);
        }
    }
    let mut script = Vec::with_capacity(changed.len() + 1);
    for id in &changed {
        script.extend(known.get(*id).map(rows::put_member).transpose()?);
    }
    script.push(Statement::new(release.to_owned(), vec![changed.iter().map(|id| id.as_str()).collect()]));
    Ok((script, stored))
}

fn put_products(
    answers: Vec<Vec<Row>>,
    records: &[ProductRecord],
    wake_all: &'static str,
) -> Result<(Vec<Statement>, Stored), StoreError> {
    let mut known = known_products(answers)?;
    let (mut stored, mut changed) = (Stored::default(), BTreeSet::new());
    for record in records {
        let new = !known.contains_key(&record.id);
        let product = known.entry(record.id.clone()).or_default();
        let before = product.clone();
        product.lay(record);
        if count(&mut stored, new, *product != before) {
            changed.insert(&record.id);
        }
    }
    let mut script = Vec::new();
    for id in &changed {
        script.extend(known.get(*id).map(|product| product.put(id)).transpose()?.into_iter().flatten());
    }
    if !changed.is_empty() {
        script.extend([BUMP, wake_all, RELEASE, RESTOCK].map(|sql| Statement::new(sql, Vec::new())));
    }
    Ok((script, stored))
}

fn known_products(answers: Vec<Vec<Row>>) -> Result<HashMap<ProductId, Sold>, StoreError> {
    let mut known: HashMap<ProductId, Sold> = HashMap::new();
    let mut answers = answers.into_iter();
    for row in answers.next().unwrap_or_default() {
        let (_, (id, product)) = row.keyed("product", |r| Ok((r.text()?.into(), Sold::read(r)?)))?;
        known.insert(id, product);
    }
    for row in answers.next().unwrap_or_default() {
        let (_, (kit, part, pieces)) = row.keyed("part", |r| Ok((r.text()?, r.text()?, r.real()?)))?;
        if let Some(kit) = known.get_mut(kit.as_str()) {
            kit.contains.insert(part.into(), pieces);
        }
    }
    Ok(known)
}

/// Counts one record; true when it changed anything.
fn count(stored: &mut Stored, new: bool, changed: bool) -> bool {
    match (new, changed) {
        (true, _) => stored.stored += 1,
        (false, true) => stored.replaced += 1,
        (false, false) => stored.duplicate += 1,
    }
    new || changed
}

/// Writes a row of `meta`.
pub(super) fn note(key: &'static str, value: &str) -> Statement {
    let sql = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    Statement::new(sql, values![key, value])
}

/// Asks for a row of `meta`; [`recalled`] reads the answer.
pub(super) fn recall(key: &'static str) -> Statement {
    Statement::new("SELECT value FROM meta WHERE key = $1", values![key])
}

/// The value in the answer to [`recall`].
pub(super) fn recalled(key: &'static str, answer: Vec<Row>) -> Result<Option<String>, StoreError> {
    let row = answer.into_iter().next();
    row.map(|mut row| row.text()).transpose().map_err(|why| StoreError::corrupt("meta", key, why))
}
