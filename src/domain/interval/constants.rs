//! Owns the constants that need no sweeps: the quantity's elasticity, the usual variance of a gap, its
//! spread; knows nothing of drop-out.

use std::collections::BTreeMap;

/// Fewer pairs than this, with two gaps or more, do not tell the spread of variances.
const FEW_PAIRS: usize = 50;
/// The prior degrees of freedom then.
const USUAL_NU: f64 = 30.0;
/// What a brand says of an item's supply counts as much as so many observed intervals.
pub(super) const SUPPLY_WORTH: f64 = 5.0;
/// Least variance of a log gap: whole days cannot tell rhythms apart that are more regular.
pub(super) const LEAST_S2: f64 = 1e-3;

/// beta = Σ w dx dy / (Σ w dx² + 10): least squares within pairs, ridged; the bounds are those found in six
/// shops, with room.
pub(super) fn elasticity(xy: f64, xx: f64) -> f64 {
    (xy / (xx + 10.0)).clamp(0.0, 0.4)
}

/// beta of an item whose supply is known: the same, ridged towards 1, because twice the supply lasts twice as long.
pub(super) fn supply_elasticity(xy: f64, xx: f64) -> f64 {
    ((xy + SUPPLY_WORTH) / (xx + SUPPLY_WORTH)).clamp(0.0, 1.0)
}

/// s2 = Σ Q / Σ (gaps - 1): the pooled variance within pairs, one mean estimated each.
pub(super) fn gap_variance(squares: f64, freedom: f64) -> f64 {
    (squares / freedom.max(1.0)).max(LEAST_S2)
}

/// nu, the prior degrees of freedom of a pair's own variance. `pairs` holds (d, x = Q/s2) with d >= 1: x/d ~
/// F(d, nu), the scaled inverse chi-square prior with mean precision 1, whose likelihood is maximised by
/// golden section on ln nu in [0.3, 5].
pub(super) fn variance_freedom(pairs: &[(u32, f64)]) -> f64 {
    if pairs.len() < FEW_PAIRS {
        return USUAL_NU;
    }
    let mut counts = BTreeMap::<u32, f64>::new();
    for (d, _) in pairs {
        *counts.entry(*d).or_default() += 1.0;
    }
    let likelihood = |ln_nu: f64| {
        let nu = ln_nu.exp();
        let each = 0.5 * nu * ln_nu - libm::lgamma(0.5 * nu);
        let by_d: f64 =
            counts.iter().map(|(d, n)| n * (libm::lgamma(0.5 * (nu + f64::from(*d))) + each)).sum();
        by_d - pairs.iter().map(|(d, x)| 0.5 * (nu + f64::from(*d)) * (nu + x).ln()).sum::<f64>()
    };
    golden_section(likelihood, 0.3, 5.0).exp()
}

/// The maximum of a unimodal function (Kiefer 1953), to 1e-4.
fn golden_section(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5_f64.sqrt() - 1.0) / 2.0;
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    while high - low > 1e-4 {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = f(right);
        }
    }
    0.5 * (low + high)
}
