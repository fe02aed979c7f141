//! Owns what was learnt from the history; knows nothing of how it is learnt or used.

use std::collections::BTreeMap;

use super::history::{note, recall, recalled};
use super::value::{Row, Statement, json, values};
use super::{MemberKey, Store, StoreError, rows};
use crate::domain::catalog::Level;
use crate::domain::interval::{LevelPriors, Priors};

/// The row of `meta` that names the priors.
const VERSION: &str = "priors_version";

impl Store {
    /// Replaces the priors and the members' drop-out multipliers (give those that are not 1), in one transaction.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn save_priors(
        &self,
        priors: &Priors,
        dropout: Vec<(MemberKey, Level, f64)>,
    ) -> Result<(), StoreError> {
        let mut script =
            vec![note(VERSION, &priors.version), Statement::new("DELETE FROM priors", Vec::new())];
        for (level, learnt) in priors.levels() {
            let sql = "INSERT INTO priors (level, json) VALUES ($1, $2)";
            script.push(Statement::new(sql, values![level.as_str(), json(learnt)?]));
        }
        script.push(Statement::new("DELETE FROM dropout", Vec::new()));
        script.extend(dropout.into_iter().map(|(member, level, multiplier)| {
            let sql = "INSERT INTO dropout (member, level, multiplier) VALUES ($1, $2, $3)";
            Statement::new(sql, values![member.0, level.as_str(), multiplier])
        }));
        self.write(script).await.map(drop)
    }

    /// The version of the priors last saved; none for a shop that never learnt.
    ///
    /// # Errors
    /// When the store cannot answer.
    pub async fn priors_version(&self) -> Result<Option<String>, StoreError> {
        recalled(VERSION, self.ask_one(recall(VERSION)).await?)
    }

    /// The priors as last saved; none for a shop that never learnt.
    ///
    /// # Errors
    /// When the store cannot answer, or a row is damaged.
    pub async fn priors(&self) -> Result<Option<Priors>, StoreError> {
        let asks = [recall(VERSION), Statement::new("SELECT level, json FROM priors", Vec::new())];
        let Ok([version, rows]) = <[Vec<Row>; 2]>::try_from(self.ask(asks.to_vec()).await?) else {
            return Ok(None);
        };
        let Some(version) = recalled(VERSION, version)? else { return Ok(None) };
        let learnt = rows.into_iter().map(level).collect::<Result<BTreeMap<_, _>, StoreError>>()?;
        Ok(Some(Priors::new(version, learnt)))
    }
}

fn level(mut row: Row) -> Result<(Level, LevelPriors), StoreError> {
    let level = row.word(rows::level).map_err(|why| StoreError::corrupt("priors", "?", why))?;
    let learnt = row.json().map_err(|why| StoreError::corrupt("priors", level.as_str(), why))?;
    Ok((level, learnt))
}
