//! Owns who is meant when a person names a member, an address, an order or a job; decides nothing.

use super::DeskError;
use super::jobs::occasion_id;
use crate::domain::ids::{JobId, MemberId, OrderId};
use crate::store::{MemberKey, Store};

/// What a person named to ask about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// The member's id.
    Member(MemberId),
    /// An e-mail address; several members may share it.
    Address(String),
    /// One of the member's orders.
    Order(OrderId),
    /// One of the member's jobs, or an open occasion as `jobs list` shows it.
    Job(JobId),
}

impl Asked {
    /// The members meant, at least one.
    pub(super) async fn members(&self, store: &Store) -> Result<Vec<MemberKey>, DeskError> {
        match self {
            Asked::Member(id) => Ok(vec![member(store, id).await?]),
            Asked::Address(address) => {
                let members = store.members_by_address(address).await?;
                if members.is_empty() { Err(DeskError::UnknownAddress) } else { Ok(members) }
            }
            Asked::Order(order) => {
                let member = store.member_by_order(order).await?;
                Ok(vec![member.ok_or_else(|| DeskError::UnknownOrder(order.clone()))?])
            }
            Asked::Job(job) => match occasion_id::member(job.as_str()) {
                Some(owner) => Ok(vec![member(store, &owner).await?]),
                None => {
                    let record = store.job(job).await?;
                    let key = match record {
                        Some(record) => record.key,
                        None => return Err(unknown_job(store, job).await),
                    };
                    Ok(vec![key])
                }
            },
        }
    }
}

/// The key of the member of this id.
pub(super) async fn member(store: &Store, id: &MemberId) -> Result<MemberKey, DeskError> {
    store.member_by_id(id).await?.ok_or_else(|| DeskError::UnknownMember(id.clone()))
}

/// Why a job is not in the ledger.
pub(super) async fn unknown_job(store: &Store, job: &JobId) -> DeskError {
    match store.moved_out_at(job).await {
        Ok(Some(at)) => DeskError::MovedOut(job.clone(), at.date_naive()),
        Ok(None) => DeskError::UnknownJob(job.clone()),
        Err(error) => error.into(),
    }
}
