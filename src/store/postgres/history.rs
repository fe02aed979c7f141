//! Owns the fast road of order lines into PostgreSQL and out of it; knows nothing of what they mean.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use deadpool_postgres::Transaction;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::{Postgres, execute_all, retried, row, rows};
use crate::domain::ids::{MemberId, OrderId, ProductKey, Timestamp};
use crate::domain::order::{Line, OrderLine};
use crate::store::catalog::BUMP;
use crate::store::forget::{ForgetKey, beside, forgot_anyone, forgotten_among, gate, texts};
use crate::store::history::{LineRow, RELEASE, Stored, fold, stale, wake_buyers};
use crate::store::returns::{taken_back, told_again};
use crate::store::rows::address;
use crate::store::updates::{StoredLine, Word, keep_untold};
use crate::store::value::{Dialect, Row, Statement, Value};
use crate::store::{MemberKey, StoreError};

const PUT: &str = "INSERT INTO line AS l (member, order_key, line, product, at, quantity, unit_price, status, counted, \
        delivered_at, gift) \
    SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::float8[], \
        $7::float8[], $8::text[], $9::boolean[], $10::bigint[], $11::boolean[]) \
    ON CONFLICT (order_key, line) DO UPDATE SET member = excluded.member, product = excluded.product, at = excluded.at, \
        quantity = excluded.quantity, unit_price = excluded.unit_price, status = excluded.status, \
        counted = excluded.counted, delivered_at = excluded.delivered_at, gift = excluded.gift \
    WHERE (l.member, l.product, l.at, l.quantity, l.unit_price, l.status, l.counted, l.delivered_at, l.gift) \
        IS DISTINCT FROM (excluded.member, excluded.product, excluded.at, excluded.quantity, excluded.unit_price, \
            excluded.status, excluded.counted, excluded.delivered_at, excluded.gift) \
    RETURNING member, xmax = 0";

const MOVED: &str = "SELECT l.member FROM line l \
    JOIN UNNEST($1::bigint[], $2::bigint[], $3::bigint[]) AS t (member, order_key, line) \
        ON l.order_key = t.order_key AND l.line = t.line \
    WHERE l.member <> t.member";

const REMOVE: &str = "DELETE FROM line l USING UNNEST($1::bigint[], $2::bigint[]) AS t (order_key, line) \
    WHERE l.order_key = t.order_key AND l.line = t.line";

const REACH: &str = "UPDATE member m SET email = t.email, address = t.address, wake_at = 0 \
    FROM UNNEST($1::bigint[], $2::text[], $3::text[]) AS t (key, email, address) \
    WHERE m.key = t.key AND m.email IS NULL RETURNING m.key";

const CLASSIFY: &str = "UPDATE product p \
    SET category_key = (SELECT c.key FROM label c WHERE c.kind = 'category' AND c.text = t.category) \
    FROM UNNEST($1::text[], $2::text[]) AS t (id, category) WHERE p.id = t.id AND p.category_key IS NULL";

impl Postgres {
    pub async fn put_orders(&self, lines: Vec<OrderLine>, word: Word) -> Result<Option<Stored>, StoreError> {
        retried!(self.put_orders_once(&lines, &word))
    }

