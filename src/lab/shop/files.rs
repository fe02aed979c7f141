//! Owns the made-up shop as files, in the form that `replenish import` reads; knows nothing of how it was made up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::SecondsFormat;

use super::{SampleShop, ZONE};
use crate::domain::catalog::ProductRecord;
use crate::domain::ids::Timestamp;
use crate::domain::member::{MemberRecord, Purpose};
use crate::domain::order::OrderLine;

/// A file of the made-up shop cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written; look at the folder and its permissions", path.display())]
pub struct FileError {
    path: PathBuf,
    source: csv::Error,
}

const ORDERS: [&str; 10] = [
    "order_id",
    "member_id",
    "product_id",
    "category",
    "ordered_at",
    "quantity",
    "unit_price",
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

/// Writes the three files.
pub(super) fn write(shop: &SampleShop, folder: &Path) -> Result<(), FileError> {
    file(folder.join("orders.csv"), ORDERS, shop.orders.iter().map(order))?;
    file(folder.join("members.csv"), MEMBERS, shop.members.iter().map(member))?;
    file(folder.join("products.csv"), PRODUCTS, shop.products.iter().map(product))
}

fn file<const N: usize>(
    path: PathBuf,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<(), FileError> {
    let write = || {
        let mut file = csv::Writer::from_path(&path)?;
        file.write_record(header)?;
        rows.into_iter().try_for_each(|row| file.write_record(row))?;
        Ok(file.flush()?)
    };
    write().map_err(|source| FileError { path: path.clone(), source })
}

fn order(line: &OrderLine) -> [String; 10] {
    [
        line.order.to_string(),
        line.member.to_string(),
        line.product.to_string(),
        line.category.as_deref().unwrap_or_default().to_owned(),
        time(line.ordered_at),
        line.quantity.to_string(),
        line.unit_price.map_or_else(String::new, |price| price.to_string()),
        line.status.clone().unwrap_or_default(),
        line.delivered_at.map_or_else(String::new, time),
        if line.gift { "yes" } else { "" }.to_owned(),
    ]
}

fn member(record: &MemberRecord) -> [String; 12] {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    let contacts = record.contacts.iter().flatten().map(|(channel, point)| format!("{channel}={point}"));
    [
        record.id.to_string(),
        text(&record.email),
        text(&record.name),
        text(&record.locale),
        record.zone.flatten().map_or_else(String::new, |zone| zone.name().to_owned()),
        text(&record.region),
        list(record.tags.iter().flatten().cloned()),
        list(record.consent.iter().flatten().map(|p: &Purpose| p.as_str().to_owned())),
        list(contacts),
        record.joined_at.flatten().map_or_else(String::new, time),
        record.membership_expires_at.flatten().map_or_else(String::new, time),
        list(record.subscribed_items.iter().flat_map(BTreeSet::iter).cloned()),
    ]
}

fn product(record: &ProductRecord) -> [String; 12] {
    let text = |cell: &Option<String>| cell.clone().unwrap_or_default();
    let truth = |cell: Option<bool>| cell.map_or("", |truth| if truth { "yes" } else { "no" }).to_owned();
    let contains = record.contains.iter().flatten().map(|(part, pieces)| format!("{part}*{pieces}"));
    [
        record.id.to_string(),
        text(&record.name),
        text(&record.category),
        text(&record.group),
        list(record.tags.iter().flatten().cloned()),
        record.days_supply.flatten().map_or_else(String::new, |days| days.to_string()),
        list(contains),
        text(&record.url),
        truth(record.in_stock),
        truth(record.replenishable),
        text(&record.usage_tip),
        text(&record.caution),
    ]
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(";")
}

/// The shop's time, with its offset, so that no reader has to guess.
fn time(at: Timestamp) -> String {
    at.with_timezone(&ZONE).to_rfc3339_opts(SecondsFormat::Secs, false)
}
