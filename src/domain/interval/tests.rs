//! The model as a whole: against an independent implementation, and what must hold for any history.

use proptest::prelude::*;

use super::super::catalog::{Item, Level};
use super::super::ids::{Day, LabelKey, ProductKey};
use super::*;

type Member = Vec<(Item, Option<LabelKey>, Vec<Event>)>;

/// Forty members and 24 products in six groups; `stretch` multiplies every gap.
fn shop(stretch: i32) -> Vec<Member> {
    (0..40)
        .map(|m| (0..24).filter(|p| (m * 5 + p * 3) % 4 > 0).map(|p| pair(m, p, stretch)).collect())
        .collect()
}

fn pair(m: i32, p: i32, stretch: i32) -> (Item, Option<LabelKey>, Vec<Event>) {
    let mut day = (m * 11 + p * 17) % 60;
    let events = (0..1 + (m * 3 + p * 7) % 9).map(|i| {
        let quantity = 1 + (m + p + i * i) % 5;
        let event = Event::pieces(Day(day * stretch), f64::from(quantity));
        let noise = (m * m * 7 + p * p * 13 + i * i * 29 + m * p * 3) % 31;
        day += ((1 + p % 6 * 3 + p / 6 * 2 + noise + 2 * quantity) * (1 + (m + p / 2) % 5) / 3).max(1);
        event
    });
    (Item::Product(ProductKey(i64::from(p))), Some(LabelKey(i64::from(p % 6))), events.collect())
}

fn learn<'a>(members: impl IntoIterator<Item = &'a Member>, as_of: i32) -> Fit {
    let mut learner = Learner::new(Level::Product);
    for member in members {
        learner.member(member.iter().map(|(item, parent, events)| (*item, *parent, events.as_slice())));
    }
    learner.fit(Day(as_of))
}

fn forecast(fit: &Fit, members: &[Member], member: usize, product: i64, as_of: i32) -> Forecast {
    let wanted = Item::Product(ProductKey(product));
    let (item, parent, events) = members[member].iter().find(|(item, ..)| *item == wanted).unwrap();
    Forecast::of(&fit.priors, *item, *parent, fit.dropout[member], events, Day(as_of)).unwrap()
}

#[track_caller]
fn near(a: f64, b: f64, relative: f64) {
    assert!((a - b).abs() <= relative * b.abs().max(1e-9), "{a} is not near {b}");
}

/// The figures come from an implementation of the same model in NumPy and SciPy over this very shop.
#[test]
fn agrees_with_an_independent_implementation() {
    let members = shop(1);
    let fit = learn(&members, 200);
    let Fit { priors, dropout, pairs, gaps } = &fit;
    assert_eq!((*pairs, *gaps), (720, 2284));
    let found = [priors.beta, priors.s2, priors.nu, priors.tu, priors.tp, priors.tc, priors.mu0];
    let expected = EXPECTED_CONSTANTS;
    found.into_iter().zip(expected).for_each(|(a, b)| near(a, b, 1e-4));
    priors.continues[1..].iter().zip(EXPECTED_CONTINUES).for_each(|(a, b)| near(*a, b, 1e-6));
    for (member, product, interval, median_odds, rm) in EXPECTED_PAIRS {
        let forecast = forecast(&fit, &members, member, product, 200);
        near(forecast.interval_days(), f64::exp(interval), 1e-5);
        near(forecast.within(30), median_odds, 1e-4);
        near(dropout[member], rm, 1e-6);
    }
}

const EXPECTED_CONSTANTS: [f64; 7] = [
    0.17619372882274353,
    0.1092797657505815,
    22.311552519437036,
    0.34736390309738435,
    0.005828989426772241,
    0.02918433702542415,
    3.287781887833824,
];
const EXPECTED_CONTINUES: [f64; 12] = [
    0.8879223557090536,
    0.877432537457803,
    0.8824817485425848,
    0.8046351395152485,
    0.8307136249099208,
    0.7702666393585332,
    0.6192426325973577,
    0.49380767943956305,
    0.07308110717361312,
    0.7,
    0.7,
    0.7,
];
const EXPECTED_PAIRS: [(usize, i64, f64, f64, f64); 4] = [
    (0, 5, 3.5636029895364616, 0.7455728054046631, 0.9746333704239909),
    (5, 14, 3.147051394638405, 0.7042335271835327, 1.0352174201340454),
    (18, 12, 3.6406998240765636, 0.3277232050895691, 1.0825200068774512),
    (27, 18, 2.8829230874178173, 0.00048166041960939765, 1.1843638462649233),
];

