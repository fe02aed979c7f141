//! Owns `--sweep`: which setting of the reminder rules is tried, with which values; knows nothing of what comes of it.

use std::str::FromStr;

use serde::Serialize;

use crate::domain::member::Purpose;
use crate::domain::rules::{Needs, Rule, Rules};

/// A setting of every reminder rule, and the values to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Which setting.
    pub key: SweepKey,
    /// Its values, in the order asked for.
    pub values: Vec<f64>,
}

/// A setting that can be tried with many values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SweepKey {
    /// The smallest chance that a reminder is followed by a purchase within a week, 0 to 1.
    #[serde(rename = "needs.chance")]
    Chance,
    /// Purchases of the item before the first reminder.
    #[serde(rename = "needs.purchases")]
    Purchases,
}

impl SweepKey {
    /// As TOML and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            SweepKey::Chance => "needs.chance",
            SweepKey::Purchases => "needs.purchases",
        }
    }

    /// `rules` with this value in every reminder rule.
    pub fn set(self, rules: &Rules, value: f64) -> Rules {
        let with = |rule: &Rule| {
            let needs = match self {
                _ if rule.purpose() == Purpose::Care => rule.needs,
                SweepKey::Chance => Needs { chance: value, ..rule.needs },
                SweepKey::Purchases => Needs { purchases: value as u32, ..rule.needs },
            };
            Rule { needs, ..rule.clone() }
        };
        rules.with_each(with)
    }

    fn parse(self, text: &str) -> Result<f64, String> {
        let text = text.trim();
        match self {
            SweepKey::Chance => {
                let (figure, whole) = text.strip_suffix('%').map_or((text, 1.0), |figure| (figure, 100.0));
                let share = figure.trim().parse::<f64>().map(|n| n / whole);
                share.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
                    format!("`{text}` is no chance: write a share from 0% to 100%, as 20% or 0.2")
                })
            }
            SweepKey::Purchases => {
                let count = text.parse::<u16>().ok().filter(|count| *count > 0);
                count.map(f64::from).ok_or_else(|| {
                    format!("`{text}` is no number of purchases: write a whole number from 1 on")
                })
            }
        }
    }
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as needs.chance=10%,20%,30% or needs.purchases=1,2,3";
        let (name, values) = text.split_once('=').ok_or_else(|| FORM.to_owned())?;
        let keys = [SweepKey::Chance, SweepKey::Purchases];
        let key = keys.into_iter().find(|key| key.as_str() == name.trim());
        let key = key.ok_or_else(|| format!("`{}` cannot be swept: {FORM}", name.trim()))?;
        let values = values.split(',').map(|value| key.parse(value)).collect::<Result<_, _>>()?;
        Ok(Self { key, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shares_or_counts() {
        let chance: Sweep = "needs.chance=10%,0.2, 30 %".parse().unwrap();
        assert_eq!(chance, Sweep { key: SweepKey::Chance, values: vec![0.1, 0.2, 0.3] });
        let purchases: Sweep = "needs.purchases=1,2,3".parse().unwrap();
        assert_eq!(purchases, Sweep { key: SweepKey::Purchases, values: vec![1.0, 2.0, 3.0] });
    }

    #[test]
    fn what_cannot_be_swept_is_refused_with_what_can() {
        let refused = |text: &str| text.parse::<Sweep>().unwrap_err();
        assert!(refused("send.before=3d,5d").contains("`send.before` cannot be swept"));
        for (text, wrong) in [
            ("needs.chance", "needs.chance=10%"),
            ("needs.chance=", "``"),
            ("needs.chance=120%", "`120%`"),
            ("needs.chance=10%,NaN", "`NaN`"),
            ("needs.purchases=0", "`0`"),
            ("needs.purchases=1.5", "`1.5`"),
        ] {
            assert!(refused(text).contains(wrong), "{text}: {}", refused(text));
        }
    }
}
