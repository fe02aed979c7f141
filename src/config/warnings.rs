//! Owns what is said of rules that can be read, though hardly mean what was wanted; knows nothing of the catalog.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::rule::PlacedRule;
use crate::domain::calendar::Hours;
use crate::domain::catalog::Level;
use crate::domain::ids::Day;
use crate::domain::lifecycle::Stage;
use crate::domain::member::Membership;
use crate::domain::problem::Problem;
use crate::domain::rules::{About, Audience, Guards, Needs, Rule};
use crate::domain::trigger::{MemberMoment, Trigger};

/// Of those written to on their best day, hardly anywhere do more buy within a week.
const UNHEARD_OF_CHANCE: f64 = 0.6;

/// What a marketer may want to know of these rules, which stand in the order in which they claim a need.
pub fn warnings(rules: &[PlacedRule], guards: &Guards, today: Day) -> Vec<Problem> {
    let alone = rules.iter().flat_map(|placed| {
        let checks = [season_over(placed, today), vain_chance(placed), swallowed(placed, guards)];
        let more = [short_lived(placed, guards), never_in_stage(placed), never_a_member(placed)];
        checks.into_iter().chain(more).chain([never_joined(placed)]).flatten()
    });
    let covered = rules.iter().enumerate().filter_map(|(n, later)| {
        let earlier = rules.iter().take(n).find(|earlier| covers(&earlier.rule, &later.rule))?;
        let message = format!(
            "`{}` hardly ever speaks: `{}` ({}) comes first, for the same needs and members, and asks for no more",
            later.rule.id,
            earlier.rule.id,
            earlier.place()
        );
        let help = "one need gets one reminder: give this rule the higher `priority`, or narrow the other one's `about` or `members`";
        Some(later.warning("id", message, help))
    });
    alone.chain(covered).collect()
}

fn season_over(placed: &PlacedRule, today: Day) -> Option<Problem> {
    let until = placed.rule.season.1.filter(|until| *until < today)?;
    let message = format!("the rule's last day, {until}, is over: it says nothing any more");
    Some(placed.warning("until", message, "write a later day, or `enabled = false` to rest the rule"))
}

fn vain_chance(placed: &PlacedRule) -> Option<Problem> {
    let chance = placed.rule.needs.chance;
    (chance > UNHEARD_OF_CHANCE).then(|| {
        let message = format!("with a chance of {:.0}% asked for, nobody will be written to", chance * 100.0);
        let help = "of those written to, 10% to 35% typically buy within a week: write for example `chance = \"15%\"`";
        placed.warning("needs.chance", message, help)
    })
}

fn swallowed(placed: &PlacedRule, guards: &Guards) -> Option<Problem> {
    let (window, quiet) = placed.rule.window.hours.zip(guards.quiet_hours)?;
    window.lies_within(quiet).then(|| {
        let hours = format!("{}-{}", quiet.from.format("%H:%M"), quiet.until.format("%H:%M"));
        let message = format!("the window lies wholly in the quiet hours {hours}, and is not kept");
        placed.warning("send.time", message, "write hours outside them, or change `quiet_hours` in [guards]")
    })
}

/// A message that misses its window, because of a cap or of stock, must find another one.
fn short_lived(placed: &PlacedRule, guards: &Guards) -> Option<Problem> {
    let rule = &placed.rule;
    let closed = Hours { zone: Tz::UTC, quiet: guards.quiet_hours, window: rule.window }.longest_closed();
    (rule.valid_for < closed).then(|| {
        let message = format!(
            "a message that misses its hours is over before the next: they lie up to {} apart, `valid_for` is {}",
            span(closed),
            span(rule.valid_for)
        );
        let help = format!("write `valid_for = \"{}d\"` or more, or allow more hours or days", closed.num_days() + 1);
        placed.warning("valid_for", message, help)
    })
}

/// Whole days, or else hours.
fn span(span: TimeDelta) -> String {
    match span.num_days() {
        days if days > 1 => format!("{days}d"),
        _ => format!("{}h", span.num_hours()),
    }
}

