//! What a shop's webhook says of an order, done at once and once; knows nothing of HTTP and of how shops word it.

use serde::Serialize;

use crate::domain::ids::{OrderId, Timestamp};
use crate::domain::order::OrderUpdate;
use crate::intake::Told;
use crate::store::{Store, StoreError, Stored};

/// What became of one webhook; the counts are order lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// The order it was about.
    pub order: Option<OrderId>,
    /// Lines that were new.
    pub stored: u64,
    /// Lines that replaced others, or no longer count.
    pub replaced: u64,
    /// Lines that changed nothing.
    pub duplicate: u64,
    /// Lines that the order no longer has.
    pub removed: u64,
    /// Lines that cannot be understood; 1 when it cannot at all.
    pub rejected: u64,
    /// What was right and of which nothing is kept.
    pub ignored: u64,
    /// Why nothing, or not all, was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl Heard {
    /// It makes no sense; the sender is told, and need not send it again.
    pub fn rejected(because: String) -> Self {
        Self { rejected: 1, because: Some(because), ..Self::default() }
    }

    fn ignored(because: impl Into<String>) -> Self {
        Self { ignored: 1, because: Some(because.into()), ..Self::default() }
    }
}

/// Does what a webhook says; the same again changes nothing, and an older word than the last one neither. `sent` is when
/// it was sent, where that is known, `now` the real time.
///
/// # Errors
/// When the store cannot answer; the same may come again.
pub async fn hear(
    store: &Store,
    told: Told,
    sent: Option<Timestamp>,
    now: Timestamp,
) -> Result<Heard, StoreError> {
    let heard = match told {
        Told::Order(update, bad) => put(store, update, bad).await?,
        Told::Returned { number, at, mut lines, bad } => {
            let Some((order, member)) = store.order_by_number(&number).await? else {
                return Ok(Heard::ignored("the order is not known; its next update brings the refund along"));
            };
            for line in &mut lines {
                (line.order, line.member) = (order.clone(), member.clone());
            }
            put(store, OrderUpdate { order, number, at, lines, whole: false }, bad).await?
        }
        Told::Void { number, order, at, status } => {
            let at = at.or(sent).map_or(now, |at| at.min(now));
            let replaced = store.void_order(&number, order.as_ref(), at, status).await?;
            let Some((order, _)) = store.order_by_number(&number).await? else {
                return Ok(Heard::ignored(
                    "the order is not known; should an older word of it come, it does not count",
                ));
            };
            Heard { order: Some(order), replaced, ..Heard::default() }
        }
        Told::Nothing(because) => return Ok(Heard::ignored(because)),
    };
    store.note_feed(now).await?;
    Ok(heard)
}

async fn put(store: &Store, update: OrderUpdate, bad: Vec<String>) -> Result<Heard, StoreError> {
    let order = Some(update.order.clone());
    let Some(stored) = store.put_order(update).await? else {
        let because = "a later change of this order was taken in before";
        return Ok(Heard { order, ..Heard::ignored(because) });
    };
    let rejected = bad.len() as u64;
    let because = match stored.ignored {
        0 => bad.into_iter().next(),
        _ => Some("the member was forgotten".to_owned()),
    };
    let Stored { stored, replaced, duplicate, removed, ignored, .. } = stored;
    Ok(Heard { order, stored, replaced, duplicate, removed, rejected, ignored, because })
}
