//! Owns the fast road of order lines into SQLite and out of it; knows nothing of what they mean.

use std::collections::{HashMap, HashSet};

use rusqlite::{CachedStatement, OptionalExtension, Transaction, params};

use super::{Sqlite, execute_all, rows};
use crate::domain::ids::{MemberId, OrderId, ProductId};
use crate::domain::order::OrderLine;
use crate::store::StoreError;
use crate::store::catalog::{self, BUMP};
use crate::store::forget::{ForgetKey, forgot_anyone, gate};
use crate::store::history::{LineRow, RELEASE, Stored, fold, stale, wake_buyers};
use crate::store::returns::{taken_back, told_again};
use crate::store::rows::address;
use crate::store::updates::{Fence, StoredLine, Word, keep_untold};
use crate::store::value::{Dialect, Statement, Value};

/// Ids that may be kept in memory; beyond that it starts anew.
const KNOWN: usize = 200_000;

/// New lines that go in with one statement.
const TOGETHER: usize = 16;

/// Keys that were looked up before. Ids stay, and so their keys are right whatever other processes do; but members are
/// forgotten, which changes the version of the catalog, as does what else is known of products.
#[derive(Debug, Default)]
pub(super) struct Known {
    version: String,
    members: HashMap<MemberId, i64>,
    /// With the key: whether it has a category.
    products: HashMap<ProductId, (i64, bool)>,
    categories: HashMap<String, i64>,
}

impl Sqlite {
    pub async fn put_orders(&self, lines: Vec<OrderLine>, word: Word) -> Result<Option<Stored>, StoreError> {
        self.write(move |tx, known| {
            let mut chunk = Chunk::begin(tx, known, &word)?;
            let mut kept = Vec::with_capacity(lines.len());
            let read = lines.len();
            for line in lines {
                kept.extend(chunk.row(line)?);
            }
            let outdated = chunk.outdated;
            let ignored = (read - kept.len()) as u64 - outdated;
            if let Some(fence) = word.fence.as_ref().filter(|_| !kept.is_empty())
                && execute_all(tx, &[fence.claim()])? == [0]
            {
                // members and products that came with it stay
                return chunk.finish().map(|()| None);
            }
            let (mut rows, mut stored) = fold(kept);
            (stored.ignored, stored.outdated) = (ignored, outdated);
            match word.whole {
                true => stored.removed = chunk.settle(&mut rows, word.fence.as_ref())?,
                false => chunk.take_back(&rows)?,
            }
            chunk.put(&rows, &mut stored)?;
            chunk.finish()?;
            Ok(Some(stored))
        })
        .await
    }
}

impl Known {
    fn refresh(&mut self, version: String) {
        if self.version != version || self.products.len() > KNOWN {
            // whoever was forgotten meanwhile has another id now
            self.members.clear();
            self.products.clear();
            self.categories.clear();
            self.version = version;
        }
        if self.members.len() > KNOWN {
            self.members.clear();
        }
    }
}

/// One chunk on its way in.
struct Chunk<'t> {
    tx: &'t Transaction<'t>,
    known: &'t mut Known,
    /// What the forgotten are known by; none while there are none.
    forget: Option<&'t ForgetKey>,
    /// In milliseconds: orders that changed later are passed over, and have no key in `orders`.
    as_of: Option<i64>,
    /// Lines of such orders.
    outdated: u64,
    orders: HashMap<OrderId, Option<i64>>,
    last_order: Option<(OrderId, Option<i64>)>,
    last_member: Option<(MemberId, i64)>,
    /// The first key of an order, and of a product, that came with it: keys only grow.
    new_orders: Option<i64>,
    new_products: Option<i64>,
    /// Products known before that have come into a category.
    classed: Vec<i64>,
    /// Members whose address was looked at.
    addressed: HashSet<i64>,
    /// True when products or labels came with it.
    news: bool,
    woken: HashSet<i64>,
}

