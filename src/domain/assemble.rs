//! Owns how due occasions become one job, and whether a claimed job may go; knows nothing of queues or channels.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::budget::Allowance;
use super::catalog::Item;
use super::change::Change;
use super::guards::{Judge, Message, UNSUITABLE, Verdict};
use super::ids::{Day, JobId, RuleId, Timestamp};
use super::job::{Content, ItemFacts, Job, JobState, Judgement, Lease};
use super::member::MemberView;
use super::occasion::{Occasion, OccasionKey};
use super::reason::{Language, Reason};
use super::rules::Rule;
use super::shop::{Person, Shop};
use super::unsuitable::{UnsuitableAction, text_for, unsuitable};
use super::wording::why;

/// A live job waits this long before it asks again whether the shop still runs in shadow.
const SHADOW_LOOK: TimeDelta = TimeDelta::hours(1);

/// Turns what is due into jobs: all open occasions of a rule and step due within `combine_within` of the first go
/// into one, as far as the guards let them through; what they hold or end is recorded.
pub fn assemble(view: &MemberView, shop: &Shop<'_>, now: Timestamp) -> Vec<Change> {
    assemble_within(view, shop, now, &Allowance::Everything)
}

/// The same, as far as the shop's day allows.
pub fn assemble_within(
    view: &MemberView,
    shop: &Shop<'_>,
    now: Timestamp,
    allowance: &Allowance,
) -> Vec<Change> {
    let person = Person::of(view, shop);
    let mut changes = Vec::new();
    let mut fresh: Vec<Job> = Vec::new();
    for (rule, occasions) in due_groups(view, shop, now) {
        if !occasions.first().is_some_and(|o| allowance.covers(&rule.id, o.key.step)) {
            continue;
        }
        let judge = Judge { person: &person, shop, rule, now };
        let (through, against) = sift(&judge, &occasions);
        changes.extend(against);
        if through.is_empty() {
            continue;
        }
        let valid_until = through.iter().map(|o| o.valid_until).max().unwrap_or(now);
        let used_up_until = allowance.used_up_until();
        let channel = rule.channel_for(&view.member, shop.reach);
        let message = Message { channel, valid_until, job: None, fresh: &fresh, used_up_until };
        match judge.message(&message) {
            (Verdict::Send, record) => {
                let job = compose_job(&judge, &through, valid_until, record);
                fresh.push(job.clone());
                changes.push(Change::Assemble(Box::new(job), keys(&through)));
            }
            (against, _) => changes.extend(through.iter().filter_map(|o| put_back(o, against))),
        }
    }
    changes.extend(orphans(view, shop, now));
    changes
}

/// What a verdict against its message does to an occasion.
fn put_back(occasion: &Occasion, verdict: Verdict) -> Option<Change> {
    match verdict {
        Verdict::Send => None,
        Verdict::Defer(until, reason) => Some(Change::Hold(occasion.key.clone(), until, reason)),
        Verdict::Skip(reason) => Some(Change::Close(occasion.key.clone(), reason)),
    }
}

/// The job that these open occasions would become, whatever the guards say, and what it would say: for a person who
/// looks ahead.
pub fn draft(judge: &Judge<'_>, mut occasions: Vec<&Occasion>) -> (Job, Content) {
    put_in_order(&mut occasions, judge.shop);
    let valid_until = occasions.iter().map(|o| o.valid_until).max().unwrap_or(judge.now);
    let job = compose_job(judge, &occasions, valid_until, Vec::new());
    (job, compose(judge, &occasions, Vec::new()))
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It may go: this is what it says.
    Send(Box<Content>),
    /// Not now, or never.
    Held(Verdict),
    /// The job is no longer queued: let go.
    Gone,
}

