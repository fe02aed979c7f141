//! Owns what Shopify's order webhooks say; knows nothing of other shops.
//!
//! An order is named and its lines are told apart as in Shopify's CSV export of orders, so that a file and the webhooks
//! meet on the same lines.

use serde::Deserialize;

use super::{
    Bad, Format, Lines, Reading, SoFar, Text, Told, deleted, first, known_by, other_topic, parse, time, whole,
};
use crate::domain::order::OrderLine;

/// Financial states in which nothing was bought, and our word for an order that was cancelled.
pub const NOTHING_BOUGHT: &[&str] = &[CANCELLED, "voided", "refunded", "expired"];
const CANCELLED: &str = "cancelled";

#[derive(Deserialize)]
struct Order {
    id: Text,
    name: Text,
    email: Option<Text>,
    contact_email: Option<Text>,
    phone: Option<Text>,
    #[serde(default)]
    test: bool,
    billing_address: Option<Address>,
    shipping_address: Option<Address>,
    customer: Option<Customer>,
    created_at: String,
    updated_at: String,
    cancelled_at: Option<String>,
    financial_status: Option<String>,
    line_items: Vec<Item>,
    #[serde(default)]
    refunds: Vec<Refund>,
}

#[derive(Deserialize)]
struct Address {
    phone: Option<Text>,
}

#[derive(Default, Deserialize)]
struct Customer {
    email: Option<Text>,
    phone: Option<Text>,
}

#[derive(Clone, Deserialize)]
struct Item {
    id: Option<Text>,
    sku: Option<Text>,
    name: Option<Text>,
    title: Option<Text>,
    quantity: Text,
    /// What is left of it after refunds, and after the shop has taken pieces out.
    current_quantity: Option<Text>,
    price: Option<Text>,
}

#[derive(Deserialize)]
struct Refund {
    /// Said where the refund comes by itself.
    order_id: Option<Text>,
    created_at: String,
    #[serde(default)]
    refund_line_items: Vec<Returned>,
}

#[derive(Deserialize)]
struct Returned {
    id: Text,
    line_item_id: Option<Text>,
    line_item: Option<Item>,
    quantity: Text,
}

#[derive(Deserialize)]
struct Deleted {
    id: Text,
}

/// Understands what a webhook of this topic brought.
pub fn read(topic: &str, body: &[u8], reading: &Reading) -> Result<Told, Bad> {
    match topic {
        "orders/create"
        | "orders/paid"
        | "orders/updated"
        | "orders/cancelled"
        | "orders/fulfilled"
        | "orders/partially_fulfilled" => order(parse(body)?, reading),
        "refunds/create" => refund(parse(body)?, reading),
        "orders/delete" => Ok(deleted(number(parse::<Deleted>(body)?.id), None)),
        _ => Ok(other_topic(topic)),
    }
}

fn number(id: Text) -> String {
    format!("shopify:{}", id.into_text())
}

fn order(order: Order, reading: &Reading) -> Result<Told, Bad> {
    if order.test {
        return Ok(Told::Nothing("the order is a test".to_owned()));
    }
    let customer = order.customer.unwrap_or_default();
    let email = first([order.email, order.contact_email, customer.email]);
    let of = |address: Option<Address>| address.and_then(|address| address.phone);
    // the export's three, in its order, before the customer's own
    let phones = [order.phone, of(order.billing_address), of(order.shipping_address), customer.phone];
    let phone = first(phones);
    let Some(member) = known_by(email.as_deref(), phone.as_deref()) else {
        return Ok(Told::Nothing("the order names neither an e-mail address nor a phone".to_owned()));
    };
    let name = order.name.into_text();
    let status = order.cancelled_at.map(|_| CANCELLED.to_owned()).or(order.financial_status);
    let mut so_far = SoFar::new(reading, Format::Jsonl);
    let head = Head { order: &name, member: &member, email: email.as_deref(), status: status.as_deref() };
    let mut lines = Lines::default();
    for item in &order.line_items {
        let quantity = bought(item, &order.refunds);
        lines.take(head.line(item, quantity, None, &order.created_at, &mut so_far));
    }
    for refund in &order.refunds {
        head.returned(refund, &order.line_items, &mut lines, &mut so_far);
    }
    whole(&name, number(order.id), time("updated_at", &order.updated_at)?, lines)
}

