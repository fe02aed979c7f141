//! Owns the webhook's body, part of the published interface; knows nothing of HTTP.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::super::Letter;
use crate::domain::ids::{JobId, MemberId, RuleId, Timestamp};
use crate::domain::job::ItemFacts;
use crate::domain::lifecycle::Stage;
use crate::domain::member::Purpose;

/// The webhook's body for this letter, as `preview` shows it and `deliver` sends it.
pub fn webhook_body(letter: &Letter) -> Value {
    serde_json::to_value(Body::of(letter)).unwrap_or_default()
}

#[derive(Serialize)]
pub(super) struct Body<'a> {
    r#type: Purpose,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    job: &'a JobId,
    rule: &'a RuleId,
    step: u16,
    valid_until: Timestamp,
    unsubscribe_url: &'a str,
    member: Member<'a>,
    items: Vec<Item<'a>>,
    reason: &'a str,
    cautions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    id: &'a MemberId,
    locale: &'a str,
    stage: Stage,
    contacts: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    name: &'a str,
    url: Option<&'a str>,
    last_purchase: NaiveDate,
    #[serde(serialize_with = "plain_number")]
    quantity: f64,
    need_date: Option<NaiveDate>,
    p10: Option<NaiveDate>,
    p90: Option<NaiveDate>,
}

#[derive(Serialize)]
struct Message<'a> {
    subject: &'a str,
    text: &'a str,
}

impl<'a> Body<'a> {
    pub(super) fn of(letter: &'a Letter) -> Self {
        let content = &letter.content;
        let data = Data {
            job: &letter.job,
            rule: &letter.rule,
            step: letter.step,
            valid_until: letter.valid_until,
            unsubscribe_url: &letter.unsubscribe_url,
            member: Member {
                id: &content.member,
                locale: &content.locale,
                stage: content.stage,
                contacts: &letter.contacts,
            },
            items: content.items.iter().map(Item::of).collect(),
            reason: &content.reason,
            cautions: &content.cautions,
            message: letter.rendered.as_ref().map(|r| Message { subject: &r.subject, text: &r.text }),
        };
        Self { r#type: letter.purpose, timestamp: letter.now, data }
    }
}

impl<'a> Item<'a> {
    fn of(facts: &'a ItemFacts) -> Self {
        Self {
            id: &facts.id,
            name: &facts.name,
            url: facts.url.as_deref(),
            last_purchase: facts.last_purchase,
            quantity: facts.quantity,
            need_date: facts.need_date,
            p10: facts.p10,
            p90: facts.p90,
        }
    }
}

/// Two pieces are written `2`, not `2.0`: some receivers take the latter for no integer, and no person writes it.
pub(in crate::channel) fn plain_number<S: Serializer>(
    number: &f64,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match number.fract() == 0.0 && number.abs() < 1e15 {
        true => serializer.serialize_i64(*number as i64),
        false => serializer.serialize_f64(*number),
    }
}
