//! Owns the BG/NBD model (Fader, Hardie and Lee 2005, "Counting your customers the easy way"), a yardstick;
//! knows nothing of ours.

use super::history::Seen;

/// Pairs enough for four parameters.
const SAMPLE: usize = 40_000;

/// Rates are Gamma(r, alpha) among pairs; after each purchase a pair stops with a probability that is Beta(a,
/// b).
pub(super) struct BgNbd {
    r: f64,
    alpha: f64,
    a: f64,
    b: f64,
}

/// Repeat purchases, age of the last one, age now; and how many pairs are so.
type Customer = (u32, f64, f64, f64);

impl BgNbd {
    /// The likeliest parameters, by Nelder and Mead's search over their logarithms.
    pub fn fit(seen: &[Seen]) -> Self {
        let step = seen.len().div_ceil(SAMPLE).max(1);
        let mut customers: Vec<Customer> = seen.iter().step_by(step).map(customer).collect();
        customers.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2)));
        customers.dedup_by(|next, kept| {
            let same = (next.0, next.1, next.2) == (kept.0, kept.1, kept.2);
            kept.3 += if same { next.3 } else { 0.0 };
            same
        });
        Self::at(nelder_mead([1.0_f64, 30.0, 1.0, 2.0].map(f64::ln), |theta| {
            -Self::at(*theta).likelihood(&customers)
        }))
    }

    fn at(theta: [f64; 4]) -> Self {
        let [r, alpha, a, b] = theta.map(|x| x.clamp(-6.0, 8.0).exp());
        Self { r, alpha, a, b }
    }

    /// Their equation 3, summed over customers that come in the order of their repeat purchases.
    fn likelihood(&self, customers: &[Customer]) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let ln_gamma = libm::lgamma;
        let mut sum = 0.0;
        for same in customers.chunk_by(|one, two| one.0 == two.0) {
            let x = f64::from(same[0].0);
            let rate = ln_gamma(r + x) - ln_gamma(r) + r * alpha.ln();
            let chance = ln_gamma(a + b) + ln_gamma(b + x) - ln_gamma(b) - ln_gamma(a + b + x);
            let stop = a.ln() - (b + x.max(1.0) - 1.0).ln();
            for (_, last, now, count) in same {
                let alive = -(r + x) * (alpha + now).ln();
                let gone = if x > 0.0 { stop - (r + x) * (alpha + last).ln() } else { f64::NEG_INFINITY };
                let (high, low) = if alive > gone { (alive, gone) } else { (gone, alive) };
                sum += count * (rate + chance + high + (low - high).exp().ln_1p());
            }
        }
        sum
    }

    /// P(buys within so many days): P(alive), and Gamma(r + x, alpha + T) for the rate.
    pub fn curve(&self, row: &Seen) -> impl Fn(i32) -> f64 + use<> {
        let (repeats, last, now, _) = customer(row);
        let x = f64::from(repeats);
        let (shape, scale) = (self.r + x, self.alpha + now);
        let odds = self.a / (self.b + x.max(1.0) - 1.0) * (scale / (self.alpha + last)).powf(shape);
        let alive = if repeats > 0 { 1.0 / (1.0 + odds) } else { 1.0 };
        move |days| alive * (1.0 - (scale / (scale + f64::from(days) + 1.0)).powf(shape))
    }
}

fn customer(row: &Seen) -> Customer {
    (row.purchases - 1, (row.life - row.age).max(0.0), row.life, 1.0)
}

/// The minimum of `f` near `start` (Nelder and Mead 1965, with their coefficients 1, 2, ½, ½).
pub(super) fn nelder_mead(start: [f64; 4], f: impl Fn(&[f64; 4]) -> f64) -> [f64; 4] {
    let mut simplex: Vec<([f64; 4], f64)> = corners(start).map(|at| (at, f(&at))).collect();
    for _ in 0..300 {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let (best, second_worst, worst) = (simplex[0], simplex[3], simplex[4]);
        if worst.1 - best.1 <= 1e-9 * best.1.abs() {
            break;
        }
        let centre =
            std::array::from_fn(|i| simplex[..4].iter().map(|corner| corner.0[i]).sum::<f64>() / 4.0);
        let towards = |step: f64| {
            let at = blend(&centre, &worst.0, -step);
            (at, f(&at))
        };
        let reflected = towards(1.0);
        let next = if reflected.1 < best.1 {
            let expanded = towards(2.0);
            if expanded.1 < reflected.1 { expanded } else { reflected }
        } else if reflected.1 < second_worst.1 {
            reflected
        } else {
            towards(if reflected.1 < worst.1 { 0.5 } else { -0.5 })
        };
        if next.1 < worst.1 {
            simplex[4] = next;
        } else {
            simplex[1..].iter_mut().for_each(|corner| {
                let at = blend(&best.0, &corner.0, 0.5);
                *corner = (at, f(&at));
            });
        }
    }
    simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
    simplex[0].0
}

/// The start, and it with one coordinate a tenth further.
fn corners(start: [f64; 4]) -> impl Iterator<Item = [f64; 4]> {
    (0..5).map(move |corner| {
        let mut at = start;
        if let Some(x) = at.get_mut(corner) {
            *x = if *x == 0.0 { 0.1 } else { 1.1 * *x };
        }
        at
    })
}

/// `from`, moved by `share` of the way to `to`.
fn blend(from: &[f64; 4], to: &[f64; 4], share: f64) -> [f64; 4] {
    std::array::from_fn(|i| from[i] + share * (to[i] - from[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figure comes from the formula as published, in NumPy and SciPy.
    #[test]
    fn likelihood_agrees_with_an_independent_implementation() {
        let customers = [(0, 0.0, 10.0), (0, 0.0, 100.0), (1, 20.0, 60.0), (3, 55.0, 90.0), (7, 90.0, 95.0)]
            .map(|c| (c.0, c.1, c.2, 1.0));
        let model = BgNbd { r: 0.5, alpha: 20.0, a: 0.8, b: 2.5 };
        assert!((model.likelihood(&customers) + 49.047_991_083_670_22).abs() < 1e-9);
    }
}
