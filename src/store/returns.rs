//! Owns how returns become lines of the orders that they are of, and give way to what the orders say themselves; knows
//! nothing of what follows.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::history::{LineRow, RELEASE, Stored, is_return, return_number};
use super::updates::StoredLine;
use super::value::{Dialect, Row, Statement, Value, values};
use super::{Store, StoreError};
use crate::domain::order::Return;

/// One line of an order, as far as a return needs it.
struct Sold {
    order: i64,
    member: i64,
    line: i64,
    product: i64,
    at: i64,
    quantity: f64,
}

/// What is known of the orders and products that a chunk of returns names.
#[derive(Default)]
struct Known {
    orders: HashMap<String, Vec<Sold>>,
    products: HashMap<String, i64>,
    /// Pieces of a product in a kit.
    pieces: HashMap<(i64, i64), f64>,
}

impl Store {
    /// Stores one chunk of returns in one transaction, each as a line of its order with a negative quantity. Wakes the
    /// members concerned and releases their holds. A return of an order that is not known, or that the product is not in,
    /// is counted as unknown, and nothing of it is kept; nor is anything kept of pieces that the order's own lines say
    /// came back.
    ///
    /// # Errors
    /// When the store cannot answer; nothing of the chunk is kept then.
    pub async fn put_returns(&self, returns: Vec<Return>) -> Result<Stored, StoreError> {
        let dialect = self.dialect();
        let any = dialect.any("$1");
        let release = format!("{RELEASE} AND member {any}");
        let wake = format!("UPDATE member SET wake_at = 0 WHERE key {any}");
        let asked = questions(dialect, &returns);
        let put = move |answers| {
            let (mut script, woken, stored) = put(Known::read(answers)?, &returns);
            let woken: Value = woken.into_iter().collect();
            script.push(Statement::new(wake.clone(), vec![woken.clone()]));
            script.push(Statement::new(release.clone(), vec![woken]));
            Ok((script, stored))
        };
        Ok(self.amend(asked, put).await?.0)
    }
}