/// Judges a queued job again, immediately before it is handed over. Items that are no longer needed drop out until
/// the first hand-over; from then on the content stays, and the job is judged as a whole.
pub fn claim(
    view: &MemberView,
    id: &JobId,
    shop: &Shop<'_>,
    now: Timestamp,
    lease: Lease,
) -> (Vec<Change>, Claim) {
    let Some(job) = view.job(id).filter(|j| j.state == JobState::Queued) else {
        return (Vec::new(), Claim::Gone);
    };
    let (mut changes, verdict, content) = judge_job(view, job, shop, now);
    let claim = match (verdict, content) {
        (Verdict::Send, Some(content)) => {
            changes.push(Change::Start { job: id.clone(), at: now, lease, content: content.clone() });
            Claim::Send(content)
        }
        (Verdict::Defer(until, reason), _) => {
            changes.push(Change::Defer(id.clone(), until, reason));
            Claim::Held(verdict)
        }
        (Verdict::Skip(reason), _) => {
            changes.push(Change::Skip(id.clone(), reason));
            Claim::Held(verdict)
        }
        (Verdict::Send, None) => {
            changes.push(Change::Skip(id.clone(), Reason::Withdrawn));
            Claim::Held(Verdict::Skip(Reason::Withdrawn))
        }
    };
    (changes, claim)
}

/// What would become of this job now: also the dry run of a replay.
pub fn judge_job(
    view: &MemberView,
    job: &Job,
    shop: &Shop<'_>,
    now: Timestamp,
) -> (Vec<Change>, Verdict, Option<Box<Content>>) {
    let nothing = |reason| (Vec::new(), Verdict::Skip(reason), None);
    let Some(rule) = shop.rules.get(&job.rule) else { return nothing(Reason::Withdrawn) };
    if job.valid_until <= now {
        return nothing(Reason::Expired);
    }
    if shop.shadow && !job.shadow {
        return (Vec::new(), Verdict::Defer(now + SHADOW_LOOK, Reason::Shadow), None);
    }
    let person = Person::of(view, shop);
    let judge = Judge { person: &person, shop, rule, now };
    let mine = occasions_of(view, job);
    let mut mine: Vec<&Occasion> = mine.iter().collect();
    put_in_order(&mut mine, shop);
    let (through, against) = sift(&judge, &mine);
    if through.is_empty() && !job.shadow {
        return nothing_left(against);
    }
    let against = against.into_iter().map(ended).collect();
    let (verdict, record) = judge.message(&Message::of(job));
    match (&job.content, verdict) {
        // An opt-out is the member's word: the job ends, it does not wait for a change of mind.
        (_, Verdict::Defer(_, reason @ (Reason::Suppressed | Reason::NoConsent | Reason::NoAddress))) => {
            (Vec::new(), Verdict::Skip(reason), None)
        }
        (Some(frozen), verdict) => (Vec::new(), verdict, Some(Box::new(frozen.clone()))),
        // While the job only waits, what is held back now may be free by then.
        (None, verdict @ Verdict::Defer(..)) => (Vec::new(), verdict, None),
        (None, verdict) => (against, verdict, Some(Box::new(compose(&judge, &through, record)))),
    }
}

/// What a job speaks for. A person who replays it wants it in spite of its age: its occasions last as long as the job.
fn occasions_of(view: &MemberView, job: &Job) -> Vec<Occasion> {
    let until = |o: &Occasion| if job.pinned { o.valid_until.max(job.valid_until) } else { o.valid_until };
    let mine = view.occasions.iter().filter(|o| o.job() == Some(&job.id));
    mine.map(|o| Occasion { valid_until: until(o), ..o.clone() }).collect()
}

/// Open occasions that are ready, with those due soon after, by rule in the rules' order.
pub(super) fn due_groups<'a>(
    view: &'a MemberView,
    shop: &Shop<'a>,
    now: Timestamp,
) -> Vec<(&'a Rule, Vec<&'a Occasion>)> {
    let mut groups = Vec::new();
    for rule in shop.rules.all() {
        let mut steps: BTreeMap<u16, Vec<&Occasion>> = BTreeMap::new();
        let mine = view.occasions.iter().filter(|o| o.is_open() && rule.answers_to(&o.key.rule));
        for occasion in mine.filter(|o| o.due_at <= now + rule.combine_within) {
            steps.entry(occasion.key.step).or_default().push(occasion);
        }
        for mut occasions in steps.into_values() {
            if occasions.iter().any(|o| o.ready_at() <= now || o.valid_until <= now) {
                put_in_order(&mut occasions, shop);
                groups.push((rule, occasions));
            }
        }
    }
    groups
}