impl<'t> Chunk<'t> {
    fn begin(tx: &'t Transaction<'t>, known: &'t mut Known, word: &'t Word) -> Result<Self, StoreError> {
        known.refresh(catalog::version(rows(tx, &Statement::new(catalog::VERSION, Vec::new()))?)?);
        Ok(Self {
            tx,
            known,
            forget: gate(word.forget.as_ref(), rows(tx, &forgot_anyone())?)?,
            as_of: word.as_of.map(|at| at.timestamp_millis()),
            outdated: 0,
            orders: HashMap::new(),
            last_order: None,
            last_member: None,
            new_orders: None,
            new_products: None,
            classed: Vec::new(),
            addressed: HashSet::new(),
            news: false,
            woken: HashSet::new(),
        })
    }

    /// Nothing for a member who was forgotten, or of an order that changed since.
    fn row(&mut self, line: OrderLine) -> Result<Option<LineRow>, StoreError> {
        if let Some(email) = &line.email
            && self.is_forgotten(|key| key.of_address(email))?
        {
            return Ok(None);
        }
        let Some(member) = self.member(&line.member)? else { return Ok(None) };
        let Some(order) = self.order(&line.order)? else {
            self.outdated += 1;
            return Ok(None);
        };
        if let Some(email) = &line.email {
            self.reach(member, email)?;
        }
        let product = self.product(&line.product, line.category.as_deref().filter(|c| !c.is_empty()))?;
        Ok(Some(LineRow::new(line, member, order, product)))
    }

    fn member(&mut self, id: &MemberId) -> Result<Option<i64>, StoreError> {
        // most lines are of the same member as the one before
        if let Some((_, key)) = self.last_member.as_ref().filter(|(last, _)| last == id) {
            return Ok(Some(*key));
        }
        let key = self.known_member(id)?;
        self.last_member = key.map(|key| (id.clone(), key));
        Ok(key)
    }

    fn known_member(&mut self, id: &MemberId) -> Result<Option<i64>, StoreError> {
        if let Some(key) = self.known.members.get(id) {
            return Ok(Some(*key));
        }
        if self.is_forgotten(|key| key.of_member(id))? {
            return Ok(None);
        }
        let (key, _) = self.key(
            "SELECT key FROM member WHERE id = ?1",
            "INSERT INTO member (id, wake_at) VALUES (?1, 0)",
            id.as_str(),
        )?;
        self.known.members.insert(id.clone(), key);
        Ok(Some(key))
    }

    fn is_forgotten(&self, hash: impl FnOnce(&ForgetKey) -> String) -> Result<bool, StoreError> {
        let Some(key) = self.forget else { return Ok(false) };
        let mut find = self.tx.prepare_cached("SELECT 1 FROM forgotten WHERE hash = ?1")?;
        Ok(find.exists([hash(key)])?)
    }

    /// Gives a member without an address the one of the order.
    fn reach(&mut self, member: i64, email: &str) -> Result<(), StoreError> {
        if self.addressed.insert(member) {
            let sql = "UPDATE member SET email = ?2, address = ?3 WHERE key = ?1 AND email IS NULL";
            let mut reach = self.tx.prepare_cached(sql)?;
            if reach.execute(params![member, email, address(email)])? > 0 {
                self.woken.insert(member);
            }
        }
        Ok(())
    }

    fn order(&mut self, id: &OrderId) -> Result<Option<i64>, StoreError> {
        if let Some((_, key)) = self.last_order.as_ref().filter(|(last, _)| last == id) {
            return Ok(*key);
        }
        let key = self.known_order(id)?;
        self.last_order = Some((id.clone(), key));
        Ok(key)
    }

    fn known_order(&mut self, id: &OrderId) -> Result<Option<i64>, StoreError> {
        if let Some(key) = self.orders.get(id) {
            return Ok(*key);
        }
        // most orders are new
        let key =
            match self.insert("INSERT INTO orders (id) VALUES (?1) ON CONFLICT DO NOTHING", id.as_str())? {
                Some(key) => {
                    self.new_orders.get_or_insert(key);
                    Some(key)
                }
                None => {
                    let sql = "SELECT key FROM orders WHERE id = ?1 AND COALESCE(changed_at <= ?2, TRUE)";
                    let mut find = self.tx.prepare_cached(sql)?;
                    find.query_row(params![id.as_str(), self.as_of], |row| row.get(0)).optional()?
                }
            };
        self.orders.insert(id.clone(), key);
        Ok(key)
    }

