//! Owns `[intake]`: how a shop's files are read; reads no records.

use std::collections::BTreeMap;

use super::reader::Section;
use super::values;

/// How a shop's files are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// With a larger share of bad rows, nothing of a file is kept.
    pub max_rejects: f64,
    /// Statuses of order lines that are no purchase.
    pub not_a_purchase: Vec<String>,
    /// Headers of the orders' columns, by our names.
    pub orders: Columns,
    /// Headers of the members' columns, by our names.
    pub members: Columns,
    /// Headers of the products' columns, by our names.
    pub products: Columns,
}

/// Our name of a column, and the header it has in the shop's files.
pub type Columns = BTreeMap<String, String>;

const NOT_A_PURCHASE: [&str; 8] =
    ["cancelled", "voided", "refunded", "unpaid", "已取消", "未付款", "未取貨", "已退款"];

const ORDERS: [&str; 11] = [
    "order_id",
    "member_id",
    "product_id",
    "category",
    "ordered_at",
    "quantity",
    "unit_price",
    "line",
    "status",
    "delivered_at",
    "gift",
];
const MEMBERS: [&str; 12] = [
    "member_id",
    "email",
    "name",
    "locale",
    "timezone",
    "region",
    "tags",
    "consent",
    "contacts",
    "joined_at",
    "membership_expires_at",
    "subscribed_items",
];
const PRODUCTS: [&str; 12] = [
    "product_id",
    "name",
    "category",
    "group",
    "tags",
    "days_supply",
    "contains",
    "url",
    "in_stock",
    "replenishable",
    "usage_tip",
    "caution",
];

/// Reads the section.
pub fn read(s: &mut Section<'_>) -> Intake {
    let max_rejects = s.get("max_rejects", values::share()).unwrap_or(0.05);
    let (not_a_purchase, orders) = s.section("orders", |s| {
        let statuses = s.list("not_a_purchase", values::text("a status", "cancelled"));
        (statuses.unwrap_or_else(|| NOT_A_PURCHASE.map(str::to_owned).to_vec()), columns(s, &ORDERS))
    });
    Intake {
        max_rejects,
        not_a_purchase,
        orders,
        members: s.section("members", |s| columns(s, &MEMBERS)),
        products: s.section("products", |s| columns(s, &PRODUCTS)),
    }
}

fn columns(s: &mut Section<'_>, known: &[&'static str]) -> Columns {
    s.section("columns", |s| {
        let mut header = |name: &&'static str| {
            Some(((*name).to_owned(), s.get(name, values::text("a header of the file", "會員編號"))?))
        };
        known.iter().filter_map(&mut header).collect()
    })
}
