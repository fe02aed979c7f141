//! Owns `[intake]`: how a shop's files are read; reads no records.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::reader::{Fault, Kind, Section};
use super::tree::Value;
use super::values;

/// How a shop's files are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Intake {
    /// With a larger share of bad rows, nothing of a file is kept.
    pub max_rejects: f64,
    /// The folder that files are taken from as they come.
    pub inbox: Option<PathBuf>,
    /// What text files are encoded in; where nothing is declared, their bytes tell.
    pub encoding: Option<Encoding>,
    /// Files of orders.
    pub orders: Files,
    /// Files of returns.
    pub returns: Files,
    /// Files of members.
    pub members: Files,
    /// Files of products.
    pub products: Files,
    /// All of this as it is without the preset that lies beneath it, where one does.
    pub own: Option<Box<Intake>>,
}

/// How files of one kind are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Headers of their columns, by our names.
    pub columns: Columns,
    /// How their dates are written.
    pub dates: DateFormat,
    /// What stands only in the first row of an order, or of a product's variants, holds for its further rows.
    pub carry_down: bool,
    /// Statuses of order lines that are no purchase.
    pub not_a_purchase: Vec<String>,
    /// What the column `row_kind` says of rows that are no order lines.
    pub not_a_line: Vec<String>,
    /// Member ids that stand for nobody in particular.
    pub nobody: Vec<String>,
}

/// Our name of a column, and the headers it has in the shop's files.
pub type Columns = BTreeMap<String, Header>;

/// What a column is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// By this header, which the file must have.
    One(String),
    /// By any of these, none of which need be there: in each row the first with a value counts.
    AnyOf(Vec<String>),
}

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DateFormat {
    /// They all begin with one.
    #[default]
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

const NOT_A_PURCHASE: [&str; 9] =
    ["cancelled", "canceled", "voided", "refunded", "unpaid", "已取消", "未付款", "未取貨", "已退款"];

const ORDERS: [&str; 19] = [
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
    "email",
    "phone",
    "row_kind",
    "payment_status",
    "delivery_status",
    "cancelled_at",
    "refunded",
    "total",
];
const RETURNS: [&str; 4] = ["order_id", "product_id", "quantity", "returned_at"];
const MEMBERS: [&str; 13] = [
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
    "phone",
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

/// Reads the section; the preset that it names has been laid beneath it.
pub fn read(s: &mut Section<'_>, base: &Path) -> Intake {
    s.node(super::preset::KEY);
    let max_rejects = s.get("max_rejects", values::share()).unwrap_or(0.05);
    let dates = date_format(s).unwrap_or_default();
    Intake {
        max_rejects,
        inbox: s.get("inbox", values::path("a folder", "inbox", base)),
        encoding: s.get("encoding", values::one_of(&ENCODINGS)).flatten(),
        orders: s.section("orders", |s| Files {
            not_a_purchase: words(s, "not_a_purchase", "cancelled")
                .unwrap_or_else(|| NOT_A_PURCHASE.map(str::to_owned).to_vec()),
            not_a_line: words(s, "not_a_line", "組合商品").unwrap_or_default(),
            nobody: words(s, "nobody", "0").unwrap_or_default(),
            ..carried(s, &ORDERS, dates)
        }),
        returns: s.section("returns", |s| plain(s, &RETURNS, dates)),
        members: s.section("members", |s| Files {
            nobody: words(s, "nobody", "0").unwrap_or_default(),
            ..plain(s, &MEMBERS, dates)
        }),
        products: s.section("products", |s| carried(s, &PRODUCTS, dates)),
        own: None,
    }
}

/// Files of one kind; their dates as those of all, unless they say otherwise.
fn plain(s: &mut Section<'_>, known: &[&'static str], dates: DateFormat) -> Files {
    Files { dates: date_format(s).unwrap_or(dates), columns: columns(s, known), ..Files::default() }
}

fn carried(s: &mut Section<'_>, known: &[&'static str], dates: DateFormat) -> Files {
    Files { carry_down: s.get("carry_down", values::switch()).unwrap_or(false), ..plain(s, known, dates) }
}

fn date_format(s: &mut Section<'_>) -> Option<DateFormat> {
    s.get("date_format", values::one_of(&DATE_FORMATS))
}

fn words(s: &mut Section<'_>, key: &'static str, example: &str) -> Option<Vec<String>> {
    s.list(key, values::text("a word of the file", example))
}

fn columns(s: &mut Section<'_>, known: &[&'static str]) -> Columns {
    s.section("columns", |s| {
        let mut mapped = |name: &&'static str| Some(((*name).to_owned(), s.get(name, header())?));
        known.iter().filter_map(&mut mapped).collect()
    })
}

/// One header, or a list of them; an empty list: no column is this.
fn header() -> Kind<'static, Header> {
    let example = "\"會員編號\", or [\"會員編號\", \"會員代碼\"] for the first of them that has a value";
    Kind::new("a header of the file, or a list of headers", example, |value| {
        let text = |value: &Value| value.text().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        match value {
            Value::List(nodes) => {
                let names: Option<Vec<String>> = nodes.iter().map(|node| text(&node.value)).collect();
                names.map(Header::AnyOf).ok_or(Fault::Type)
            }
            Value::Text(typed) if typed.trim().is_empty() => {
                Err(Fault::Value("it must not be empty; [] means that no column is this".to_owned()))
            }
            value => text(value).map(Header::One).ok_or(Fault::Type),
        }
    })
}