/// A stage that contradicts what else the rule asks for.
fn never_in_stage(placed: &PlacedRule) -> Option<Problem> {
    let Rule { audience, needs, trigger, .. } = &placed.rule;
    let stages = &audience.stages;
    if stages.iter().eq([&Stage::New]) && needs.purchases >= 2 && !needs.or_days_supply {
        let message = format!(
            "no member is ever meant: who is `new` has bought once at most, and the rule needs {} purchases",
            needs.purchases
        );
        let help = "add another stage, or let one purchase do where the supply is known: `or_days_supply = true` in `needs`";
        return Some(placed.warning("members.stage", message, help));
    }
    let Trigger::Member(MemberMoment::StageChange(to), after) = trigger else { return None };
    // Until the message goes, the clock alone may bring only these.
    let by_then: BTreeSet<Stage> = to.iter().copied().chain([Stage::Lapsing, Stage::Lapsed]).collect();
    let never = !to.is_empty() && !stages.is_empty() && *after >= TimeDelta::zero();
    (never && stages.is_disjoint(&by_then)).then(|| {
        let message =
            "no member is ever meant: on the day of the message the stage is one of `to`, or a later one";
        placed.warning("members.stage", message, "take `stage` out, or name a stage of `to`")
    })
}

fn never_a_member(placed: &PlacedRule) -> Option<Problem> {
    let Trigger::Member(MemberMoment::MembershipExpiry, after) = &placed.rule.trigger else { return None };
    let memberships = &placed.rule.audience.memberships;
    let possible: &[Membership] = match after.num_days() {
        ..0 => &[Membership::Active],
        0 => &[Membership::Active, Membership::Expired],
        1.. => &[Membership::Expired],
    };
    let never = !memberships.is_empty() && !possible.iter().any(|m| memberships.contains(m));
    never.then(|| {
        let message = "no member is ever meant: on the day of the message the membership stands otherwise";
        let help =
            "before the expiry it is `active`, after it `expired`: name that one, or take `membership` out";
        placed.warning("members.membership", message, help)
    })
}

fn never_joined(placed: &PlacedRule) -> Option<Problem> {
    let (since, until) = placed.rule.audience.joined_since.zip(placed.rule.season.1)?;
    (until < since).then(|| {
        let message =
            format!("no member is ever meant: they join from {since} on, and the rule ends on {until}");
        placed.warning("members.joined_since", message, "write an earlier day, or a later `until`")
    })
}

/// True when `later` speaks for a need of a member only where `earlier` already does.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    let both_reminders = matches!((&earlier.trigger, &later.trigger), (Trigger::Need(_), Trigger::Need(_)));
    let same_items = earlier.per == later.per || (earlier.per, later.per) == (Level::Group, Level::Product);
    let from = earlier.season.0.is_none_or(|from| later.season.0.is_some_and(|day| from <= day));
    let until = earlier.season.1.is_none_or(|until| later.season.1.is_some_and(|day| day <= until));
    both_reminders
        && same_items
        && from
        && until
        && holds_about(&earlier.about, &later.about)
        && holds_audience(&earlier.audience, &later.audience)
        && asks_no_more(&earlier.needs, &later.needs)
}

fn holds_about(wide: &About, narrow: &About) -> bool {
    wider(&wide.products, &narrow.products)
        && wider(&wide.categories, &narrow.categories)
        && wider(&wide.groups, &narrow.groups)
        && wider(&wide.tags, &narrow.tags)
}

fn holds_audience(wide: &Audience, narrow: &Audience) -> bool {
    let joined = |since: Day| narrow.joined_since.is_some_and(|day| since <= day);
    wider(&wide.stages, &narrow.stages)
        && wider(&wide.regions, &narrow.regions)
        && wider(&wide.tags, &narrow.tags)
        && wider(&wide.locales, &narrow.locales)
        && wider(&wide.memberships, &narrow.memberships)
        && wide.joined_since.is_none_or(joined)
}

/// A list left empty does not restrict.
fn wider<T: Ord>(wide: &BTreeSet<T>, narrow: &BTreeSet<T>) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.is_subset(wide))
}

fn asks_no_more(earlier: &Needs, later: &Needs) -> bool {
    let by_supply = !later.or_days_supply || earlier.or_days_supply || earlier.purchases <= 1;
    let spread = earlier.spread.is_none_or(|days| later.spread.is_some_and(|narrower| narrower <= days));
    earlier.purchases <= later.purchases && by_supply && earlier.chance <= later.chance && spread
}
