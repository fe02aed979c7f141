//! Owns the pages that members see, in their language: plain, small, readable by any device; knows nothing of tokens.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::words;
use crate::channel::Shop;
use crate::desk::unsubscribe::{Choice, Choices};
use crate::domain::member::Purpose;
use crate::domain::reason::Language;

const STYLE: &str = "body{font:1.125rem/1.6 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;\
    color:#1a1a1a;background:#fff}button{font:inherit;display:block;width:100%;margin:1rem 0 .25rem;padding:.75rem;\
    border:2px solid #1a1a1a;border-radius:.5rem;background:#fff;color:inherit;cursor:pointer}\
    button:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}p{margin:.25rem 0 1rem}";

/// Nothing is loaded, framed or run; the one style is known by its hash, and the form leads back to this page.
const POLICY: &str = "default-src 'none'; style-src 'sha256-PaGI67txBeNoqaINvZ5dtG8eMagqk3/wpwD2iB+jPR8='; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The choices that are left, one button each, after what is stopped already.
pub(super) fn choices(choices: &Choices, shop: &Shop) -> Response {
    choices_after(StatusCode::OK, "", choices, shop)
}

/// The same, for a form that says none of them.
pub(super) fn not_understood(choices: &Choices, shop: &Shop) -> Response {
    choices_after(StatusCode::BAD_REQUEST, words::not_understood(choices.language), choices, shop)
}

fn choices_after(status: StatusCode, first: &str, choices: &Choices, shop: &Shop) -> Response {
    let language = choices.language;
    if choices.stopped.all {
        return whole(status, language, &words::all_stopped(language, shop));
    }
    let mut page = format!("{}{first}", words::heading(language));
    let standing = words::standing(choices);
    if standing.is_empty() {
        page += words::nothing_changed(language);
    }
    page += &standing;
    page += words::question(language);
    page += "<form method=\"post\">";
    for (n, choice) in offered(choices).into_iter().enumerate() {
        let (value, label, means) = words::button(choices, choice);
        page += &format!(
            "<button name=\"choice\" value=\"{value}\" aria-describedby=\"c{n}\">{label}</button><p id=\"c{n}\">{means}</p>"
        );
    }
    page += "</form>";
    whole(status, language, &page)
}

/// What is not stopped yet and can be.
fn offered(choices: &Choices) -> Vec<Choice> {
    let stopped = choices.stopped;
    let has_items = !choices.items.is_empty() && !stopped.items;
    let is_reminder = choices.purpose == Some(Purpose::Reminder);
    let later = has_items && is_reminder && !stopped.reminders && stopped.until.is_none();
    let offers = [
        (Choice::Later, later),
        (Choice::Items, has_items && !(is_reminder && stopped.reminders)),
        (Choice::Reminders, !stopped.reminders),
        (Choice::All, true),
    ];
    offers.into_iter().filter(|(_, is_left)| *is_left).map(|(choice, _)| choice).collect()
}

/// What is stopped now that `choice` is recorded: as much as the ledger holds, so that a page from before a wider choice
/// promises nothing that will not come.
pub(super) fn stopped(choices: &Choices, choice: Choice, shop: &Shop) -> Response {
    let stopped = choices.stopped;
    let choice = match choice {
        _ if stopped.all => Choice::All,
        Choice::Items if choices.items.is_empty() => Choice::Reminders,
        Choice::Later if stopped.reminders && stopped.until.is_some() => Choice::Reminders,
        Choice::Later if stopped.items => Choice::Items,
        choice => choice,
    };
    whole(StatusCode::OK, choices.language, &words::done(choices, choice, shop))
}

/// It could not be recorded now.
pub(super) fn not_stopped(language: Language) -> Response {
    let page = match language {
        Language::English => {
            "<h1>This did not work</h1><p>Nothing has been changed. Please try again in a few minutes.</p>"
        }
        Language::Chinese => "<h1>暫時無法處理</h1><p>設定尚未變更，請過幾分鐘再試一次。</p>",
    };
    whole(StatusCode::SERVICE_UNAVAILABLE, language, page)
}

/// The link is not ours; nobody's language is known.
pub(super) fn unknown() -> Response {
    let page = "<h1>This link is not valid</h1><p>Please use the whole link from the message.</p>\
        <div lang=\"zh-TW\"><h2>此連結無效</h2><p>請使用訊息中的完整連結。</p></div>";
    whole(StatusCode::NOT_FOUND, Language::English, page)
}

fn whole(status: StatusCode, language: Language, body: &str) -> Response {
    let (lang, title) = match language {
        Language::English => ("en", "Message settings"),
        Language::Chinese => ("zh-TW", "訊息設定"),
    };
    let html = format!(
        "<!doctype html><html lang=\"{lang}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    (status, headers(lang), Html(html)).into_response()
}

fn headers(lang: &'static str) -> [(HeaderName, &'static str); 7] {
    [
        (CONTENT_LANGUAGE, lang),
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address of the page is the member's key to it: it leaks nowhere, and no search engine keeps it.
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ]
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn base64(bytes: &[u8]) -> String {
        const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |chunk: &[u8]| {
            let bits =
                chunk.iter().chain(&[0, 0]).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            let sign = |i: usize| {
                if i > chunk.len() { '=' } else { char::from(SIGNS[(bits >> (18 - 6 * i) & 63) as usize]) }
            };
            (0..4).map(sign).collect::<String>()
        };
        bytes.chunks(3).map(group).collect()
    }

    #[test]
    fn the_policy_knows_the_style() {
        let expected = format!("style-src 'sha256-{}';", base64(&Sha256::digest(STYLE)));
        assert!(POLICY.contains(&expected), "{expected}");
    }
}
