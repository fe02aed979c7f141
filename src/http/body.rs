//! Owns the reading of whole bodies within bounds; knows nothing of what they hold.

use axum::body::{Body, HttpBody as _};
use axum::http::StatusCode;
use axum::response::Response;
use futures::StreamExt as _;

use super::refusal;

/// The whole body; the refusal of one that is larger than `largest` bytes, or breaks off. One too large is read to its
/// end all the same, and thrown away: a sender cut off in the middle would not hear why.
pub async fn whole(body: Body, largest: usize) -> Result<Vec<u8>, Response> {
    let (mut read, mut kept) = (0, Vec::new());
    // of a body that says so at its head nothing is kept at all
    let is_kept = body.size_hint().lower() <= largest as u64;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk =
            chunk.map_err(|_| refusal(StatusCode::BAD_REQUEST, "the body broke off: send it again"))?;
        read += chunk.len();
        match is_kept && read <= largest {
            true => kept.extend_from_slice(&chunk),
            false => kept = Vec::new(),
        }
    }
    if read > largest {
        let how =
            format!("the body is larger than {} MiB: send fewer records at once", largest / 1024 / 1024);
        return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, &how));
    }
    Ok(kept)
}