#[test]
fn what_happens_later_is_not_known_yet() {
    let whole = shop(1);
    let mut past = whole.clone();
    past.iter_mut().flatten().for_each(|(_, _, events)| events.retain(|event| event.day < Day(150)));
    assert_eq!(learn(&whole, 150), learn(&past, 150));
}

#[test]
fn the_order_of_members_does_not_matter() {
    let members = shop(1);
    let (forth, back) = (learn(&members, 200), learn(members.iter().rev(), 200));
    near(back.priors.mu0, forth.priors.mu0, 1e-9);
    near(back.priors.tu, forth.priors.tu, 1e-9);
    for (item, prior) in &forth.priors.items {
        near(back.priors.items[item].mu, prior.mu, 1e-9);
        near(back.priors.items[item].stops, prior.stops, 1e-9);
    }
    back.dropout.iter().rev().zip(&forth.dropout).for_each(|(a, b)| near(*a, *b, 1e-9));
}

#[test]
fn twice_the_gaps_give_twice_the_intervals() {
    let (once, twice) = (shop(1), shop(2));
    let (fit, slow) = (learn(&once, 200), learn(&twice, 400));
    for (member, product) in [(5, 15), (18, 12), (33, 8)] {
        let (a, b) =
            (forecast(&fit, &once, member, product, 200), forecast(&slow, &twice, member, product, 400));
        near(b.interval_days(), 2.0 * a.interval_days(), 0.02);
        let days = |f: &Forecast, q| f64::from(f.quantile(q).since(f.last()));
        near(days(&b, 0.5), 2.0 * days(&a, 0.5), 0.05);
        near(days(&b, 0.9), 2.0 * days(&a, 0.9), 0.05);
    }
}

#[test]
fn a_new_shop_starts_from_the_constants_and_moves_smoothly() {
    assert_eq!(Learner::new(Level::Product).fit(Day(100)).priors, LevelPriors::new_shop());
    let priors = Priors::default();
    assert_eq!(priors.level(Level::Group), &LevelPriors::new_shop());
    // one purchase each: no gap tells anything about intervals, though silence tells about groups
    let mut members = shop(1);
    members.iter_mut().flatten().for_each(|(_, _, events)| events.truncate(1));
    let LevelPriors { mu0, s2, tu, nu, continues, .. } = learn(&members, 30).priors;
    let new = LevelPriors::new_shop();
    assert_eq!((mu0, s2, tu, nu, continues), (new.mu0, new.s2, new.tu, new.nu, new.continues));
    // one member more at a time: no step on the way from the constants to the data
    let members = shop(1);
    let fits: Vec<Fit> = (1..12).map(|count| learn(&members[..count], 200)).collect();
    assert!(fits[1].gaps < 200 && fits[10].gaps > 400);
    for pair in fits.windows(2) {
        assert!((pair[0].priors.mu0 - pair[1].priors.mu0).abs() < 0.2, "{:?}", pair[1].gaps);
        assert!((pair[0].priors.s2 - pair[1].priors.s2).abs() < 0.25);
    }
}

#[test]
fn a_stranger_is_like_its_group() {
    let fit = learn(&shop(1), 200);
    let event = [Event::pieces(Day(190), 1.0)];
    let of = |item, parent| Forecast::of(&fit.priors, item, parent, 1.0, &event, Day(200)).unwrap();
    let stranger = Item::Product(ProductKey(999));
    near(of(stranger, Some(LabelKey(5))).interval_days(), fit.priors.groups[&LabelKey(5)].exp(), 1e-12);
    near(of(stranger, None).interval_days(), fit.priors.mu0.exp(), 1e-12);
    assert!(Forecast::of(&fit.priors, stranger, None, 1.0, &event, Day(190)).is_none());
}