    fn product(&mut self, id: &ProductId, category: Option<&str>) -> Result<i64, StoreError> {
        let (key, classed) = match self.known.products.get(id) {
            Some(known) => *known,
            None => self.new_product(id)?,
        };
        if let Some(category) = category.filter(|_| !classed) {
            let label = self.category(category)?;
            let sql = "UPDATE product SET category_key = ?2 WHERE key = ?1 AND category_key IS NULL";
            if self.tx.prepare_cached(sql)?.execute(params![key, label])? > 0 {
                self.news = true;
                self.classed.extend((!is_new(self.new_products, key)).then_some(key));
            }
            self.known.products.insert(id.clone(), (key, true));
        }
        Ok(key)
    }

    fn new_product(&mut self, id: &ProductId) -> Result<(i64, bool), StoreError> {
        let (key, new) = self.key(
            "SELECT key FROM product WHERE id = ?1",
            "INSERT INTO product (id) VALUES (?1)",
            id.as_str(),
        )?;
        if new {
            self.news = true;
            self.new_products.get_or_insert(key);
        }
        self.known.products.insert(id.clone(), (key, false));
        Ok((key, false))
    }

    fn category(&mut self, text: &str) -> Result<i64, StoreError> {
        if let Some(key) = self.known.categories.get(text) {
            return Ok(*key);
        }
        let (key, new) = self.key(
            "SELECT key FROM label WHERE kind = 'category' AND text = ?1",
            "INSERT INTO label (kind, text) VALUES ('category', ?1)",
            text,
        )?;
        self.news |= new;
        self.known.categories.insert(text.to_owned(), key);
        Ok(key)
    }

    /// The key of an id, and whether it is new.
    fn key(&self, find: &str, insert: &str, id: &str) -> rusqlite::Result<(i64, bool)> {
        let found = self.tx.prepare_cached(find)?.query_row([id], |row| row.get(0)).optional()?;
        match found {
            Some(key) => Ok((key, false)),
            None => Ok((self.insert(insert, id)?.unwrap_or_default(), true)),
        }
    }

    /// The key of a new row, if there is one.
    fn insert(&self, sql: &str, id: &str) -> rusqlite::Result<Option<i64>> {
        let new = self.tx.prepare_cached(sql)?.execute([id])? > 0;
        Ok(new.then(|| self.tx.last_insert_rowid()))
    }

    /// Removes what the orders of the chunk no longer have; how many lines.
    fn settle(&mut self, rows: &mut [LineRow], fence: Option<&Fence>) -> Result<u64, StoreError> {
        let known = self.orders.values().flatten().copied().filter(|order| !is_new(self.new_orders, *order));
        let ask = |statement| StoredLine::read(self::rows(self.tx, &statement)?);
        let stored = ask(StoredLine::of(Dialect::Sqlite, known))?;
        let mut former = Vec::new();
        if let Some(fence) = fence {
            keep_untold(rows, &stored);
            former = ask(fence.former())?;
        }
        let stale = [stale(stored, rows), former].concat();
        let mut remove = self.tx.prepare_cached("DELETE FROM line WHERE order_key = ?1 AND line = ?2")?;
        for line in &stale {
            remove.execute([line.order, line.line])?;
            self.woken.insert(line.member);
        }
        Ok(stale.len() as u64)
    }

    /// What came back by the rows' own word did not come back by that of returns files too.
    fn take_back(&self, rows: &[LineRow]) -> Result<(), StoreError> {
        let orders = taken_back(rows).into_iter().filter(|order| !is_new(self.new_orders, *order));
        let stored = self::rows(self.tx, &StoredLine::of(Dialect::Sqlite, orders))?;
        execute_all(self.tx, &told_again(&StoredLine::read(stored)?, rows)).map(drop)
    }

    /// Writes the lines, and notes whom that concerns. Those of a new order cannot stand there yet: they go in together.
    fn put(&mut self, rows: &[LineRow], stored: &mut Stored) -> Result<(), StoreError> {
        let (new, known): (Vec<_>, Vec<_>) = rows.iter().partition(|row| is_new(self.new_orders, row.order));
        let (groups, rest) = new.split_at(new.len() / TOGETHER * TOGETHER);
        insert(self.tx, groups, TOGETHER)?;
        insert(self.tx, rest, 1)?;
        stored.stored += new.len() as u64;
        self.woken.extend(new.iter().map(|row| row.member));
        known.into_iter().try_for_each(|row| self.replace(row, stored))
    }

