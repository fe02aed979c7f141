//! Owns the steps of stopping messages without a login: GET shows the choices, POST stops (RFC 8058); never reads a token.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::{Face, page};
use crate::domain::member::Purpose;
use crate::domain::reason::Language;

type Token = Result<Path<String>, PathRejection>;

/// The choices. It changes nothing: mail scanners follow every link.
pub(super) async fn show(State(face): State<Face>, token: Token) -> Response {
    match known(&face, token).await {
        Some((_, language)) => page::choices(language),
        None => page::unknown(),
    }
}

/// Stops, and says what was stopped.
pub(super) async fn stop(State(face): State<Face>, token: Token, body: Bytes) -> Response {
    let Some((token, language)) = known(&face, token).await else { return page::unknown() };
    let purpose = purpose(&body);
    if (face.stop)(token, purpose).await {
        page::stopped(language, purpose)
    } else {
        page::not_stopped(language)
    }
}

async fn known(face: &Face, token: Token) -> Option<(String, Language)> {
    let Ok(Path(token)) = token else { return None };
    let language = (face.language)(token.clone()).await?;
    Some((token, language))
}

/// Whoever takes the trouble to stop messages stops all of them, unless the form says `purpose=reminder`. Mail
/// providers send `List-Unsubscribe=One-Click`, as a form of either kind.
fn purpose(body: &[u8]) -> Option<Purpose> {
    let only_reminders =
        body.split(|byte| *byte == b'&').any(|pair| pair.trim_ascii() == b"purpose=reminder");
    only_reminders.then_some(Purpose::Reminder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_stopped_unless_the_form_says_reminder() {
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--";
        for all in [
            "",
            "purpose=all",
            "List-Unsubscribe=One-Click",
            "purpose=",
            "xpurpose=reminder",
            "\u{0}",
            multipart,
        ] {
            assert_eq!(purpose(all.as_bytes()), None, "{all}");
        }
        for reminder in ["purpose=reminder", "a=b&purpose=reminder", "purpose=reminder\r\n"] {
            assert_eq!(purpose(reminder.as_bytes()), Some(Purpose::Reminder), "{reminder}");
        }
    }
}
