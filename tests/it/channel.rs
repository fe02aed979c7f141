//! Messages over real sockets: what goes out, and what each end of a hand-over means.

mod email;
mod encryption;
mod pace;
mod post;
mod postfix;
mod templates;
mod webhook;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use replenish::channel::{Channel, Letter, Rendered, sample};
use replenish::domain::job::Outcome;
use replenish::domain::member::Purpose;

/// A reminder to one member, with everything in it.
pub fn letter() -> Letter {
    #[allow(clippy::disallowed_methods, reason = "the webhook verifier compares with the real time")]
    let sent_at = Utc::now();
    let rendered = Rendered {
        subject: "您的咖啡豆快用完了 🫘 該補貨囉,現在訂購最剛好,週末前就能收到新鮮烘焙的豆子".to_owned(),
        text: "王小明 您好\n.一行以點開頭\n".to_owned(),
        html: Some("<p>王小明 您好</p>\n".to_owned()),
    };
    Letter {
        job: "j-4711".into(),
        rule: "refill".into(),
        step: 1,
        purpose: Purpose::Reminder,
        valid_until: "2026-03-12T02:00:00Z".parse().unwrap(),
        content: sample("zh-TW"),
        email: Some("wang@example.tw".to_owned()),
        contacts: BTreeMap::from([("line".to_owned(), "U1".to_owned())]),
        unsubscribe_url: "https://mail.shop.example/u/AAAAAAAAACoAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        rendered: Some(rendered),
        sent_at,
        now: "2026-03-02T02:00:00Z".parse().unwrap(),
    }
}

/// Waits for a turn and hands over, as the daemon does.
pub async fn deliver(channel: &Channel, letter: &Letter) -> Outcome {
    let domain = letter.email.as_deref().and_then(|email| Some(email.rsplit_once('@')?.1));
    let turn = channel.turn(None, domain, Duration::from_secs(30)).await.unwrap();
    channel.deliver(letter, turn).await
}
