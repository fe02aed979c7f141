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
    /// What text files are encoded in; where nothing is declared, their bytes tell.
    pub encoding: Option<Encoding>,
    /// Files of orders.
    pub orders: Files,
    /// Files of members.
    pub members: Files,
    /// Files of products.
    pub products: Files,
}

/// How files of one kind are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// Headers of their columns, by our names.
    pub columns: Columns,
    /// How their dates are written.
    pub dates: DateFormat,
}

/// Our name of a column, and the header it has in the shop's files.
pub type Columns = BTreeMap<String, String>;

/// What a text file is encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Encoding {
    Utf8,
    Big5,
    Utf16,
    Utf16Le,
    Utf16Be,
}

/// The words for encodings; `auto` declares none.
pub const ENCODINGS: [(&str, Option<Encoding>); 6] = [
    ("auto", None),
    ("utf-8", Some(Encoding::Utf8)),
    ("big5", Some(Encoding::Big5)),
    ("utf-16", Some(Encoding::Utf16)),
    ("utf-16le", Some(Encoding::Utf16Le)),
    ("utf-16be", Some(Encoding::Utf16Be)),
];

/// How dates are written that do not begin with a year of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateFormat {
    /// They all begin with one.
    Ymd,
    /// `03/02/2026`, the month first.
    Mdy,
    /// `02/03/2026`, the day first.
    Dmy,
    /// `115/03/02`, in years of the Republic of China.
    Roc,
}

const DATE_FORMATS: [(&str, DateFormat); 4] =
    [("ymd", DateFormat::Ymd), ("mdy", DateFormat::Mdy), ("dmy", DateFormat::Dmy), ("roc", DateFormat::Roc)];

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
    let encoding = s.get("encoding", values::one_of(&ENCODINGS)).flatten();
    let dates = date_format(s).unwrap_or(DateFormat::Ymd);
    let (not_a_purchase, orders) = s.section("orders", |s| {
        let statuses = s.list("not_a_purchase", values::text("a status", "cancelled"));
        (statuses.unwrap_or_else(|| NOT_A_PURCHASE.map(str::to_owned).to_vec()), files(s, &ORDERS, dates))
    });
    Intake {
        max_rejects,
        not_a_purchase,
        encoding,
        orders,
        members: s.section("members", |s| files(s, &MEMBERS, dates)),
        products: s.section("products", |s| files(s, &PRODUCTS, dates)),
    }
}

/// Files of one kind; their dates as those of all, unless they say otherwise.
fn files(s: &mut Section<'_>, known: &[&'static str], dates: DateFormat) -> Files {
    let dates = date_format(s).unwrap_or(dates);
    let columns = s.section("columns", |s| {
        let mut header = |name: &&'static str| {
            Some(((*name).to_owned(), s.get(name, values::text("a header of the file", "會員編號"))?))
        };
        known.iter().filter_map(&mut header).collect()
    });
    Files { columns, dates }
}

fn date_format(s: &mut Section<'_>) -> Option<DateFormat> {
    s.get("date_format", values::one_of(&DATE_FORMATS))
}