fn refund(refund: Refund, reading: &Reading) -> Result<Told, Bad> {
    let number = refund.order_id.clone().map(number).ok_or("order_id: is missing")?;
    // Only who finds the order knows these.
    let head = Head { order: &number, member: &number, email: None, status: None };
    let mut lines = Lines::default();
    head.returned(&refund, &[], &mut lines, &mut SoFar::new(reading, Format::Jsonl));
    let Lines { good, mut bad } = lines;
    match (good.is_empty(), bad.is_empty()) {
        (true, true) => Ok(Told::Nothing("the refund gives back money, and no pieces".to_owned())),
        (true, false) => Err(bad.swap_remove(0)),
        _ => Ok(Told::Returned { number, at: time("created_at", &refund.created_at)?, lines: good, bad }),
    }
}

/// The pieces of a line that were bought: those that the shop took out of the order are none. What is left does not count
/// refunded ones, which come back in lines of their own.
fn bought(item: &Item, refunds: &[Refund]) -> String {
    let pieces = |text: &Text| text.clone().into_text().parse::<f64>().ok();
    let all = item.quantity.clone().into_text();
    let Some(left) = item.current_quantity.as_ref().and_then(pieces) else { return all };
    let own = |back: &&Returned| text(&item.id).is_some() && text(&item.id) == text(&back.line_item_id);
    let backs = refunds.iter().flat_map(|refund| &refund.refund_line_items).filter(own);
    let bought = left + backs.filter_map(|back| pieces(&back.quantity)).sum::<f64>();
    pieces(&item.quantity).map_or(all, |all| all.min(bought).to_string())
}

fn text(id: &Option<Text>) -> Option<String> {
    id.clone().map(Text::into_text)
}

/// What all lines of an order share.
struct Head<'h> {
    order: &'h str,
    member: &'h str,
    email: Option<&'h str>,
    status: Option<&'h str>,
}

impl Head<'_> {
    /// What a refund gives back: negative lines of their own, which count as little as the order does.
    fn returned(&self, refund: &Refund, items: &[Item], lines: &mut Lines, so_far: &mut SoFar<'_>) {
        for back in &refund.refund_line_items {
            let own = |item: &&Item| text(&item.id).is_some() && text(&item.id) == text(&back.line_item_id);
            let item = items.iter().find(own).or(back.line_item.as_ref());
            let Some(item) = item else {
                let bad = "refund_line_items: names a line that the order does not have";
                lines.take(Err(bad.to_owned()));
                continue;
            };
            let line = format!("refund {}", back.id.clone().into_text());
            let quantity = format!("-{}", back.quantity.clone().into_text());
            lines.take(self.line(item, quantity, Some(line), &refund.created_at, so_far));
        }
    }

    fn line(
        &self,
        item: &Item,
        quantity: String,
        line: Option<String>,
        at: &str,
        so_far: &mut SoFar<'_>,
    ) -> Result<OrderLine, Bad> {
        // The export calls a line without SKU by its name.
        let product = first([item.sku.clone(), item.name.clone(), item.title.clone()]);
        let price = first([item.price.clone()]);
        let cells = [
            ("order_id", Some(self.order)),
            ("member_id", Some(self.member)),
            ("email", self.email),
            ("product_id", product.as_deref()),
            ("ordered_at", Some(at)),
            ("quantity", Some(quantity.as_str())),
            ("unit_price", price.as_deref()),
            ("line", line.as_deref()),
            ("status", self.status),
        ];
        super::line(&cells, so_far)
    }
}