/// What to ask before returns are stored: the members are locked in key order before their lines are read, so that a
/// decision under way is waited for.
fn questions(dialect: Dialect, returns: &[Return]) -> Vec<Statement> {
    let any = dialect.any("$1");
    let orders: Value =
        returns.iter().map(|r| r.order.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let products: Value =
        returns.iter().map(|r| r.product.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let lines = "line l JOIN orders o ON o.key = l.order_key WHERE o.id";
    vec![
        Statement::new(
            format!(
                "SELECT key FROM member WHERE key IN (SELECT l.member FROM {lines} {any}) ORDER BY key {}",
                dialect.for_update()
            ),
            vec![orders.clone()],
        ),
        Statement::new(
            format!(
                "SELECT l.order_key, o.id, l.member, l.line, l.product, l.at, l.quantity FROM {lines} {any}"
            ),
            vec![orders],
        ),
        Statement::new(format!("SELECT key, id FROM product WHERE id {any}"), vec![products.clone()]),
        Statement::new(
            format!(
                "SELECT w.kit, w.part, w.pieces FROM part w JOIN product p ON p.key = w.part WHERE p.id {any}"
            ),
            vec![products],
        ),
    ]
}

impl Known {
    fn read(answers: Vec<Vec<Row>>) -> Result<Self, StoreError> {
        let [_, lines, products, parts]: [Vec<Row>; 4] = answers.try_into().unwrap_or_default();
        let mut known = Self::default();
        for row in lines {
            let read = |r: &mut Row| Ok((r.text()?, r.int()?, r.int()?, r.int()?, r.int()?, r.real()?));
            let (order, (id, member, line, product, at, quantity)) = row.keyed("line", read)?;
            let sold = Sold { order, member, line, product, at, quantity };
            known.orders.entry(id).or_default().push(sold);
        }
        for row in products {
            let (key, id) = row.keyed("product", Row::text)?;
            known.products.insert(id, key);
        }
        for row in parts {
            let (kit, (part, pieces)) = row.keyed("part", |r| Ok((r.int()?, r.real()?)))?;
            known.pieces.insert((kit, part), pieces);
        }
        Ok(known)
    }

    /// The pieces of this product that a line brought, in a kit or by itself; negative where it took them back.
    fn pieces(&self, sold: &Sold, product: i64) -> f64 {
        let each =
            if sold.product == product { Some(&1.0) } else { self.pieces.get(&(sold.product, product)) };
        each.map_or(0.0, |each| each * sold.quantity)
    }
}

/// What is to be written, and whom it wakes. Of a return that stands there twice in a chunk the last word counts.
fn put(mut known: Known, returns: &[Return]) -> (Vec<Statement>, BTreeSet<i64>, Stored) {
    let (mut script, mut woken, mut stored) = (Vec::new(), BTreeSet::new(), Stored::default());
    for back in returns {
        let Some(line) = line_of(&known, back) else {
            stored.unknown += 1;
            continue;
        };
        if line.quantity >= 0.0 {
            stored.duplicate += 1;
            continue;
        }
        let lines = known.orders.entry(back.order.to_string()).or_default();
        match lines.iter_mut().find(|l| l.line == line.line) {
            Some(same) if (same.at, same.quantity, same.member) == (line.at, line.quantity, line.member) => {
                stored.duplicate += 1;
                continue;
            }
            Some(_) => stored.replaced += 1,
            None => stored.stored += 1,
        }
        lines.retain(|l| l.line != line.line);
        woken.insert(line.member);
        script.push(write(&line));
        lines.push(line);
    }
    (script, woken, stored)
}

/// The line that a return is; none where the order does not have the product. What the order's own lines say came back,
/// as a webhook's refunds do, is not told again: with nothing beyond that the quantity is not below zero.
fn line_of(known: &Known, back: &Return) -> Option<Sold> {
    let product = *known.products.get(back.product.as_str())?;
    let lines = known.orders.get(back.order.as_str())?;
    let (mut pieces, mut told) = (0.0, 0.0);
    let mut first: Option<&Sold> = None;
    for sold in lines.iter().filter(|l| !is_return(l.line)) {
        let brought = known.pieces(sold, product);
        *(if brought > 0.0 { &mut pieces } else { &mut told }) += brought.abs();
        first = if brought > 0.0 && first.is_none_or(|f| sold.at < f.at) { Some(sold) } else { first };
    }
    let &Sold { order, member, at, .. } = first?;
    let at = back.at.map_or(at, |at| at.timestamp_millis());
    let quantity = told - back.quantity.unwrap_or(pieces);
    Some(Sold { order, member, line: number(lines, product, at, back.nth), product, at, quantity })
}

/// The number of the stored line that this return is again, else the next one that is free.
fn number(lines: &[Sold], product: i64, at: i64, nth: u32) -> i64 {
    let own = |l: &&Sold| is_return(l.line) && l.product == product;
    let mut again: Vec<i64> = lines.iter().filter(own).filter(|l| l.at == at).map(|l| l.line).collect();
    again.sort_unstable();
    let next = || return_number(product, lines.iter().filter(own).count());
    again.get(nth as usize).copied().unwrap_or_else(next)
}

fn write(line: &Sold) -> Statement {
    let sql = "INSERT INTO line (member, order_key, line, product, at, quantity, status, counted, gift) \
        VALUES ($1, $2, $3, $4, $5, $6, 'returned', $7, $8) ON CONFLICT (order_key, line) DO UPDATE SET \
        member = excluded.member, at = excluded.at, quantity = excluded.quantity";
    Statement::new(
        sql,
        values![line.member, line.order, line.line, line.product, line.at, line.quantity, true, false],
    )
}

/// Orders of which these rows say that something came back.
pub(super) fn taken_back(rows: &[LineRow]) -> BTreeSet<i64> {
    rows.iter().filter(|row| row.quantity < 0.0).map(|row| row.order).collect()
}

/// Takes what rows newly say came back from what `import returns` brought of it before: it came back once.
pub(super) fn told_again(stored: &[StoredLine], rows: &[LineRow]) -> Vec<Statement> {
    let known: HashMap<(i64, i64), f64> =
        stored.iter().map(|l| ((l.order, l.line), l.quantity.min(0.0))).collect();
    let mut more: HashMap<(i64, i64), f64> = HashMap::new();
    for row in rows.iter().filter(|row| row.quantity < 0.0) {
        let before = known.get(&(row.order, row.line)).copied().unwrap_or(0.0);
        *more.entry((row.order, row.product)).or_default() += before - row.quantity;
    }
    let mut brought: Vec<&StoredLine> =
        stored.iter().filter(|l| is_return(l.line) && l.quantity < 0.0).collect();
    // the last one goes first: the next one's number is the count of those that are there
    brought.sort_unstable_by_key(|l| Reverse(l.line));
    let mut script = Vec::new();
    for line in brought {
        let Some(more) = more.get_mut(&(line.order, line.product)).filter(|more| **more > 0.0) else {
            continue;
        };
        let left = (line.quantity + *more).min(0.0);
        *more -= left - line.quantity;
        script.push(match left < 0.0 {
            true => Statement::new(
                "UPDATE line SET quantity = $3 WHERE order_key = $1 AND line = $2",
                values![line.order, line.line, left],
            ),
            false => Statement::new(
                "DELETE FROM line WHERE order_key = $1 AND line = $2",
                values![line.order, line.line],
            ),
        });
    }
    script
}
