//! Owns what WooCommerce's order webhooks say; knows nothing of other shops.

use serde::Deserialize;

use super::{
    Bad, Format, Lines, Reading, SoFar, Text, Told, deleted, first, known_by, line, other_topic, parse, time,
    whole,
};

/// Order states in which nothing was bought. An order `on-hold` waits for a transfer that mostly comes: silence is right.
pub const NOTHING_BOUGHT: &[&str] =
    &["pending", "failed", "cancelled", "refunded", "trash", "checkout-draft", "auto-draft"];

#[derive(Deserialize)]
struct Order {
    id: Text,
    /// What people see: the id, unless a plug-in counts otherwise.
    number: Option<Text>,
    status: String,
    date_created_gmt: String,
    date_modified_gmt: Option<String>,
    customer_id: Option<Text>,
    #[serde(default)]
    billing: Billing,
    line_items: Vec<Item>,
}

#[derive(Default, Deserialize)]
struct Billing {
    email: Option<Text>,
    phone: Option<Text>,
}

#[derive(Deserialize)]
struct Item {
    sku: Option<Text>,
    name: Option<Text>,
    quantity: Text,
    price: Option<Text>,
}

#[derive(Deserialize)]
struct Deleted {
    id: Text,
}

/// Understands what a webhook of this topic brought.
pub fn read(topic: &str, body: &[u8], reading: &Reading) -> Result<Told, Bad> {
    match topic {
        "order.created" | "order.updated" | "order.restored" => order(parse(body)?, reading),
        "order.deleted" => {
            let id = parse::<Deleted>(body)?.id.into_text();
            Ok(deleted(number(&id), Some(id.into())))
        }
        _ => Ok(other_topic(topic)),
    }
}

fn number(id: &str) -> String {
    format!("woocommerce:{id}")
}

fn order(order: Order, reading: &Reading) -> Result<Told, Bad> {
    let (email, phone) = (first([order.billing.email]), first([order.billing.phone]));
    let registered = first([order.customer_id]).filter(|id| id != "0");
    let Some(member) = registered.or_else(|| known_by(email.as_deref(), phone.as_deref())) else {
        return Ok(Told::Nothing("the order names no customer, no e-mail address and no phone".to_owned()));
    };
    let id = order.id.into_text();
    let name = first([order.number]).unwrap_or_else(|| id.clone());
    let created = in_utc(&order.date_created_gmt);
    let mut so_far = SoFar::new(reading, Format::Jsonl);
    let mut lines = Lines::default();
    for item in order.line_items {
        let product = first([item.sku, item.name]);
        let (quantity, price) = (item.quantity.into_text(), first([item.price]));
        let cells = [
            ("order_id", Some(name.as_str())),
            ("member_id", Some(member.as_str())),
            ("email", email.as_deref()),
            ("product_id", product.as_deref()),
            ("ordered_at", Some(created.as_str())),
            ("quantity", Some(quantity.as_str())),
            ("unit_price", price.as_deref()),
            ("status", Some(order.status.as_str())),
        ];
        lines.take(line(&cells, &mut so_far));
    }
    let at = order.date_modified_gmt.map_or(created, |modified| in_utc(&modified));
    whole(&name, number(&id), time("date_modified_gmt", &at)?, lines)
}

/// Times of the shop carry no offset: these are in UTC.
fn in_utc(text: &str) -> String {
    format!("{text}Z")
}