#[test]
fn priors_survive_json() {
    let fit = learn(&shop(1), 200);
    let priors = Priors::new("2026-03-01/1".to_owned(), BTreeMap::from([(Level::Product, fit.priors)]));
    let back: Priors = serde_json::from_str(&serde_json::to_string(&priors).unwrap()).unwrap();
    assert_eq!(back.version, priors.version);
    let (before, after) = (priors.level(Level::Product), back.level(Level::Product));
    assert_eq!((before.items.len(), before.groups.len()), (after.items.len(), after.groups.len()));
    near(
        after.items[&Item::Product(ProductKey(3))].mu,
        before.items[&Item::Product(ProductKey(3))].mu,
        1e-12,
    );
}

#[test]
fn a_larger_purchase_lasts_longer_and_silence_tells() {
    let fit = learn(&shop(1), 200);
    let item = Item::Product(ProductKey(3));
    let of = |quantity, as_of| {
        let events = [Event::pieces(Day(100), quantity)];
        Forecast::of(&fit.priors, item, None, 1.0, &events, Day(as_of)).unwrap()
    };
    assert!(of(6.0, 101).interval_days() > of(1.0, 101).interval_days());
    assert!(of(1.0, 101).still_buying() > of(1.0, 150).still_buying());
    assert!(of(1.0, 1000).still_buying() < 0.01);
}

fn any_events() -> impl Strategy<Value = Vec<Event>> {
    let quantity = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(0.0), 0.001..1e9];
    let far = prop_oneof![4 => -4000..4000, 1 => any::<i32>()];
    let delay = prop_oneof![3 => Just(0), 1 => 0..9, 1 => any::<i32>()];
    let events = prop::collection::vec((far, quantity, delay), 1..40);
    (events, any::<bool>()).prop_map(|(mut events, by_supply)| {
        events.sort_by_key(|(day, ..)| *day);
        let amount = |quantity| if by_supply { Amount::Supply(quantity) } else { Amount::Pieces(quantity) };
        let event = |(day, quantity, delay)| Event {
            day: Day(day),
            begins: Day(day).plus(delay),
            amount: amount(quantity),
        };
        events.into_iter().map(event).collect()
    })
}

/// Nobody buys every day for years: what intake accepts, drawn to its ends.
#[test]
fn extreme_histories_have_forecasts() {
    let decade = 3653;
    let table: [(&str, Vec<(i32, f64)>); 5] = [
        ("one purchase", vec![(0, 1.0)]),
        ("ten thousand in a day", vec![(0, 10_000.0), (30, 10_000.0)]),
        ("every day", (0..3000).map(|day| (day, 1.0)).collect()),
        ("every ten years", (0..4).map(|n| (n * decade, 1.0)).collect()),
        ("a billion pieces, and the future", vec![(0, 1e9), (40_000, 1e9)]),
    ];
    for (name, history) in table {
        let events: Vec<Event> = history.iter().map(|(day, q)| Event::pieces(Day(*day), *q)).collect();
        let members = vec![vec![(Item::Product(ProductKey(0)), None, events)]];
        let last = history.last().unwrap().0;
        for as_of in [last + 1, last + 100, last + 20 * decade] {
            let fit = learn(&members, as_of);
            assert!(all_finite(&fit.priors), "{name}");
            let found = forecast(&fit, &members, 0, 0, as_of);
            assert!(found.quantile(0.1) <= found.quantile(0.9), "{name}");
            assert!((0.0..=1.0).contains(&found.within(30)), "{name}");
            assert!(found.interval_days().is_finite(), "{name}");
        }
    }
}

/// Each of `members` buys `pieces[i]` at its i-th purchase; a purchase lasts `lasts(pieces)` days.
fn bottles(members: usize, pieces: &[f64], lasts: impl Fn(f64) -> f64) -> Vec<Member> {
    let one = |n: usize| {
        let mut day = n as i32;
        let events = pieces.iter().enumerate().map(|(i, quantity)| {
            let bought = Event { amount: Amount::Supply(30.0 * quantity), ..Event::pieces(Day(day), 1.0) };
            day += (lasts(*quantity) + ((n * 5 + i * 3) % 5) as f64 - 2.0) as i32;
            bought
        });
        vec![(Item::Product(ProductKey(0)), None, events.collect())]
    };
    (0..members).map(one).collect()
}

