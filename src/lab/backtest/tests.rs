//! The backtest as a whole, on small shops whose answers are known.

use super::bg_nbd::nelder_mead;
use super::history::{NEVER, median};
use super::score::FIELDS;
use super::*;

/// Members who buy each of five items in a rhythm of their own, a day early or late by a fixed pattern; some
/// stop.
fn shop() -> Lines {
    let mut lines = Lines { parents: (0..5).map(|item| Some(item % 2)).collect(), ..Lines::default() };
    for member in 0..150_u32 {
        for item in 0..5_u32 {
            let (rhythm, stops) = (8 + (member * 7 + item * 13) % 40, 60 + (member * 37 + item * 101) % 700);
            let mut day = (member * 3 + item * 5) % rhythm;
            for turn in 0.. {
                if day >= 300 || day > stops {
                    break;
                }
                push(&mut lines, member, item, day as i32, 1.0 + f64::from((member + turn) % 2));
                day += rhythm - 2 + (member + item * 3 + turn * turn) % 5;
            }
        }
    }
    lines
}

fn push(lines: &mut Lines, member: u32, item: u32, day: i32, quantity: f64) {
    lines.member.push(member);
    lines.item.push(item);
    lines.day.push(day);
    lines.quantity.push(quantity);
}

fn of(report: &Report, model: Model) -> Metrics {
    report.models.iter().find(|(known, _)| *known == model).unwrap().1
}

#[test]
fn own_rhythms_are_found_and_beat_the_naive_flows() {
    let report = backtest(shop(), Level::Product, &Setting::default()).unwrap();
    assert_eq!((report.cutoffs.as_slice(), report.horizon, report.pairs), (&[135, 188, 240][..], 50, 750));
    let (ours, product, own) =
        (of(&report, Model::Replenish), of(&report, Model::ProductMedian), of(&report, Model::OwnMean));
    assert!(ours.mae_n2.unwrap() < 2.5 && ours.within7_n2.unwrap() > 0.95, "{ours:?}");
    assert!(ours.crps_n2 < product.crps_n2 && ours.bss30_n1 > product.bss30_n1);
    assert!(ours.prec7_n2.unwrap() > 0.9 && ours.prec7_n2 > own.prec7_n2 && own.prec7_n2 > product.prec7_n2);
    assert!(ours.lambda.is_some() && product.lambda.is_none());
    let none_missing =
        |metrics: &Metrics| FIELDS[..10].iter().all(|field| field(&mut metrics.clone()).is_some());
    assert!(report.models.iter().all(|(_, metrics)| none_missing(metrics)), "{report:?}");
}

#[test]
fn the_order_of_lines_and_the_first_day_do_not_matter() {
    let (lines, mut shuffled) = (shop(), Lines::default());
    for place in (0..lines.day.len()).rev() {
        let (member, item) = (lines.member[place], lines.item[place]);
        // a day's pieces in two lines, and a line taken back
        push(&mut shuffled, member, item, lines.day[place] - 9000, lines.quantity[place] - 0.5);
        push(&mut shuffled, member, item, lines.day[place] - 9000, 0.5);
        push(&mut shuffled, member, item, lines.day[place] - 8999, 1.0);
        push(&mut shuffled, member, item, lines.day[place] - 8999, -1.0);
    }
    shuffled.parents.clone_from(&lines.parents);
    let setting = Setting { cutoffs: vec![200], horizon: Some(40) };
    let report = backtest(lines, Level::Product, &setting).unwrap();
    assert_eq!(backtest(shuffled, Level::Product, &setting).unwrap(), report);
}

#[test]
fn the_report_has_the_keys_that_are_promised() {
    let report = backtest(shop(), Level::Member, &Setting::default()).unwrap();
    let json = serde_json::to_value(&report).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), ["cutoffs", "file", "horizon", "level", "models", "pairs", "seconds"]);
    assert_eq!(keys(&json["models"]), ["bg_nbd", "own_mean", "own_median", "product_median", "replenish"]);
    let metrics = "auc30_n1 bss30_n1 crps_n2 lambda logloss30_n1 mae_fresh mae_n2 pit_error_n2 prec7_n2 recall_n2 within7_n2";
    assert_eq!(keys(&json["models"]["replenish"]).join(" "), metrics);
    assert_eq!(json["level"], "member");
}