/// The earliest due first, then by what the shop calls the items: our own keys differ from ledger to ledger.
fn put_in_order(occasions: &mut [&Occasion], shop: &Shop<'_>) {
    occasions.sort_by_cached_key(|o| (o.due_at, shop.catalog.item_id(o.key.item), o.key.clone()));
}

/// Parts occasions into those that pass, and what to do about the others.
fn sift<'a>(judge: &Judge<'_>, occasions: &[&'a Occasion]) -> (Vec<&'a Occasion>, Vec<Change>) {
    let mut through = Vec::new();
    let mut against = Vec::new();
    for occasion in occasions {
        match put_back(occasion, judge.occasion(occasion)) {
            None => through.push(*occasion),
            Some(change) => against.push(change),
        }
    }
    (through, against)
}

/// Open occasions of rules that are gone, and over: nobody else would close them.
fn orphans(view: &MemberView, shop: &Shop<'_>, now: Timestamp) -> Vec<Change> {
    let orphan = |o: &&Occasion| o.is_open() && o.valid_until <= now && shop.rules.get(&o.key.rule).is_none();
    view.occasions.iter().filter(orphan).map(|o| Change::Close(o.key.clone(), Reason::Expired)).collect()
}

fn compose_job(
    judge: &Judge<'_>,
    through: &[&Occasion],
    valid_until: Timestamp,
    record: Vec<Judgement>,
) -> Job {
    let rule = judge.rule;
    let due_at = through.iter().map(|o| o.due_at).min().unwrap_or(judge.now);
    let step = through.first().map_or(1, |o| o.key.step);
    // A shadow job serves no occasion, so what it says must be fixed while its occasions are at hand.
    let content = judge.shop.shadow.then(|| compose(judge, through, record));
    Job {
        id: job_id(judge, &rule.id, through),
        state: JobState::Scheduled,
        rule: rule.id.clone(),
        step,
        purpose: rule.purpose(),
        channel: rule.channel_for(&judge.person.view.member, judge.shop.reach).clone(),
        priority: rule.priority,
        due_at,
        not_before: None,
        valid_until,
        assembled_at: judge.now,
        handed_over_at: None,
        attempts: 0,
        tries: 0,
        handovers: 0,
        reason: None,
        pinned: false,
        shadow: judge.shop.shadow,
        rules_hash: judge.shop.rules.hash().to_owned(),
        content,
    }
}

/// The same first occasion gives the same id on any machine: a receiver then knows a message again even when the
/// ledger was restored from yesterday's backup.
fn job_id(judge: &Judge<'_>, rule: &RuleId, through: &[&Occasion]) -> JobId {
    let mut hash = Sha256::new();
    hash.update(if judge.shop.shadow { "shadow" } else { "live" });
    hash.update(judge.person.view.member.id.as_str());
    hash.update([0]);
    hash.update(rule.as_str());
    if let Some(first) = through.first() {
        hash.update(format!("\0{}\0{}\0", first.key.step, first.key.cycle));
        hash.update(judge.shop.catalog.item_id(first.key.item));
        hash.update(i64::from(first.key.item).rem_euclid(4).to_le_bytes());
    }
    let digest = hash.finalize();
    JobId::from(format!("job_{}", digest.iter().take(12).map(|b| format!("{b:02x}")).collect::<String>()))
}

