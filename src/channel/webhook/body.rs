//! Owns the webhook's body: the published one, or that of the endpoint's own template; knows nothing of HTTP.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

use super::super::Letter;
use super::super::letter::plain_number;
use super::super::templates::{OwnTemplate, TemplateError};
use super::uuid::uuid_of;
use crate::domain::ids::{JobId, MemberId, RuleId, Timestamp};
use crate::domain::job::ItemFacts;
use crate::domain::lifecycle::Stage;
use crate::domain::member::Purpose;

/// The webhook's body for this letter, as `preview` shows it and `deliver` sends it.
pub fn webhook_body(letter: &Letter) -> Value {
    serde_json::to_value(Body::of(letter)).unwrap_or_default()
}

/// What an endpoint is posted; cheap to clone.
#[derive(Clone, Default)]
pub struct WebhookBody {
    /// A template of JSON in the place of the published body.
    pub template: Option<OwnTemplate>,
    /// The contact point that the endpoint needs of a member.
    pub contact: Option<String>,
}

/// What the templates of an endpoint know: the published body, and what other services ask for.
#[derive(Serialize)]
pub(super) struct Scope<'a> {
    #[serde(flatten)]
    body: Body<'a>,
    job_uuid: String,
    /// There when the channel needs one, and nothing where the member has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<Option<&'a str>>,
}

impl WebhookBody {
    /// The body as text.
    ///
    /// # Errors
    /// When the endpoint's own template asks for what is not known of this message, or does not come to JSON.
    pub fn text(&self, letter: &Letter) -> Result<String, TemplateError> {
        match &self.template {
            Some(template) => template.render_json(&self.scope(letter)),
            None => serde_json::to_string(&Body::of(letter)).map_err(unwritable),
        }
    }

    /// The body as a value, to be shown.
    ///
    /// # Errors
    /// See [`WebhookBody::text`].
    pub fn value(&self, letter: &Letter) -> Result<Value, TemplateError> {
        match &self.template {
            Some(template) => {
                let text = template.render_json(&self.scope(letter))?;
                serde_json::from_str(&text).map_err(|e| template.unfit(e.to_string()))
            }
            None => Ok(webhook_body(letter)),
        }
    }

    pub(super) fn scope<'a>(&self, letter: &'a Letter) -> Scope<'a> {
        let contact = self.contact.as_ref();
        let contact = contact.map(|name| letter.contacts.get(name).map(|point| point.trim()));
        Scope { body: Body::of(letter), job_uuid: uuid_of(&letter.job), contact }
    }

    pub(super) fn is_own(&self) -> bool {
        self.template.is_some()
    }

    /// What is wrong with the template's body as a whole; nothing when there is no template.
    pub(super) fn unfit(&self, why: String) -> Option<TemplateError> {
        self.template.as_ref().map(|template| template.unfit(why))
    }
}

fn unwritable(error: serde_json::Error) -> TemplateError {
    let (file, line, column) = ("body".to_owned(), 1, 1);
    TemplateError::Render { file, line, column, message: format!("it cannot be written: {error}") }
}

#[derive(Serialize)]
struct Body<'a> {
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
    fn of(letter: &'a Letter) -> Self {
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