#[test]
fn what_cannot_be_judged_is_refused_or_left_out() {
    let error = |cutoffs: &[i32], horizon| {
        backtest(shop(), Level::Product, &Setting { cutoffs: cutoffs.to_vec(), horizon })
            .unwrap_err()
            .to_string()
    };
    assert!(error(&[100, 280], Some(30)).starts_with("cutoff 280 with horizon 30 lies outside"));
    assert!(error(&[0], Some(30)).contains("choose one from 1 to 270"), "{}", error(&[0], Some(30)));
    let short = backtest(Lines::default(), Level::Product, &Setting::default()).unwrap_err();
    assert_eq!(short, BacktestError::TooShort { span: 1 });
    // twenty days after the cutoff tell nothing of thirty, nor of reminders
    let late = backtest(shop(), Level::Product, &Setting { cutoffs: vec![280], horizon: Some(20) }).unwrap();
    let Metrics { crps_n2, bss30_n1, auc30_n1, prec7_n2, lambda, .. } = of(&late, Model::Replenish);
    assert!(crps_n2.is_some() && [bss30_n1, auc30_n1, prec7_n2, lambda] == [None; 4]);
}

#[test]
fn a_shop_of_one_purchase_each_gives_no_dates_and_no_panic() {
    let mut lines = Lines::default();
    (0..100).for_each(|member| push(&mut lines, member, 0, member as i32, 1.0));
    let report = backtest(lines, Level::Category, &Setting::default()).unwrap();
    assert_eq!(of(&report, Model::Replenish), Metrics::default());
}

/// A curve that knows the day, for members who buy on days 0 to 59 after the cutoff.
#[test]
fn perfect_foresight_scores_perfectly() {
    let row = |next: i32| Seen {
        pair: next as u32,
        item: 0,
        purchases: 3,
        age: 5.0,
        life: 50.0,
        mean: 20.0,
        median: 20.0,
        last_gap: 20.0,
        next: if next < 60 { next } else { NEVER },
    };
    let seen: Vec<Seen> = (0..120).map(row).collect();
    let scoring = Scoring { horizon: 60, days_left: 60 };
    let known = |row: &Seen| {
        let next = row.next;
        move |day| if day >= next { 1.0 } else { 0.0 }
    };
    let metrics = score(&seen, scoring, known, None);
    assert_eq!((metrics.crps_n2, metrics.mae_n2, metrics.mae_fresh), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!((metrics.auc30_n1, metrics.prec7_n2), (Some(1.0), Some(1.0)));
    assert!(metrics.bss30_n1.unwrap() > 0.999);
    // a coin for everyone: no skill, no order, and the middle day of sixty
    let even = score(&seen, scoring, |_| |day: i32| 0.25 * f64::from(day + 1) / 30.0, None);
    assert_eq!((even.auc30_n1, even.bss30_n1, even.mae_n2), (Some(0.5), Some(0.0), Some(15.0)));
    // naive dates three days late of the lead: day 20 - 5 for all
    let naive = score(&seen, scoring, known, Some(&|row: &Seen| row.mean - row.age));
    let error = (0..60).map(|next| f64::from((next - 15_i32).abs())).sum::<f64>() / 60.0;
    assert!((naive.mae_n2.unwrap() - error).abs() < 1e-12);
    assert_eq!(naive.lambda, None);
}

#[test]
fn medians_and_searches() {
    assert_eq!((median(&mut [3, 1, 2]), median(&mut [4, 1, 2, 3])), (2.0, 2.5));
    assert!(median(&mut []).is_nan());
    let goal = [1.0, -2.0, 0.5, 3.0];
    let bowl = |x: &[f64; 4]| {
        x.iter().zip(goal).zip([1.0, 5.0, 2.0, 0.5]).map(|((x, g), w)| w * (x - g).powi(2)).sum::<f64>()
    };
    let found = nelder_mead([0.5, 0.5, 0.5, 0.5], |x| 1.0 + bowl(x));
    assert!(bowl(&found) < 1e-4, "{found:?}");
}