#[test]
fn six_bottles_last_six_times_as_long() {
    let members = bottles(40, &[1.0, 1.0, 1.0, 1.0, 6.0], |pieces| 30.0 * pieces);
    let fit = learn(&members, 130);
    let found = forecast(&fit, &members, 3, 0, 130);
    let days = found.quantile(0.5).since(found.last());
    assert!((170..=190).contains(&days), "{days} days for six bottles of thirty days");
}

#[test]
fn a_product_that_nobody_rebought_lasts_as_long_as_its_supply() {
    for (priors, name) in [(LevelPriors::new_shop(), "a new shop"), (learn(&shop(1), 200).priors, "another")]
    {
        let event = [Event { amount: Amount::Supply(90.0), ..Event::pieces(Day(190), 1.0) }];
        let stranger = Item::Product(ProductKey(999));
        let found = Forecast::of(&priors, stranger, Some(LabelKey(5)), 1.0, &event, Day(191)).unwrap();
        near(found.interval_days(), 90.0, 1e-6);
        assert!(found.still_buying() > 0.0, "{name}");
    }
    // bought by twenty-five, and nobody had to come back yet: their silence tells nothing
    let members = bottles(40, &[1.0], |_| 30.0);
    let of = |as_of| forecast(&learn(&members, as_of), &members, 0, 0, as_of).interval_days();
    near(of(25), 30.0, 1e-6);
    // a dozen ran out and stayed away: that counts, beside what the brand says
    assert!((31.0..70.0).contains(&of(41)), "{} days", of(41));
}

#[test]
fn members_overrule_what_the_brand_says() {
    // a bottle said to last thirty days lasts them sixty, and six bottles no longer than one
    let members = bottles(60, &[1.0, 6.0, 1.0, 6.0, 1.0, 6.0, 1.0], |_| 60.0);
    let fit = learn(&members, 60 * 6 + 70);
    let prior = fit.priors.items[&Item::Product(ProductKey(0))];
    assert!(prior.beta < 0.05, "{}", prior.beta);
    let found = forecast(&fit, &members, 30, 0, 60 * 6 + 40);
    near(found.interval_days(), 60.0, 0.1);
}

#[test]
fn a_purchase_is_used_from_its_delivery() {
    let fit = learn(&shop(1), 200);
    let item = Item::Product(ProductKey(3));
    let of = |delivered: i32, events: &[i32]| {
        let late = |day: &i32| Event { begins: Day(delivered.max(*day)), ..Event::pieces(Day(*day), 1.0) };
        let events: Vec<Event> = events.iter().map(late).collect();
        Forecast::of(&fit.priors, item, None, 1.0, &events, Day(106)).unwrap()
    };
    let (at_once, later) = (of(100, &[100]), of(105, &[100]));
    assert_eq!(later.last().since(at_once.last()), 5);
    near(later.interval_days(), at_once.interval_days(), 1e-12);
    assert!(later.quantile(0.5) > at_once.quantile(0.5));
    // what arrived after the next purchase was not waited for
    near(of(105, &[80, 100]).interval_days(), at_once_after(&fit, item).interval_days(), 1e-12);
}

fn at_once_after(fit: &Fit, item: Item) -> Forecast {
    let events = [80, 100].map(|day| Event::pieces(Day(day), 1.0));
    Forecast::of(&fit.priors, item, None, 1.0, &events, Day(106)).unwrap()
}

fn all_finite(priors: &LevelPriors) -> bool {
    let LevelPriors { beta, s2, nu, tu, tp, tc, mu0, .. } = priors;
    let items = priors.items.values().flat_map(|item| [item.mu, item.stops, item.log_amount, item.beta]);
    let constants = [*beta, *mu0].into_iter().chain(items).chain(priors.groups.values().copied());
    let positive = [*s2, *nu, *tu, *tp, *tc].into_iter().chain(priors.continues);
    constants.into_iter().all(f64::is_finite) && positive.into_iter().all(|x| x.is_finite() && x > 0.0)
}