    async fn put_orders_once(&self, lines: &[OrderLine], word: &Word) -> Result<Option<Stored>, StoreError> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let remembered = remembered(&tx, lines, word.forget.as_ref()).await?;
        let kept = current(&tx, &remembered, word.as_of).await?;
        let ignored = (lines.len() - remembered.len()) as u64;
        let outdated = (remembered.len() - kept.len()) as u64;
        let Named { rows: found, classed, news } = named(&tx, &kept).await?;
        if let Some(fence) = word.fence.as_ref().filter(|_| !found.is_empty())
            && execute_all(&tx, &[fence.claim()]).await? == [0]
        {
            return Ok(None);
        }
        let emails = emails(&kept, &found);
        let (mut lines, mut stored) = fold(found);
        (stored.ignored, stored.outdated) = (ignored, outdated);
        let stale = if word.whole { settle(&tx, word, &mut lines).await? } else { Vec::new() };
        let columns = columns(&lines);
        let mut moved = members(one(&tx, MOVED, columns.iter().take(3).cloned().collect()).await?)?;
        moved.extend(stale.iter().map(|l| l.member));
        let concerned = lines.iter().map(|l| l.member).chain(moved.iter().copied()).collect();
        // in key order, and before anything is written: a decision under way is waited for, and sees all or nothing
        let lock = "SELECT key FROM member WHERE key = ANY($1) ORDER BY key FOR UPDATE";
        one(&tx, lock, vec![concerned]).await?;
        stored.removed = stale.len() as u64;
        let gone = [stale.iter().map(|l| l.order).collect(), stale.iter().map(|l| l.line).collect()];
        execute_all(&tx, &[Statement::new(REMOVE, gone.into())]).await?;
        if !word.whole {
            execute_all(&tx, &take_back(&tx, &lines).await?).await?;
        }
        let mut changed = put(&tx, columns, lines.len() as u64, &mut stored).await?;
        changed.extend(members(one(&tx, REACH, emails.into()).await?)?);
        wake(&tx, changed.union(&moved).copied().collect(), &classed, news).await?;
        tx.commit().await?;
        Ok(Some(stored))
    }

    pub async fn scan<F>(&self, until: Timestamp, mut each: F) -> Result<(), StoreError>
    where
        F: FnMut(MemberKey, Vec<Line>) + Send + 'static,
    {
        let (sender, mut receiver) = mpsc::channel::<(MemberKey, Vec<Line>)>(256);
        let listener = tokio::task::spawn_blocking(move || {
            while let Some((member, lines)) = receiver.blocking_recv() {
                each(member, lines);
            }
        });
        let read = self.read_history(until, sender).await;
        listener.await.map_err(StoreError::panicked)?;
        read
    }

    async fn read_history(
        &self,
        until: Timestamp,
        sender: mpsc::Sender<(MemberKey, Vec<Line>)>,
    ) -> Result<(), StoreError> {
        let mut client = self.client().await?;
        let client = client.build_transaction().read_only(true).start().await?;
        client
            .batch_execute(
                "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL work_mem = '64MB'",
            )
            .await?;
        let sql = "SELECT l.member, o.id, l.at, l.product, l.quantity, l.counted, l.gift, l.delivered_at \
            FROM line l JOIN orders o ON o.key = l.order_key WHERE l.at <= $1 ORDER BY l.member, l.at, l.order_key, l.line";
        let sql = client.prepare_cached(sql).await?;
        let mut found = std::pin::pin!(client.query_raw(&sql, [until.timestamp_millis()]).await?);
        let mut gathered: Option<(MemberKey, Vec<Line>)> = None;
        while let Some(next) = found.try_next().await? {
            let (member, line) = row(&next)?.keyed("line", line)?;
            match &mut gathered {
                Some((whose, lines)) if whose.0 == member => lines.push(line),
                _ => {
                    let done = gathered.replace((MemberKey(member), vec![line]));
                    // a listener that is gone has panicked, which its own answer tells
                    if let Some(done) = done
                        && sender.send(done).await.is_err()
                    {
                        return Ok(());
                    }
                }
            }
        }
        if let Some(done) = gathered {
            let _ = sender.send(done).await;
        }
        Ok(())
    }
}

fn line(row: &mut Row) -> Result<Line, String> {
    Ok(Line {
        order: OrderId::from(row.text()?),
        at: row.time()?,
        product: ProductKey(row.int()?),
        quantity: row.real()?,
        counted: row.bool()?,
        gift: row.bool()?,
        delivered_at: row.opt_time()?,
    })
}

/// The lines of members who were not forgotten.
async fn remembered<'l>(
    tx: &Transaction<'_>,
    lines: &'l [OrderLine],
    key: Option<&ForgetKey>,
) -> Result<Cow<'l, [OrderLine]>, StoreError> {
    let mut answers = rows(tx, &[beside(Dialect::Postgres), forgot_anyone()]).await?;
    let Some(key) = gate(key, answers.pop().unwrap_or_default())? else { return Ok(Cow::Borrowed(lines)) };
    let members: BTreeSet<&MemberId> = lines.iter().map(|l| &l.member).collect();
    let emails: BTreeSet<&str> = lines.iter().filter_map(|l| l.email.as_deref()).collect();
    let members: HashMap<&MemberId, String> = members.into_iter().map(|m| (m, key.of_member(m))).collect();
    let emails: HashMap<&str, String> = emails.into_iter().map(|e| (e, key.of_address(e))).collect();
    let ask = forgotten_among(Dialect::Postgres, members.values().chain(emails.values()).cloned());
    let forgotten = texts(rows(tx, &[ask]).await?.pop().unwrap_or_default())?;
    let is_kept = |l: &&OrderLine| {
        let by_email = l.email.as_deref().and_then(|email| emails.get(email));
        !members.get(&l.member).into_iter().chain(by_email).any(|hash| forgotten.contains(hash))
    };
    Ok(Cow::Owned(lines.iter().filter(is_kept).cloned().collect()))
}

