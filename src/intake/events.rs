//! Owns bounces, complaints and opt-outs as JSON, the form into which providers' own are mapped; knows nothing of whom
//! they are about.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::feedback::{Feedback, FeedbackKind, job_of, told};
use crate::domain::ids::Timestamp;
use crate::domain::member::Purpose;
use crate::domain::reply::redacted;

/// Longer names are nobody's.
const LONGEST_NAME: usize = 512;

/// What a body or a file of events holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// The good ones, in their order.
    pub reports: Vec<Feedback>,
    /// What is wrong with the others.
    pub rejected: Vec<BadEvent>,
}

/// An event that is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadEvent {
    /// Which one, counted from 1.
    pub line: u64,
    /// What is wrong with it; without addresses.
    pub reason: String,
}

impl Events {
    /// Reads one JSON object, an array of them, or one a line. An event without a time happened `now`, and none happened
    /// later.
    pub fn read(body: &[u8], now: Timestamp) -> Self {
        let mut events = Events::default();
        for (n, value) in (1..).zip(values(body)) {
            match value.and_then(|value| event(value, now)) {
                Ok(report) => events.reports.push(report),
                Err(reason) => events.rejected.push(BadEvent { line: n, reason: redacted(&reason) }),
            }
        }
        events
    }
}

/// The single events, as far as they are JSON. Nothing at all is one that is none.
fn values(body: &[u8]) -> Vec<Result<Value, String>> {
    let body = body.trim_ascii();
    match serde_json::from_slice(body) {
        Ok(Value::Array(all)) => return all.into_iter().map(Ok).collect(),
        Ok(one) => return vec![Ok(one)],
        Err(error) if body.is_empty() || body.starts_with(b"[") => return vec![Err(not_json(&error))],
        Err(_) => {}
    }
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).map_err(|error| not_json(&error))).collect()
}

fn not_json(error: &serde_json::Error) -> String {
    format!("is not JSON: {error}")
}

/// An event as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    #[serde(rename = "type")]
    kind: Kind,
    class: Option<Class>,
    message_id: Option<String>,
    job: Option<String>,
    member: Option<String>,
    address: Option<String>,
    purpose: Option<Stops>,
    at: Option<String>,
    reason: Option<String>,
    id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Bounce,
    Complaint,
    OptOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Hard,
    Soft,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stops {
    Reminder,
    Care,
    All,
}

fn event(value: Value, now: Timestamp) -> Result<Feedback, String> {
    let event: Event = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let kind = event.kind()?;
    let purpose = event.purpose()?;
    let message_id = name("message_id", event.message_id)?;
    let job = name("job", event.job)?.map(Into::into);
    let member = name("member", event.member)?.map(Into::into);
    let address = name("address", event.address)?;
    if address.as_deref().is_some_and(|address| !is_address(address)) {
        return Err("`address` is no e-mail address".to_owned());
    }
    if message_id.is_none() && job.is_none() && member.is_none() && address.is_none() {
        return Err("it names nobody: give message_id, job, member or address".to_owned());
    }
    let at = match event.at.as_deref().filter(|text| !text.is_empty()) {
        None => now,
        Some(text) => text.parse().map_err(|_| "`at` is no time, as 2026-03-02T10:00:00+08:00".to_owned())?,
    };
    let detail = told(event.reason.as_deref().unwrap_or_default(), address.as_deref());
    let id = name("id", event.id)?;
    let job = job.or_else(|| job_of(&message_id?));
    Ok(Feedback { kind, job, member, address, purpose, at: at.min(now), detail, id })
}

impl Event {
    fn kind(&self) -> Result<FeedbackKind, String> {
        Ok(match (self.kind, self.class) {
            (Kind::Bounce, None | Some(Class::Hard)) => FeedbackKind::HardBounce,
            (Kind::Bounce, Some(Class::Soft)) => FeedbackKind::SoftBounce,
            (Kind::Complaint, None) => FeedbackKind::Complaint,
            (Kind::OptOut, None) => FeedbackKind::OptOut,
            (_, Some(_)) => return Err("`class` belongs to bounces only".to_owned()),
        })
    }

