//! Owns the request: its body, its headers and its signatures; knows nothing of answers.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::super::templates::{OwnTemplate, TemplateError};
use super::super::{ChannelError, Letter};
use super::answer::refused;
use super::body::WebhookBody;
use crate::domain::job::Outcome;

/// Standard Webhooks asks for bodies below this many bytes.
pub(super) const LARGEST_BODY: usize = 20_000;

/// The value of a header.
#[derive(Clone, PartialEq, Eq)]
pub enum HeaderText {
    /// A template of one line, which knows what the body's knows.
    Template(String),
    /// A secret, as it is.
    Secret(String),
}

/// What every request to an endpoint is made with.
pub(super) struct Requests {
    body: WebhookBody,
    headers: Vec<(HeaderName, Value)>,
    signers: Vec<standardwebhooks::Webhook>,
}

enum Value {
    Fixed(HeaderValue),
    Template(OwnTemplate),
}

/// Why a letter cannot be posted.
pub(super) enum Unfit {
    /// As it is, nobody would take it.
    Refused(String),
    /// The endpoint's own body or header and the letter do not go together.
    Template(TemplateError),
}

impl From<TemplateError> for Unfit {
    fn from(error: TemplateError) -> Self {
        Unfit::Template(error)
    }
}

impl Unfit {
    pub fn outcome(self) -> Outcome {
        match self {
            Unfit::Refused(why) => refused(why),
            Unfit::Template(error) => error.outcome(),
        }
    }
}

impl Requests {
    pub fn new(
        secrets: &[String],
        headers: Vec<(String, HeaderText)>,
        body: WebhookBody,
    ) -> Result<Self, ChannelError> {
        let signers = secrets.iter().map(|secret| signer(secret)).collect::<Result<Vec<_>, _>>()?;
        if signers.is_empty() && !body.is_own() {
            return Err(ChannelError::Secret("is missing"));
        }
        let headers = headers.into_iter().map(|(name, text)| header(name, text));
        Ok(Self { body, headers: headers.collect::<Result<_, _>>()?, signers })
    }

    pub fn body(&self) -> &WebhookBody {
        &self.body
    }

    /// The signed body, with its headers.
    pub fn of(&self, letter: &Letter) -> Result<(HeaderMap, String), Unfit> {
        let body = self.body.text(letter)?;
        if body.len() >= LARGEST_BODY {
            return Err(self.too_large(body.len()));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name, value.of(name, &self.body, letter)?);
        }
        let (id, at) = (letter.job.as_str(), letter.sent_at.timestamp());
        let said = |_| Unfit::Refused("the job's id is no text for a header".to_owned());
        headers.insert(HEADER_WEBHOOK_ID, HeaderValue::from_str(id).map_err(said)?);
        headers.insert(HEADER_WEBHOOK_TIMESTAMP, HeaderValue::from(at));
        if let Some(signature) = self.signature(id, at, body.as_bytes())? {
            headers.insert(HEADER_WEBHOOK_SIGNATURE, signature);
        }
        Ok((headers, body))
    }

    /// One signature a secret: a receiver that knows any of them can verify.
    fn signature(&self, id: &str, at: i64, body: &[u8]) -> Result<Option<HeaderValue>, Unfit> {
        let unsigned = |e: String| Unfit::Refused(format!("the body cannot be signed: {e}"));
        let signed = self.signers.iter().map(|signer| signer.sign(id, at, body));
        let signed = signed.collect::<Result<Vec<_>, _>>().map_err(|e| unsigned(e.to_string()))?;
        let header = (!signed.is_empty()).then(|| HeaderValue::from_str(&signed.join(" ")));
        header.transpose().map_err(|e| unsigned(e.to_string()))
    }

    fn too_large(&self, size: usize) -> Unfit {
        let why = format!("the body has {size} bytes, {LARGEST_BODY} are too many: shorten the template");
        self.body.unfit(why.clone()).map_or(Unfit::Refused(why), Unfit::Template)
    }
}

impl Value {
    fn of(&self, name: &HeaderName, body: &WebhookBody, letter: &Letter) -> Result<HeaderValue, Unfit> {
        let template = match self {
            Value::Fixed(value) => return Ok(value.clone()),
            Value::Template(template) => template,
        };
        let text = template.render(&body.scope(letter))?;
        // what it says may be a member's: it is not repeated
        let unfit = |_| template.unfit(format!("the header {name} would hold what no header may"));
        Ok(HeaderValue::from_bytes(text.trim().as_bytes()).map_err(unfit)?)
    }
}

fn header(name: String, text: HeaderText) -> Result<(HeaderName, Value), ChannelError> {
    let unfit = |why: String| ChannelError::Header { name: name.clone(), why };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|e| unfit(e.to_string()))?;
    let value = match text {
        HeaderText::Secret(secret) => {
            let mut value = HeaderValue::from_str(&secret).map_err(|e| unfit(e.to_string()))?;
            value.set_sensitive(true);
            Value::Fixed(value)
        }
        HeaderText::Template(source) => {
            let template = OwnTemplate::line(&format!("headers.{name}"), &source);
            Value::Template(template.map_err(|e| unfit(e.to_string()))?)
        }
    };
    Ok((parsed, value))
}

fn signer(secret: &str) -> Result<standardwebhooks::Webhook, ChannelError> {
    let signer = match secret {
        "" | "whsec_" => return Err(ChannelError::Secret("is empty")),
        coded if coded.starts_with("whsec_") => standardwebhooks::Webhook::new(coded),
        text => standardwebhooks::Webhook::from_bytes(text.as_bytes().to_vec()),
    };
    signer.map_err(|_| ChannelError::Secret("is not base64 after whsec_"))
}
