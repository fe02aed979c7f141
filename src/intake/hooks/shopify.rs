//! Owns what Shopify's order webhooks say; knows nothing of other shops.
//!
//! An order is named and its lines are told apart as in Shopify's CSV export of orders, so that a file and the webhooks
//! meet on the same lines.

use serde::Deserialize;

use super::{Bad, Format, Reading, SoFar, Text, Told, first, known_by, other_topic, parse, time, whole};
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
    customer: Option<Customer>,
    created_at: String,
    updated_at: String,
    cancelled_at: Option<String>,
    financial_status: Option<String>,
    line_items: Vec<Item>,
    #[serde(default)]
    refunds: Vec<Refund>,
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
        "orders/delete" => Ok(Told::Gone(number(parse::<Deleted>(body)?.id))),
        _ => Ok(other_topic(topic)),
    }
}

fn number(id: Text) -> String {
    format!("shopify:{}", id.into_text())
}

fn order(order: Order, reading: &Reading) -> Result<Told, Bad> {
    let customer = order.customer.unwrap_or_default();
    let email = first([order.email, order.contact_email, customer.email]);
    let phone = first([order.phone, customer.phone]);
    let Some(member) = known_by(email.as_deref(), phone.as_deref()) else {
        return Ok(Told::Nothing("the order names neither an e-mail address nor a phone".to_owned()));
    };
    let name = order.name.into_text();
    let status = order.cancelled_at.map(|_| CANCELLED.to_owned()).or(order.financial_status);
    let mut so_far = SoFar::new(reading, Format::Jsonl);
    let head = Head { order: &name, member: &member, email: email.as_deref(), status: status.as_deref() };
    let mut lines = Vec::new();
    for item in &order.line_items {
        lines.push(head.bought(item, &order.created_at, &mut so_far)?);
    }
    for refund in &order.refunds {
        lines.extend(head.returned(refund, &order.line_items, &mut so_far)?);
    }
    Ok(whole(number(order.id), time("updated_at", &order.updated_at)?, lines))
}

fn refund(refund: Refund, reading: &Reading) -> Result<Told, Bad> {
    let number = refund.order_id.clone().map(number).ok_or("order_id: is missing")?;
    // Only who finds the order knows these.
    let head = Head { order: &number, member: &number, email: None, status: None };
    let lines = head.returned(&refund, &[], &mut SoFar::new(reading, Format::Jsonl))?;
    if lines.is_empty() {
        return Ok(Told::Nothing("the refund gives back money, and no pieces".to_owned()));
    }
    Ok(Told::Returned { number, at: time("created_at", &refund.created_at)?, lines })
}

/// What all lines of an order share.
struct Head<'h> {
    order: &'h str,
    member: &'h str,
    email: Option<&'h str>,
    status: Option<&'h str>,
}

impl Head<'_> {
    fn bought(&self, item: &Item, at: &str, so_far: &mut SoFar<'_>) -> Result<OrderLine, Bad> {
        self.line(item, item.quantity.clone().into_text(), None, at, so_far)
    }

    /// What a refund gives back: negative lines of their own, which count as little as the order does.
    fn returned(
        &self,
        refund: &Refund,
        items: &[Item],
        so_far: &mut SoFar<'_>,
    ) -> Result<Vec<OrderLine>, Bad> {
        let text = |id: &Option<Text>| id.clone().map(Text::into_text);
        let mut lines = Vec::new();
        for back in &refund.refund_line_items {
            let own = |item: &&Item| text(&item.id).is_some() && text(&item.id) == text(&back.line_item_id);
            let item = items.iter().find(own).or(back.line_item.as_ref());
            let item = item.ok_or("refund_line_items: names a line that the order does not have")?;
            let line = format!("refund {}", back.id.clone().into_text());
            let quantity = format!("-{}", back.quantity.clone().into_text());
            lines.push(self.line(item, quantity, Some(line), &refund.created_at, so_far)?);
        }
        Ok(lines)
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