/// What the message says of these occasions.
fn compose(judge: &Judge<'_>, through: &[&Occasion], mut guards: Vec<Judgement>) -> Content {
    let member = &judge.person.view.member;
    let locale = judge.person.locale().to_owned();
    let language = Language::of(&locale);
    let first = through.first().and_then(|o| o.evidence.as_ref().map(|e| (name_of(judge, o), e)));
    let today = Day::of(judge.now, judge.shop.zone).date();
    let stage = first.as_ref().map_or(super::lifecycle::Stage::New, |(_, e)| e.stage);
    let cautions = cautions(judge, through, &locale, &mut guards);
    Content {
        member: member.id.clone(),
        name: member.name.clone(),
        locale,
        stage,
        tags: member.tags.iter().cloned().collect(),
        region: member.region.clone(),
        items: through.iter().filter_map(|o| item_facts(judge, o)).collect(),
        reason: first
            .map_or_else(String::new, |(name, evidence)| why(language, Some(&name), evidence, today)),
        cautions,
        guards,
    }
}

/// What to beware of: what the products say of themselves, and what does not suit this member, which goes on record.
fn cautions(
    judge: &Judge<'_>,
    through: &[&Occasion],
    locale: &str,
    guards: &mut Vec<Judgement>,
) -> Vec<String> {
    let mut cautions: Vec<String> = Vec::new();
    let mut add = |text: String| {
        if !cautions.contains(&text) {
            cautions.push(text)
        }
    };
    through.iter().filter_map(|o| product_of(judge, o)?.caution.clone()).for_each(&mut add);
    for found in through.iter().flat_map(|o| unsuitable(judge.person, judge.shop, o.key.item, judge.now)) {
        let UnsuitableAction::Caution(texts) = &found.action else { continue };
        text_for(texts, locale, judge.shop.locale).map(str::to_owned).into_iter().for_each(&mut add);
        let judgement = Judgement { guard: UNSUITABLE.to_owned(), verdict: format!("caution: {}", found.id) };
        if !guards.contains(&judgement) {
            guards.push(judgement);
        }
    }
    cautions
}

fn item_facts(judge: &Judge<'_>, occasion: &Occasion) -> Option<ItemFacts> {
    let evidence = occasion.evidence.as_ref().filter(|_| occasion.key.item != Item::Anything)?;
    let need = evidence.need.as_ref();
    let product = product_of(judge, occasion);
    Some(ItemFacts {
        id: judge.shop.catalog.item_id(occasion.key.item),
        name: name_of(judge, occasion),
        url: product.and_then(|p| p.url.clone()),
        quantity: evidence.quantity,
        last_purchase: evidence.last_purchase?,
        need_date: need.map(|n| n.p50),
        p10: need.map(|n| n.p10),
        p90: need.map(|n| n.p90),
        interval_days: need.map(|n| n.interval_days.round()),
        usage_tip: product.and_then(|p| p.usage_tip.clone()),
    })
}

/// What people call the item: the product of it that they buy most, where its name is known.
fn name_of(judge: &Judge<'_>, occasion: &Occasion) -> String {
    let product = product_of(judge, occasion).and_then(|p| p.name.clone());
    product.unwrap_or_else(|| judge.shop.catalog.item_name(occasion.key.item))
}

fn product_of<'a>(judge: &Judge<'a>, occasion: &Occasion) -> Option<&'a super::catalog::Product> {
    judge.person.usual_product(occasion.key.item)
}

fn keys(occasions: &[&Occasion]) -> Vec<OccasionKey> {
    occasions.iter().map(|o| o.key.clone()).collect()
}

/// A job none of whose occasions may go waits for the stock, or ends with what speaks against the first.
fn nothing_left(against: Vec<Change>) -> (Vec<Change>, Verdict, Option<Box<Content>>) {
    let wait = against.iter().find_map(|change| match change {
        Change::Hold(_, until, reason @ Reason::OutOfStock) => Some(Verdict::Defer(*until, *reason)),
        _ => None,
    });
    let end = against.iter().find_map(|change| match change {
        Change::Hold(_, _, reason) | Change::Close(_, reason) => Some(Verdict::Skip(*reason)),
        _ => None,
    });
    (Vec::new(), wait.or(end).unwrap_or(Verdict::Skip(Reason::Withdrawn)), None)
}

/// An occasion that drops out of a job ends: it has had its turn.
fn ended(change: Change) -> Change {
    match change {
        Change::Hold(key, _, reason) => Change::Close(key, reason),
        other => other,
    }
}
