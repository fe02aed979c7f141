//! Owns the steps of stopping messages without a login: GET shows the choices, POST stops (RFC 8058); never reads a token.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;

use super::{Face, page};
use crate::desk::unsubscribe::{Choice, Choices};

type Token = Result<Path<String>, PathRejection>;

/// The choices. It changes nothing: mail scanners follow every link.
pub(super) async fn show(State(face): State<Face>, token: Token) -> Response {
    match known(&face, token).await {
        Some((_, choices)) => page::choices(&choices, &face.shop),
        None => page::unknown(),
    }
}

/// Stops, and says what is stopped now. What is no choice of ours stops nothing, and shows the choices again.
pub(super) async fn stop(State(face): State<Face>, token: Token, body: Bytes) -> Response {
    let Some((token, choices)) = known(&face, token).await else { return page::unknown() };
    let Some(choice) = choice(&body) else { return page::not_understood(&choices, &face.shop) };
    if !(face.stop)(token.clone(), choice).await {
        return page::not_stopped(choices.language);
    }
    let now = (face.choices)(token).await.filter(|now| now.items.len() >= choices.items.len());
    // The ledger may have gone right after it took the choice.
    let now = now.unwrap_or(choices);
    page::stopped(&now, choice, &face.shop)
}

async fn known(face: &Face, token: Token) -> Option<(String, Choices)> {
    let Ok(Path(token)) = token else { return None };
    let choices = (face.choices)(token.clone()).await?;
    Some((token, choices))
}

/// Whoever takes the trouble to stop messages stops all of them, unless the form says which; none for a form that says
/// what we do not know, or two things at once. Mail providers send `List-Unsubscribe=One-Click`, as a form of either kind.
fn choice(body: &[u8]) -> Option<Choice> {
    let pairs = || body.split(|byte| *byte == b'&').map(<[u8]>::trim_ascii);
    if pairs().any(|pair| pair == b"List-Unsubscribe=One-Click") {
        return Some(Choice::All);
    }
    let said = |pair: &[u8]| match pair {
        b"choice=item" => Some(Choice::Items),
        b"choice=reminders" | b"purpose=reminder" => Some(Choice::Reminders),
        b"choice=later" => Some(Choice::Later),
        b"choice=all" | b"purpose=all" => Some(Choice::All),
        _ => None,
    };
    let names_one = |pair: &&[u8]| pair.starts_with(b"choice=") || pair.starts_with(b"purpose=");
    let chosen: Vec<Option<Choice>> = pairs().filter(names_one).map(said).collect();
    match chosen[..] {
        [] => Some(Choice::All),
        [one] => one,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_stopped_unless_the_form_says_which() {
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--";
        for all in [
            "",
            "purpose=all",
            "choice=all",
            "List-Unsubscribe=One-Click",
            "List-Unsubscribe=One-Click&choice=later",
            "choice=everything&List-Unsubscribe=One-Click",
            "xpurpose=reminder",
            "\u{0}",
            multipart,
        ] {
            assert_eq!(choice(all.as_bytes()), Some(Choice::All), "{all}");
        }
        for (body, expected) in [
            ("purpose=reminder", Choice::Reminders),
            ("a=b&purpose=reminder", Choice::Reminders),
            ("purpose=reminder\r\n", Choice::Reminders),
            ("choice=reminders", Choice::Reminders),
            ("choice=item", Choice::Items),
            ("choice=later\r\n", Choice::Later),
        ] {
            assert_eq!(choice(body.as_bytes()), Some(expected), "{body}");
        }
        for unknown in
            ["choice=", "choice=everything", "purpose=", "choice=later&choice=item", "choice=item&purpose=x"]
        {
            assert_eq!(choice(unknown.as_bytes()), None, "{unknown}");
        }
    }
}