    fn purpose(&self) -> Result<Option<Purpose>, String> {
        match (self.kind, self.purpose) {
            (Kind::Bounce | Kind::Complaint, Some(Stops::Reminder | Stops::Care)) => {
                Err("`purpose` belongs to opt-outs only: a bounce or a complaint stops every message"
                    .to_owned())
            }
            (_, None | Some(Stops::All)) => Ok(None),
            (_, Some(Stops::Reminder)) => Ok(Some(Purpose::Reminder)),
            (_, Some(Stops::Care)) => Ok(Some(Purpose::Care)),
        }
    }
}

/// A name without the white space around it; an empty one is none.
fn name(field: &str, text: Option<String>) -> Result<Option<String>, String> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.len() > LONGEST_NAME || text.contains(char::is_control) {
        return Err(format!("`{field}` is too long, or holds control characters"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Whether a text can be an e-mail address.
pub(super) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-02T10:00:00Z".parse().unwrap()
    }

    fn read(body: &str) -> Events {
        Events::read(body.as_bytes(), now())
    }

    #[test]
    fn every_field_reaches_the_report() {
        let body = r#"{"type": "bounce", "class": "soft", "message_id": "<job_5a1f@shop.example>", "member": "m1",
            "address": "amy@shop.example", "at": "2026-03-01T18:00:00+08:00",
            "reason": "452 4.2.2 <amy@shop.example> over quota", "id": "evt_1"}"#;
        let events = read(body);
        assert_eq!(events.rejected, []);
        let expected = Feedback {
            kind: FeedbackKind::SoftBounce,
            job: Some("job_5a1f".into()),
            member: Some("m1".into()),
            address: Some("amy@shop.example".into()),
            purpose: None,
            at: "2026-03-01T10:00:00Z".parse().unwrap(),
            detail: "452 4.2.2 <…> over quota".into(),
            id: Some("evt_1".into()),
        };
        assert_eq!(events.reports, [expected]);
    }

    #[test]
    fn an_object_an_array_and_lines_are_read_alike() {
        let one = r#"{"type":"opt_out","member":"m1","purpose":"reminder"}"#;
        let expected = read(one).reports;
        assert_eq!(expected[0].purpose, Some(Purpose::Reminder));
        let bodies = [format!("[{one},{one}]"), format!("{one}\n\n{one}\r\n")];
        bodies.iter().for_each(|body| assert_eq!(read(body).reports, [&expected[..], &expected].concat()));
        assert_eq!(read("[]"), Events::default());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_without_addresses() {
        let bad = [
            (r#"{"type":"bounce"}"#, "names nobody"),
            (r#"{"type":"bounce","address":" ","member":null}"#, "names nobody"),
            (r#"{"type":"open","member":"m1"}"#, "unknown variant `open`"),
            (r#"{"type":"bounce","adress":"amy@shop.example"}"#, "unknown field `adress`"),
            (r#"{"type":"bounce","address":"amy"}"#, "no e-mail address"),
            (r#"{"type":"amy@shop.example","member":"m1"}"#, "unknown variant"),
            (r#"{"type":"complaint","class":"hard","member":"m1"}"#, "`class` belongs to bounces"),
            (r#"{"type":"bounce","purpose":"care","member":"m1"}"#, "`purpose` belongs to opt-outs"),
            (r#"{"type":"bounce","member":"m1","at":"yesterday"}"#, "`at` is no time"),
            ("{\"type\":\"bounce\",\"member\":\"m\\u00001\"}", "control characters"),
            (r#"{"member":"m1"}"#, "missing field `type`"),
            ("7", "invalid type"),
            ("{", "is not JSON"),
            ("", "is not JSON"),
            ("[{}", "is not JSON"),
        ];
        for (body, says) in bad {
            let events = read(body);
            assert_eq!((events.reports.len(), events.rejected.len()), (0, 1), "{body}");
            let BadEvent { line, reason } = &events.rejected[0];
            assert!(*line == 1 && reason.contains(says) && !reason.contains("amy@"), "{body}: {reason}");
        }
        let mixed = read("{\"type\":\"bounce\",\"member\":\"m1\"}\nnonsense\n{\"type\":\"bounce\"}");
        assert_eq!(mixed.reports.len(), 1);
        assert_eq!(mixed.rejected.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn nothing_happened_later_than_now_and_messages_of_others_name_no_job() {
        let body =
            r#"{"type":"bounce","message_id":"<abc@x>","address":"a@b.example","at":"2099-01-01T00:00:00Z"}"#;
        let report = &read(body).reports[0];
        assert_eq!((report.at, &report.job), (now(), &None));
    }
}