proptest! {
    #[test]
    fn any_history_gives_a_forecast_in_order(
        histories in prop::collection::vec(any_events(), 1..8), as_of in -5000..5000, dropout in any::<f64>(),
        steps in 1..60_i32,
    ) {
        let members: Vec<Member> = histories.into_iter().enumerate()
            .map(|(i, events)| vec![(Item::Product(ProductKey(i as i64 / 2)), None, events)]).collect();
        let fit = learn(&members, as_of);
        prop_assert!(all_finite(&fit.priors), "{:?}", fit.priors);
        prop_assert!(fit.dropout.iter().all(|rm| rm.is_finite() && *rm > 0.0));
        for priors in [&fit.priors, &LevelPriors::new_shop()] {
            for (item, parent, events) in members.iter().flatten() {
                let Some(f) = Forecast::of(priors, *item, *parent, dropout, events, Day(as_of)) else { continue };
                let quantiles = [f64::NAN, 0.0, 0.1, 0.5, 0.9, 0.999, 1.0].map(|q| f.quantile(q));
                prop_assert!(quantiles.is_sorted() && quantiles[0] >= f.as_of(), "{:?}", quantiles);
                let within = [-1, 0, 1, steps, 2 * steps, 4000, i32::MAX].map(|days| f.within(days));
                prop_assert!(within.is_sorted_by(|a, b| *a <= b + 1e-12), "{:?}", within);
                prop_assert!(within[0] == 0.0 && within[6] <= 1.0, "{:?}", within);
                let chance = f.chance(Day(as_of).plus(steps));
                prop_assert!((0.0..=1.0).contains(&f.still_buying()) && (0.0..=1.0).contains(&chance));
                prop_assert!(f.interval_days().is_finite() && f.interval_days() > 0.0);
                prop_assert!(f.best(0.2, steps).is_none_or(|day| day.since(f.last().max(Day(-5000))) >= 0));
            }
        }
    }

    #[test]
    fn questions_about_one_cycle_agree(
        product in 0..24_i64, gaps in prop::collection::vec(1..120, 0..6), passed in 1..150, day in 0..90,
        chance in 0.01..0.9, new in any::<bool>(),
    ) {
        let new_shop = LevelPriors::new_shop();
        let priors = if new { &new_shop } else { &FIT.priors };
        let mut days = vec![0];
        gaps.iter().for_each(|gap| days.push(days.last().unwrap() + gap));
        let events: Vec<Event> = days.iter().map(|day| Event::pieces(Day(*day), 1.0)).collect();
        let last = *days.last().unwrap();
        let item = Item::Product(ProductKey(product));
        let of = |as_of| Forecast::of(priors, item, None, 1.0, &events, Day(as_of)).unwrap();
        let (fresh, later) = (of(last + 1), of(last + passed));
        // time alone does not move the day, and it is the highest of all days
        prop_assert_eq!(fresh.best(chance, 400), later.best(chance, 400));
        let worth = |d: i32| {
            let sent = 1.0 - fresh.within(d - 2);
            fresh.within(d + 6) - fresh.within(d - 2) - chance * sent
        };
        let highest = (1..=400).map(worth).fold(f64::NEG_INFINITY, f64::max);
        match fresh.best(chance, 400) {
            Some(best) => prop_assert!(worth(best.since(fresh.last())) >= highest.max(0.0) - 1e-9),
            None => prop_assert!(highest <= 1e-9 || worth(400) >= highest - 1e-9),
        }
        // hit over sent
        let expected = (later.within(day + 7) - later.within(day - 1)) / (1.0 - later.within(day - 1));
        prop_assert!((later.chance(later.as_of().plus(day)) - expected).abs() < 1e-6);
        // half of those who buy again have bought by the median, up to the whole day
        let median = later.quantile(0.5).since(later.as_of());
        let half = 0.5 * later.still_buying();
        prop_assert!(later.within(median - 1) <= half + 1e-9 && half <= later.within(median) + 1e-9);
    }
}

static FIT: LazyLock<Fit> = LazyLock::new(|| learn(&shop(1), 200));