/// The lines of orders that have not changed since that time.
async fn current<'l>(
    tx: &Transaction<'_>,
    lines: &'l [OrderLine],
    as_of: Option<Timestamp>,
) -> Result<Cow<'l, [OrderLine]>, StoreError> {
    let Some(as_of) = as_of else { return Ok(Cow::Borrowed(lines)) };
    let ids: BTreeSet<&str> = lines.iter().map(|l| l.order.as_str()).collect();
    let sql = "SELECT id FROM orders WHERE changed_at > $1 AND id = ANY($2)";
    let later = texts(one(tx, sql, vec![as_of.into(), ids.into_iter().collect()]).await?)?;
    if later.is_empty() {
        return Ok(Cow::Borrowed(lines));
    }
    Ok(Cow::Owned(lines.iter().filter(|l| !later.contains(l.order.as_str())).cloned().collect()))
}

/// What the orders of these rows no longer have, which are all that they have.
async fn settle(
    tx: &Transaction<'_>,
    word: &Word,
    rows: &mut [LineRow],
) -> Result<Vec<StoredLine>, StoreError> {
    let orders: BTreeSet<i64> = rows.iter().map(|row| row.order).collect();
    let ask =
        async |statement| StoredLine::read(self::rows(tx, &[statement]).await?.pop().unwrap_or_default());
    let stored = ask(StoredLine::of(Dialect::Postgres, orders.into_iter())).await?;
    let mut former = Vec::new();
    if let Some(fence) = &word.fence {
        keep_untold(rows, &stored);
        former = ask(fence.former()).await?;
    }
    Ok([stale(stored, rows), former].concat())
}

/// What came back by the rows' own word did not come back by that of returns files too.
async fn take_back(tx: &Transaction<'_>, lines: &[LineRow]) -> Result<Vec<Statement>, StoreError> {
    let orders = taken_back(lines);
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let stored = rows(tx, &[StoredLine::of(Dialect::Postgres, orders.into_iter())]).await?.pop();
    Ok(told_again(&StoredLine::read(stored.unwrap_or_default())?, lines))
}

/// Lines with keys for ids.
struct Named {
    rows: Vec<LineRow>,
    /// Products known before that have come into a category.
    classed: Vec<i64>,
    /// True when products or labels came with them.
    news: bool,
}

/// The lines with keys for ids, of which unknown ones get rows.
async fn named(tx: &Transaction<'_>, lines: &[OrderLine]) -> Result<Named, StoreError> {
    let ids = lines.iter().map(|l| l.member.as_str()).collect();
    let (members, _) = dictionary(tx, ids, "member", "member (id, wake_at) SELECT id, 0").await?;
    let ids = lines.iter().map(|l| l.order.as_str()).collect();
    let (orders, _) = dictionary(tx, ids, "orders", "orders (id) SELECT id").await?;
    let ids = lines.iter().map(|l| l.product.as_str()).collect();
    let (products, new) = dictionary(tx, ids, "product", "product (id) SELECT id").await?;
    let classified = classify(tx, lines).await?;
    let news = !classified.is_empty() || !new.is_empty();
    let classed = classified.into_iter().filter(|(id, _)| !new.contains(id)).map(|(_, key)| key).collect();
    let key = |keys: &HashMap<String, i64>, id: &str| {
        keys.get(id)
            .copied()
            .ok_or_else(|| StoreError::corrupt("orders, member or product", id, "it is not there"))
    };
    let row = |l: &OrderLine| {
        let (order, product) = (key(&orders, l.order.as_str())?, key(&products, l.product.as_str())?);
        Ok(LineRow::new(l.clone(), key(&members, l.member.as_str())?, order, product))
    };
    Ok(Named { rows: lines.iter().map(row).collect::<Result<_, StoreError>>()?, classed, news })
}

/// Members with the addresses of their orders, each member once, as columns.
fn emails(lines: &[OrderLine], rows: &[LineRow]) -> [Value; 3] {
    let said = lines.iter().zip(rows).filter_map(|(line, row)| Some((row.member, line.email.as_deref()?)));
    let said: BTreeMap<i64, &str> = said.collect();
    [
        said.keys().copied().collect(),
        said.values().copied().collect(),
        said.values().map(|email| address(email)).collect(),
    ]
}

/// The keys of ids, and those ids that were new. Sorted: two imports side by side never wait for each other in a circle.
async fn dictionary(
    tx: &Transaction<'_>,
    ids: BTreeSet<&str>,
    find: &str,
    insert: &str,
) -> Result<(HashMap<String, i64>, BTreeSet<String>), StoreError> {
    let find = format!("SELECT key, id FROM {find} WHERE id = ANY($1)");
    let read = |found: Vec<Row>| found.into_iter().map(|r| r.keyed("member, orders or product", Row::text));
    let flip = |found: Result<(i64, String), StoreError>| found.map(|(key, id)| (id, key));
    let found = one(tx, &find, vec![ids.iter().copied().collect()]).await?;
    let mut keys = read(found).map(flip).collect::<Result<HashMap<_, _>, _>>()?;
    let new: BTreeSet<String> =
        ids.into_iter().filter(|id| !keys.contains_key(*id)).map(str::to_owned).collect();
    if new.is_empty() {
        return Ok((keys, new));
    }
    let missing: Value = new.iter().map(String::as_str).collect();
    let insert = format!("INSERT INTO {insert} FROM UNNEST($1::text[]) AS t (id) ON CONFLICT DO NOTHING");
    execute_all(tx, &[Statement::new(insert, vec![missing.clone()])]).await?;
    for found in read(one(tx, &find, vec![missing]).await?).map(flip) {
        let (id, key) = found?;
        keys.insert(id, key);
    }
    Ok((keys, new))
}

