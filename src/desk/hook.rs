//! What a shop's webhook says of an order, done at once and once; knows nothing of HTTP and of how shops word it.

use serde::Serialize;

use crate::domain::ids::{OrderId, Timestamp};
use crate::domain::order::OrderUpdate;
use crate::intake::Told;
use crate::store::{Store, StoreError, Stored};

/// The status of an order that its shop has deleted.
const DELETED: &str = "deleted";

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
    /// 1 when it cannot be understood.
    pub rejected: u64,
    /// What was right and of which nothing is kept.
    pub ignored: u64,
    /// Why nothing was kept.
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

/// Does what a webhook says; the same again changes nothing, and an older word than the last one neither. `now` is the
/// real time.
///
/// # Errors
/// When the store cannot answer; the same may come again.
pub async fn hear(store: &Store, told: Told, now: Timestamp) -> Result<Heard, StoreError> {
    let heard = match told {
        Told::Order(update) => Heard { order: Some(update.order.clone()), ..put(store, update).await? },
        Told::Returned { number, at, mut lines } => {
            let Some((order, member)) = store.order_by_number(&number).await? else {
                return Ok(Heard::ignored("the order is not known; its next update brings the refund along"));
            };
            for line in &mut lines {
                (line.order, line.member) = (order.clone(), member.clone());
            }
            let update = OrderUpdate { order: order.clone(), number, at, lines, whole: false };
            Heard { order: Some(order), ..put(store, update).await? }
        }
        Told::Gone(number) => {
            let order = store.order_by_number(&number).await?.map(|(order, _)| order);
            Heard { order, replaced: store.void_order(&number, now, DELETED).await?, ..Heard::default() }
        }
        Told::Nothing(because) => return Ok(Heard::ignored(because)),
    };
    store.note_feed(now).await?;
    Ok(heard)
}

async fn put(store: &Store, update: OrderUpdate) -> Result<Heard, StoreError> {
    let Some(stored) = store.put_order(update).await? else {
        return Ok(Heard::ignored("a later change of this order was taken in before"));
    };
    let because = (stored.ignored > 0).then(|| "the member was forgotten".to_owned());
    let Stored { stored, replaced, duplicate, removed, ignored, .. } = stored;
    Ok(Heard { stored, replaced, duplicate, removed, ignored, because, ..Heard::default() })
}
