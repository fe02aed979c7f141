//! Owns how a record changes what is known of a member or a product; knows nothing of how either is stored.

use std::collections::BTreeMap;

use super::StoreError;
use super::value::{Flaw, Row, Statement, json, values};
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::ProductId;
use crate::domain::member::{set, text};

/// A product as records name it: labels and parts by the shop's words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sold {
    pub name: Option<String>,
    pub category: Option<String>,
    pub group: Option<String>,
    pub tags: Vec<String>,
    pub days_supply: Option<f64>,
    pub contains: BTreeMap<ProductId, f64>,
    pub url: Option<String>,
    pub in_stock: bool,
    pub replenishable: bool,
    pub usage_tip: Option<String>,
    pub caution: Option<String>,
}

impl Default for Sold {
    fn default() -> Self {
        Self {
            name: None,
            category: None,
            group: None,
            tags: Vec::new(),
            days_supply: None,
            contains: BTreeMap::new(),
            url: None,
            in_stock: true,
            replenishable: true,
            usage_tip: None,
            caution: None,
        }
    }
}

impl Sold {
    /// What [`Sold::read`] reads after the product's key and id.
    pub const COLUMNS: &str = "p.name, c.text, g.text, p.tags, p.days_supply, p.url, p.in_stock, p.replenishable, \
        p.usage_tip, p.caution FROM product p LEFT JOIN label c ON c.key = p.category_key \
        LEFT JOIN label g ON g.key = p.group_key";

    pub fn read(row: &mut Row) -> Result<Self, Flaw> {
        Ok(Self {
            name: row.opt_text()?,
            category: row.opt_text()?,
            group: row.opt_text()?,
            tags: row.json()?,
            days_supply: row.opt_real()?,
            contains: BTreeMap::new(),
            url: row.opt_text()?,
            in_stock: row.bool()?,
            replenishable: row.bool()?,
            usage_tip: row.opt_text()?,
            caution: row.opt_text()?,
        })
    }

    /// Lays a record over what is known of the product.
    pub fn lay(&mut self, record: &ProductRecord) {
        text(&mut self.name, &record.name);
        text(&mut self.category, &record.category);
        text(&mut self.group, &record.group);
        text(&mut self.url, &record.url);
        text(&mut self.usage_tip, &record.usage_tip);
        text(&mut self.caution, &record.caution);
        set(&mut self.tags, &record.tags);
        set(&mut self.days_supply, &record.days_supply);
        set(&mut self.in_stock, &record.in_stock);
        set(&mut self.replenishable, &record.replenishable);
        if let Some(parts) = &record.contains {
            self.contains.clear();
            parts.iter().for_each(|(part, pieces)| *self.contains.entry(part.clone()).or_default() += pieces);
        }
    }

    /// Writes the product, new or not, with its labels and parts.
    pub fn put(&self, id: &ProductId) -> Result<Vec<Statement>, StoreError> {
        let mut script = Vec::new();
        for (kind, label) in [("category", &self.category), ("group", &self.group)] {
            let sql = "INSERT INTO label (kind, text) VALUES ($1, $2) ON CONFLICT (kind, text) DO NOTHING";
            script.extend(label.as_deref().map(|label| Statement::new(sql, values![kind, label])));
        }
        script.push(self.put_row(id)?);
        let sql = "DELETE FROM part WHERE kit = (SELECT key FROM product WHERE id = $1)";
        script.push(Statement::new(sql, values![id.as_str()]));
        for (part, pieces) in &self.contains {
            let bare = "INSERT INTO product (id) VALUES ($1) ON CONFLICT (id) DO NOTHING";
            script.push(Statement::new(bare, values![part.as_str()]));
            let sql = "INSERT INTO part (kit, part, pieces) \
                SELECT k.key, p.key, $3 FROM product k, product p WHERE k.id = $1 AND p.id = $2";
            script.push(Statement::new(sql, values![id.as_str(), part.as_str(), *pieces]));
        }
        Ok(script)
    }

    fn put_row(&self, id: &ProductId) -> Result<Statement, StoreError> {
        let sql = "INSERT INTO product (id, name, category_key, group_key, tags, days_supply, url, in_stock, \
                replenishable, usage_tip, caution) \
             VALUES ($1, $2, (SELECT key FROM label WHERE kind = 'category' AND text = $3), \
                (SELECT key FROM label WHERE kind = 'group' AND text = $4), $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, category_key = excluded.category_key, \
                group_key = excluded.group_key, tags = excluded.tags, days_supply = excluded.days_supply, \
                url = excluded.url, in_stock = excluded.in_stock, replenishable = excluded.replenishable, \
                usage_tip = excluded.usage_tip, caution = excluded.caution";
        let values = values![
            id.as_str(),
            self.name.as_deref(),
            self.category.as_deref(),
            self.group.as_deref(),
            json(&self.tags)?,
            self.days_supply,
            self.url.as_deref(),
            self.in_stock,
            self.replenishable,
            self.usage_tip.as_deref(),
            self.caution.as_deref(),
        ];
        Ok(Statement::new(sql, values))
    }
}
