//! Owns the special functions of the normal law; knows nothing of purchases. `erfc` and `lgamma` come from
//! libm (a port of musl's, below 1 ulp).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Beyond this the survival function nears the smallest number and its expansions are exact to 1e-6.
const FAR: f64 = 35.0;

/// P(Z > u) = erfc(u / √2) / 2.
pub(super) fn survival(u: f64) -> f64 {
    0.5 * libm::erfc(u * FRAC_1_SQRT_2)
}

/// φ(u) / P(Z > u), the mean of Z given Z > u; `survival` is P(Z > u). Far out: Mills' ratio, u + 1/u +
/// O(u⁻³).
pub(super) fn hazard(u: f64, survival: f64) -> f64 {
    if u > FAR { u + 1.0 / u } else { (-0.5 * u * u).exp() / ((2.0 * PI).sqrt() * survival) }
}

/// The `q`-quantile of Z given Z > u.
pub(super) fn quantile_above(u: f64, q: f64) -> f64 {
    if u > FAR {
        // φ(z) = (1-q) φ(u): where the density falls so fast it is as good as the survival function.
        (u * u - 2.0 * (-q).ln_1p()).sqrt()
    } else {
        -quantile((1.0 - q) * survival(u))
    }
}

/// The `p`-quantile of Z: Wichura 1988, "The percentage points of the normal distribution", algorithm AS 241
/// (PPND16), 1e-16.
pub(super) fn quantile(p: f64) -> f64 {
    let centred = p - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180625 - centred * centred;
        return centred * ratio(&CENTRE, r);
    }
    let r = (-p.min(1.0 - p).ln()).sqrt();
    let z = if r <= 5.0 { ratio(&SHOULDER, r - 1.6) } else { ratio(&TAIL, r - 5.0) };
    if p.min(1.0 - p) <= 0.0 { f64::INFINITY.copysign(centred) } else { z.copysign(centred) }
}

/// Eight coefficients of the numerator and of the denominator, lowest power first.
type Rational = [[f64; 8]; 2];

fn ratio([above, below]: &Rational, r: f64) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    horner(above) / horner(below)
}

#[allow(clippy::excessive_precision, reason = "as published")]
const CENTRE: Rational = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854_5,
    ],
];
#[allow(clippy::excessive_precision, reason = "as published")]
const SHOULDER: Rational = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
];
#[allow(clippy::excessive_precision, reason = "as published")]
const TAIL: Rational = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantile_inverts_survival_over_the_whole_range() {
        // Each of the three rational pieces, both sides.
        for i in -370..=350 {
            let z = f64::from(i) / 10.0;
            let tail = survival(z.abs());
            let back = if z < 0.0 { quantile(tail) } else { -quantile(tail) };
            assert!((back - z).abs() < 1e-9 * (1.0 + z.abs()), "{z} {back}");
        }
        assert_eq!((quantile(0.0), quantile(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-14);
    }

    #[test]
    fn the_far_tail_joins_the_rest() {
        let (near, far) = (FAR - 1e-9, FAR + 1e-9);
        assert!((hazard(near, survival(near)) - hazard(far, survival(far))).abs() < 1e-4);
        for q in [0.01, 0.5, 0.99] {
            assert!((quantile_above(near, q) - quantile_above(far, q)).abs() < 1e-3);
        }
        assert!((hazard(0.0, 0.5) - (2.0 / PI).sqrt()).abs() < 1e-15);
    }
}
