//! Owns what shops' order webhooks say, as records of ours; knows nothing of signatures and of where records are kept.

mod shopify;
mod woocommerce;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::records::{SoFar, Unfit, known, known_by};
use super::rows::{Bad, Row};
use super::{Format, Layout, Reading, Record};
use crate::domain::ids::{OrderId, Timestamp};
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
    /// An order as it is now, but for lines that cannot be understood, each with what is wrong.
    Order(OrderUpdate, Vec<String>),
    /// Pieces of an order came back. Only the shop's number of it is said: who finds it fills in order and member.
    Returned {
        /// As [`OrderUpdate::number`].
        number: String,
        /// When.
        at: Timestamp,
        /// What, in negative quantities.
        lines: Vec<OrderLine>,
        /// What is wrong with lines that cannot be understood.
        bad: Vec<String>,
    },
    /// Nothing of this order is bought any more.
    Void {
        /// As [`OrderUpdate::number`].
        number: String,
        /// The order, where that is told.
        order: Option<OrderId>,
        /// Since when; without it since the webhook was sent.
        at: Option<Timestamp>,
        /// Our word for its state.
        status: &'static str,
    },
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
        let mut told = read(topic, body, &reading).map_err(|bad| redacted(&bad))?;
        if let Told::Order(_, bad) | Told::Returned { bad, .. } = &mut told {
            bad.iter_mut().for_each(|bad| *bad = redacted(bad));
        }
        Ok(told)
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

/// The first text that says something: `N/A` does not.
fn first<const N: usize>(texts: [Option<Text>; N]) -> Option<String> {
    texts.into_iter().flatten().map(Text::into_text).find(|text| known(Some(text)).is_some())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("is not what the topic promises{} at line {line} column {column}", wanted(&error.to_string()))
    })
}

/// What was wanted in its place; what stands there may be anybody's name.
fn wanted(error: &str) -> String {
    let (what, _) = error.rsplit_once(" at line ").unwrap_or((error, ""));
    match (what.rsplit_once(", expected "), what.starts_with("missing field")) {
        (Some((_, expected)), _) => format!(": {expected} is expected"),
        (None, true) => format!(": {what}"),
        (None, false) => String::new(),
    }
}

fn other_topic(topic: &str) -> Told {
    Told::Nothing(format!("the topic `{}` says nothing of orders", topic.escape_debug()))
}

/// An order with all its lines. One that has none is void; of one of whose lines none is good nothing is known.
fn whole(order: &str, number: String, at: Timestamp, Lines { good, mut bad }: Lines) -> Result<Told, Bad> {
    let order = OrderId::from(order);
    match (good.is_empty(), bad.is_empty()) {
        (true, true) => Ok(Told::Void { number, order: Some(order), at: Some(at), status: "empty" }),
        (true, false) => Err(bad.swap_remove(0)),
        _ => Ok(Told::Order(OrderUpdate { order, number, at, lines: good, whole: true }, bad)),
    }
}

/// The lines of an order: one that cannot be understood does not take the others along.
#[derive(Default)]
struct Lines {
    good: Vec<OrderLine>,
    bad: Vec<Bad>,
}

impl Lines {
    fn take(&mut self, line: Result<OrderLine, Bad>) {
        match line {
            Ok(line) => self.good.push(line),
            Err(bad) => self.bad.push(bad),
        }
    }
}

/// An order that its shop has deleted.
fn deleted(number: String, order: Option<OrderId>) -> Told {
    Told::Void { number, order, at: None, status: "deleted" }
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