/// Gives products without a category the first one that a line names; which these were.
async fn classify(tx: &Transaction<'_>, lines: &[OrderLine]) -> Result<HashMap<String, i64>, StoreError> {
    let named = |l: &OrderLine| {
        Some((l.product.to_string(), l.category.as_deref().filter(|c| !c.is_empty())?.to_owned()))
    };
    let named: BTreeMap<String, String> = lines.iter().rev().filter_map(named).collect();
    let unclassed = "SELECT key, id FROM product WHERE id = ANY($1) AND category_key IS NULL ORDER BY id";
    let (mut ids, mut categories, mut keys) = (Vec::new(), Vec::new(), HashMap::new());
    for found in one(tx, unclassed, vec![named.keys().map(String::as_str).collect()]).await? {
        let (key, id) = found.keyed("product", Row::text)?;
        categories.extend(named.get(&id).cloned());
        ids.push(id.clone());
        keys.insert(id, key);
    }
    if ids.is_empty() {
        return Ok(keys);
    }
    let labels: BTreeSet<String> = categories.iter().cloned().collect();
    let label = "INSERT INTO label (kind, text) SELECT 'category', text FROM UNNEST($1::text[]) AS t (text) \
        ON CONFLICT DO NOTHING";
    let script = [
        Statement::new(label, vec![labels.into_iter().collect()]),
        Statement::new(CLASSIFY, vec![ids.into_iter().collect(), categories.into_iter().collect()]),
    ];
    execute_all(tx, &script).await?;
    Ok(keys)
}

fn columns(lines: &[LineRow]) -> Vec<Value> {
    vec![
        lines.iter().map(|l| l.member).collect(),
        lines.iter().map(|l| l.order).collect(),
        lines.iter().map(|l| l.line).collect(),
        lines.iter().map(|l| l.product).collect(),
        lines.iter().map(|l| l.at).collect(),
        lines.iter().map(|l| l.quantity).collect(),
        lines.iter().map(|l| l.unit_price).collect(),
        lines.iter().map(|l| l.status.as_deref()).collect(),
        lines.iter().map(|l| l.counted).collect(),
        lines.iter().map(|l| l.delivered_at).collect(),
        lines.iter().map(|l| l.gift).collect(),
    ]
}

/// Writes the lines, counts them, and tells whose changed.
async fn put(
    tx: &Transaction<'_>,
    columns: Vec<Value>,
    lines: u64,
    stored: &mut Stored,
) -> Result<BTreeSet<i64>, StoreError> {
    let (mut written, mut changed) = (0, BTreeSet::new());
    for found in one(tx, PUT, columns).await? {
        let (member, new) = found.keyed("line", Row::bool)?;
        if new {
            stored.stored += 1
        } else {
            stored.replaced += 1
        }
        written += 1;
        changed.insert(member);
    }
    stored.duplicate += lines - written;
    Ok(changed)
}

async fn wake(
    tx: &Transaction<'_>,
    changed: BTreeSet<i64>,
    classed: &[i64],
    news: bool,
) -> Result<(), StoreError> {
    let changed: Value = changed.into_iter().collect();
    let wake = "UPDATE member SET wake_at = 0 WHERE key = ANY($1) AND wake_at IS DISTINCT FROM 0";
    let mut script = vec![
        Statement::new(wake, vec![changed.clone()]),
        Statement::new(format!("{RELEASE} AND member = ANY($1)"), vec![changed]),
    ];
    if !classed.is_empty() {
        script.extend(wake_buyers(Dialect::Postgres, classed));
    }
    script.extend(news.then(|| Statement::new(BUMP, Vec::new())));
    execute_all(tx, &script).await.map(drop)
}

fn members(found: Vec<Row>) -> Result<BTreeSet<i64>, StoreError> {
    found.into_iter().map(|r| Ok(r.keyed("line", |_| Ok(()))?.0)).collect()
}

async fn one(tx: &Transaction<'_>, sql: &str, values: Vec<Value>) -> Result<Vec<Row>, StoreError> {
    Ok(rows(tx, &[Statement::new(sql.to_owned(), values)]).await?.pop().unwrap_or_default())
}
