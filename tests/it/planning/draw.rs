//! Random histories, rules and guards, for the properties of planning.

use std::collections::BTreeSet;

use chrono::{NaiveTime, TimeDelta, Weekday};
use proptest::prelude::*;
use replenish::domain::calendar::{DailyWindow, SendWindow, Weekdays};
use replenish::domain::catalog::Level;
use replenish::domain::ids::{MemberId, ProductKey};
use replenish::domain::lifecycle::{Stage, Stages};
use replenish::domain::member::{Member, MemberView, Purpose, Suppression};
use replenish::domain::order::Line;
use replenish::domain::rules::{About, Audience, ConsentUnknown, FrequencyCap, Guards, Needs, Rule, Rules};
use replenish::domain::trigger::{ItemMoment, MemberMoment, Step, Trigger, When};

use super::{at, unknown};

prop_compose! {
    pub fn line()(order in 0..14_u32, product in 1..5_i64, day in 0..240_i64, hour in 0..24_i64, quantity in -2..6_i64, kind in 0..12_u8,
        delivered in prop::option::of(0..9_i64)) -> Line {
        Line {
            order: format!("o{order}").as_str().into(),
            product: ProductKey(product),
            at: at(day, hour * 3600),
            quantity: quantity as f64,
            counted: kind != 0,
            gift: kind == 1,
            delivered_at: delivered.map(|days| at(day + days, hour * 3600)),
        }
    }
}

const ITEM_MOMENTS: [ItemMoment; 4] =
    [ItemMoment::Purchase, ItemMoment::FirstPurchase, ItemMoment::Delivered, ItemMoment::Midway];

fn member_moment(n: usize) -> MemberMoment {
    let lapses = BTreeSet::from([Stage::Lapsing, Stage::Lapsed]);
    let moments = [
        MemberMoment::Joined,
        MemberMoment::StageChange(lapses),
        MemberMoment::MembershipExpiry,
        MemberMoment::Anniversary,
    ];
    moments[n].clone()
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        (0..8).prop_map(|d| Trigger::Need(When::Before(d))),
        Just(Trigger::Need(When::Best)),
        (0..4_usize, 0..6_i64).prop_map(|(n, d)| Trigger::Item(ITEM_MOMENTS[n], TimeDelta::days(d))),
        (0..4_usize, -5..6_i64).prop_map(|(n, d)| Trigger::Member(member_moment(n), TimeDelta::days(d))),
    ]
}

prop_compose! {
    pub fn rule(n: usize)(trigger in trigger(), per in 0..3_usize, category in 0..3_u8, purchases in 1..4_u32,
        chance in prop_oneof![Just(0.0), 0.0..0.3], window in prop::option::of(8..18_u32), combine in 0..4_i64,
        valid in 1..12_i64, priority in 0..3, stage in prop::option::of(0..5_usize), steps in 0..3_i64,
        spread in prop::option::of(5..60), weekends in any::<bool>()) -> Rule {
        let about = match category {
            1 => About { categories: BTreeSet::from(["coffee".to_owned()]), ..About::default() },
            2 => About { products: BTreeSet::from(["p1".to_owned(), "p4".to_owned()]), ..About::default() },
            _ => About::default(),
        };
        let hour = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap();
        let hours = window.map(|from| DailyWindow { from: hour(from), until: hour(from + 2) });
        let days = if weekends { [Weekday::Sat, Weekday::Sun].into_iter().collect() } else { Weekdays::default() };
        let step = |n: i64| Step { after: TimeDelta::days(n), unless: BTreeSet::new(), template: None };
        Rule {
            about,
            per: [Level::Product, Level::Group, Level::Category][per],
            audience: Audience { stages: stage.map(|s| Stage::ALL[s]).into_iter().collect(), ..Audience::default() },
            needs: Needs { purchases, or_days_supply: false, chance, spread },
            window: SendWindow { hours, days },
            combine_within: TimeDelta::days(combine), valid_for: TimeDelta::days(valid), priority,
            steps: (1..=steps).map(step).collect(),
            ..Rule::new(format!("r{n}").as_str(), trigger, "crm")
        }
    }
}

prop_compose! {
    pub fn guards()(quiet in any::<bool>(), cap in prop::option::of(1..4_u32), holdout in prop_oneof![Just(0.0), Just(0.3)], once in any::<bool>()) -> Guards {
        let hour = |h| NaiveTime::from_hms_opt(h, 0, 0).unwrap();
        Guards {
            quiet_hours: quiet.then(|| DailyWindow { from: hour(21), until: hour(9) }),
            frequency_caps: cap.map(|count| FrequencyCap { purpose: None, count, within: TimeDelta::days(7) }).into_iter().collect(),
            minimum_gap: None, daily_budget: None,
            holdout, one_reminder_per_purchase: once, orders_fresh_within: None, consent_unknown: ConsentUnknown::WebhookOnly,
        }
    }
}

prop_compose! {
    pub fn rules()(rules in (rule(1), rule(2), rule(3)), guards in guards()) -> Rules {
        Rules::new(vec![rules.0, rules.1, rules.2], guards, vec![], Stages::default())
    }
}

prop_compose! {
    /// "Remind me again" about an item of whatever level.
    pub fn wish()(item in 0..5_usize, asked in 0..230_i64, second in 0..86_400_i64, later in 1..40_i64) -> Suppression {
        Suppression {
            purpose: Some(Purpose::Reminder),
            item: Some(["p1", "p3", "p4", "beans", "coffee"][item].to_owned()),
            until: Some(at(asked + later, 16 * 3600)),
            again: Some(at(asked, second)),
        }
    }
}

prop_compose! {
    pub fn view()(lines in prop::collection::vec(line(), 0..30), zone in 0..3_usize,
        joined in prop::option::of(-800..200_i64), expires in prop::option::of(0..300_i64),
        wishes in prop::collection::vec(wish(), 0..3)) -> MemberView {
        let mut lines = lines;
        lines.sort_by_key(|l| l.at);
        let mut member = Member::bare(MemberId::from("m1"));
        member.zone = [None, Some(chrono_tz::America::New_York), Some(chrono_tz::Asia::Taipei)][zone];
        member.joined_at = joined.map(|day| at(day, 7200));
        member.membership_expires_at = expires.map(|day| at(day, 7200));
        MemberView { lines, suppressions: wishes, ..unknown(member) }
    }
}