    /// Writes a line that may stand there already, unless it says the same.
    fn replace(&mut self, row: &LineRow, stored: &mut Stored) -> Result<(), StoreError> {
        let mut find =
            self.tx.prepare_cached("SELECT member FROM line WHERE order_key = ?1 AND line = ?2")?;
        let before: Option<i64> = find.query_row([row.order, row.line], |found| found.get(0)).optional()?;
        let Some(before) = before else {
            insert(self.tx, &[row], 1)?;
            stored.stored += 1;
            self.woken.insert(row.member);
            return Ok(());
        };
        let mut replace = self.tx.prepare_cached(
            "UPDATE line SET member = ?1, product = ?4, at = ?5, quantity = ?6, unit_price = ?7, status = ?8, counted = ?9, \
                delivered_at = ?10, gift = ?11 \
             WHERE order_key = ?2 AND line = ?3 AND (member, product, at, quantity, unit_price, status, counted, \
                delivered_at, gift) IS NOT (?1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        bind(&mut replace, 0, row)?;
        if replace.raw_execute()? > 0 {
            stored.replaced += 1;
            self.woken.extend([before, row.member]);
        } else {
            stored.duplicate += 1;
        }
        Ok(())
    }

    /// Wakes those concerned, and says that the catalog has grown.
    fn finish(self) -> Result<(), StoreError> {
        let woken: Value = self.woken.iter().copied().collect();
        let any = Dialect::Sqlite.any("$1");
        let wake = format!("UPDATE member SET wake_at = 0 WHERE key {any} AND wake_at IS NOT 0");
        let release = format!("{RELEASE} AND member {any}");
        execute_all(self.tx, &[wake, release].map(|sql| Statement::new(sql, vec![woken.clone()])))?;
        if !self.classed.is_empty() {
            execute_all(self.tx, &wake_buyers(Dialect::Sqlite, &self.classed))?;
        }
        if self.news {
            self.tx.prepare_cached(BUMP)?.execute([])?;
            self.known.version =
                catalog::version(rows(self.tx, &Statement::new(catalog::VERSION, Vec::new()))?)?;
        }
        Ok(())
    }
}

/// True of a key from the first new one on.
fn is_new(first: Option<i64>, key: i64) -> bool {
    first.is_some_and(|first| key >= first)
}

/// Inserts so many rows with one statement; none stands there already, so that nothing need be kept for undoing it alone.
fn insert(tx: &Transaction<'_>, rows: &[&LineRow], together: usize) -> rusqlite::Result<()> {
    let places = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; together].join(", ");
    let mut statement = tx.prepare_cached(&format!(
        "INSERT OR ROLLBACK INTO line (member, order_key, line, product, at, quantity, unit_price, status, counted, \
            delivered_at, gift) VALUES {places}"
    ))?;
    for group in rows.chunks_exact(together) {
        for (i, row) in group.iter().enumerate() {
            bind(&mut statement, i * 11, row)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// Binds the eleven values of a line, after those that are bound already.
fn bind(statement: &mut CachedStatement<'_>, after: usize, row: &LineRow) -> rusqlite::Result<()> {
    statement.raw_bind_parameter(after + 1, row.member)?;
    statement.raw_bind_parameter(after + 2, row.order)?;
    statement.raw_bind_parameter(after + 3, row.line)?;
    statement.raw_bind_parameter(after + 4, row.product)?;
    statement.raw_bind_parameter(after + 5, row.at)?;
    statement.raw_bind_parameter(after + 6, row.quantity)?;
    statement.raw_bind_parameter(after + 7, row.unit_price)?;
    statement.raw_bind_parameter(after + 8, row.status.as_deref())?;
    statement.raw_bind_parameter(after + 9, row.counted)?;
    statement.raw_bind_parameter(after + 10, row.delivered_at)?;
    statement.raw_bind_parameter(after + 11, row.gift)
}
