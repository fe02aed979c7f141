//! Owns what shops' order webhooks say, as records of ours; knows nothing of signatures and of where records are kept.

mod shopify;
mod woocommerce;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::records::{SoFar, Unfit, known_by};
use super::rows::{Bad, Row};
use super::{Format, Layout, Reading, Record};
use crate::domain::ids::Timestamp;
use crate::domain::order::{OrderLine, OrderUpdate};
use crate::domain::reply::redacted;

/// Shop software whose webhooks are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Platform {
    Shopify,
    WooCommerce,
}

/// How a platform's webhooks are read.
type Read = fn(&str, &[u8], &Reading) -> Result<Told, Bad>;

/// What a webhook says.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// An order as it is now.
    Order(OrderUpdate),
    /// Pieces of an order came back. Only the shop's number of it is said: who finds it fills in order and member.
    Returned {
        /// As [`OrderUpdate::number`].
        number: String,
        /// When.
        at: Timestamp,
        /// What, in negative quantities.
        lines: Vec<OrderLine>,
    },
    /// The order of this number is no more.
    Gone(String),
    /// Nothing that the history keeps; why.
    Nothing(String),
}

impl Platform {
    /// Understands the body that a webhook of this topic brought, or says what is wrong with it, without addresses.
    pub fn read(self, topic: &str, body: &[u8], reading: &Reading) -> Result<Told, String> {
        let (read, nothing): (Read, _) = match self {
            Platform::Shopify => (shopify::read, shopify::NOTHING_BOUGHT),
            Platform::WooCommerce => (woocommerce::read, woocommerce::NOTHING_BOUGHT),
        };
        // The shop's own words mean what they mean, whatever the settings say of files.
        let mut reading = Reading { layout: Layout::default(), ..reading.clone() };
        reading.not_a_purchase.extend(nothing.iter().map(|word| (*word).to_owned()));
        read(topic, body, &reading).map_err(|bad| redacted(&bad))
    }
}

/// Names and numbers, which shops write either way.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(serde_json::Number),
}

impl Text {
    fn into_text(self) -> String {
        match self {
            Text::Text(text) => text.trim().to_owned(),
            Text::Number(number) => number.to_string(),
        }
    }
}

/// The first text that says something.
fn first<const N: usize>(texts: [Option<Text>; N]) -> Option<String> {
    texts.into_iter().flatten().map(Text::into_text).find(|text| !text.is_empty())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(body).map_err(|error| format!("is not what the topic promises: {error}"))
}

fn other_topic(topic: &str) -> Told {
    Told::Nothing(format!("the topic `{}` says nothing of orders", topic.escape_debug()))
}

/// An order with all its lines.
fn whole(number: String, at: Timestamp, lines: Vec<OrderLine>) -> Told {
    match lines.first().map(|line| line.order.clone()) {
        Some(order) => Told::Order(OrderUpdate { order, number, at, lines, whole: true }),
        None => Told::Nothing("the order has no lines".to_owned()),
    }
}

/// The order line that these cells make, each under the name of its field.
fn line(cells: &[(&str, Option<&str>)], so_far: &mut SoFar<'_>) -> Result<OrderLine, Bad> {
    let cell = |name: &str| cells.iter().find(|(field, _)| *field == name).and_then(|(_, cell)| *cell);
    let mut row = Row::of(OrderLine::FIELDS.iter().map(|field| cell(field.name)));
    if row.holds_nul() {
        return Err("holds a NUL character".to_owned());
    }
    OrderLine::understand(&mut row, so_far).map_err(|unfit| match unfit {
        Unfit::Bad(reason) => reason,
        Unfit::Ignored => "is no order line".to_owned(),
    })
}

fn time(name: &str, text: &str) -> Result<Timestamp, Bad> {
    text.parse().map_err(|_| format!("{name}: is no time"))
}

#[cfg(test)]
mod tests;
