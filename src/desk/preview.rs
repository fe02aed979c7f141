//! Owns the answer to "what would this rule's message look like", for a member of the ledger or an imagined one; writes
//! and sends nothing.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value;

use super::foresee::{Fate, Foreseen, foresee};
use super::{DeskError, lookup};
use crate::channel::{Letter, Scope, Shop as ShopCard, TemplateError, Templates, WebhookBody, sample};
use crate::domain::assemble::draft;
use crate::domain::catalog::Catalog;
use crate::domain::guards::Judge;
use crate::domain::happening;
use crate::domain::ids::{ChannelName, Day, MemberId, RuleId, Timestamp};
use crate::domain::job::Content;
use crate::domain::lifecycle::Stage;
use crate::domain::member::Member;
use crate::domain::occasion::{EventKind, Occasion};
use crate::domain::plan::{Detail, Silence};
use crate::domain::problem::did_you_mean;
use crate::domain::reason::{Language, Reason};
use crate::domain::rules::Rule;
use crate::domain::shop::{Knowledge, Person};
use crate::domain::trigger::{MemberMoment, Trigger};
use crate::domain::wording::{self, day};
use crate::store::Store;

/// What a preview rests on besides the ledger.
pub struct Desk<'a> {
    /// Rules and priors.
    pub knowledge: &'a Knowledge,
    /// What messages say.
    pub templates: &'a Templates,
    /// What each webhook is posted.
    pub bodies: &'a HashMap<ChannelName, WebhookBody>,
    /// What messages say of the shop.
    pub shop: &'a ShopCard,
    /// Under which members opt out. A preview gets about: its link is of the right form and stops nobody's messages.
    pub public_url: &'a str,
    /// The instant of the question.
    pub now: Timestamp,
    /// The language of sentences for the person who asks.
    pub language: Language,
}

/// What a person wants to see.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The rule.
    pub rule: RuleId,
    /// The member; an imagined one without.
    pub member: Option<MemberId>,
    /// In which locale; the member's without, or each that the template has.
    pub locale: Option<String>,
    /// In each locale that the template has, the member's too.
    pub every_locale: bool,
}

/// One message, as the member would see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// The rule that asks.
    pub rule: RuleId,
    /// The member, or `sample`.
    pub member: MemberId,
    /// The locale it is written in.
    pub locale: String,
    /// Where it would go.
    pub channel: ChannelName,
    /// The rule's template.
    pub template: Option<String>,
    /// When it falls due; an imagined one never does.
    pub due_at: Option<Timestamp>,
    /// Why a guard holds it back or ends it, as far as can be foreseen.
    pub held_for: Option<Reason>,
    /// Until when; never, when a guard ends it.
    pub held_until: Option<Timestamp>,
    /// The subject, if there is a template.
    pub subject: Option<String>,
    /// The text part, if there is a template.
    pub text: Option<String>,
    /// The HTML part, if the template has one.
    pub html: Option<String>,
    /// The JSON body, for a webhook.
    pub body: Option<Value>,
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// No such rule.
    #[error("there is no rule `{rule}`: {help}")]
    UnknownRule {
        /// As it was asked for.
        rule: RuleId,
        /// What was meant, and what there is.
        help: String,
    },
    /// The rule has nothing to say to this member now.
    #[error(
        "rule `{rule}` has no message for member `{member}` now:{why}\nwithout --member it is shown for a sample member"
    )]
    Silent {
        /// The rule.
        rule: RuleId,
        /// The member.
        member: MemberId,
        /// A line an item.
        why: String,
    },
    /// The template and the member do not go together.
    #[error("the template cannot be rendered")]
    Template(#[from] TemplateError),
    /// Nobody of this id, or a ledger that fails.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// Everything of a message but the words of its template.
struct Draft {
    letter: Letter,
    due_at: Option<Timestamp>,
    against: Option<(Reason, Option<Timestamp>)>,
}

/// The messages wished for, one a locale.
///
/// # Errors
/// When the rule or the member is not known, the rule has nothing to say to the member, the template cannot be
/// rendered, or the ledger fails.
pub async fn preview(store: &Store, desk: &Desk<'_>, wish: &Wish) -> Result<Vec<Preview>, PreviewError> {
    let rule = desk.rule(&wish.rule)?;
    let Some(member) = &wish.member else {
        let locales = desk.locales(rule, wish, None);
        return locales.iter().map(|locale| desk.shown(rule, desk.imagined(rule, locale), locale)).collect();
    };
    let key = lookup::member(store, member).await?;
    let catalog = store.catalog().await.map_err(DeskError::from)?;
    let since = desk.knowledge.caps_since(desk.now);
    // gone between two reads: erased by a person
    let view = store.view(key, desk.now, since).await.map_err(DeskError::from)?;
    let view = view.ok_or_else(|| DeskError::UnknownMember(member.clone()))?;
    let own = view.member.locale.clone().unwrap_or_else(|| desk.knowledge.locale.clone());
    let mut foreseen = foresee(view, &desk.knowledge.shop(&catalog), desk.now);
    let locales = desk.locales(rule, wish, Some(own));
    let show = |locale: &String| {
        let draft = desk.real(rule, &mut foreseen, &catalog, locale)?;
        desk.shown(rule, draft, locale)
    };
    locales.iter().map(show).collect()
}

impl Desk<'_> {
    fn rule(&self, id: &RuleId) -> Result<&Rule, PreviewError> {
        let rules = &self.knowledge.rules;
        rules.get(id).ok_or_else(|| {
            let known: Vec<&str> = rules.all().iter().map(|rule| rule.id.as_str()).collect();
            let guess = did_you_mean(id.as_str(), known.iter().copied());
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            PreviewError::UnknownRule { rule: id.clone(), help: format!("{guess}the rules are {known}") }
        })
    }

    /// In which locales: the one asked for, the member's own, or every one that the template has.
    fn locales(&self, rule: &Rule, wish: &Wish, own: Option<String>) -> Vec<String> {
        if let Some(one) = wish.locale.clone().or(own).filter(|_| !wish.every_locale) {
            return vec![one];
        }
        let template = rule.template.as_deref().unwrap_or_default();
        let written: Vec<String> = self.templates.locales(template).into_iter().map(Into::into).collect();
        if written.is_empty() { vec![self.knowledge.locale.clone()] } else { written }
    }

    fn imagined(&self, rule: &Rule, locale: &str) -> Draft {
        let contact = self.knowledge.reach.get(&rule.channel).map_or(rule.channel.as_str(), String::as_str);
        let letter = Letter {
            job: "job_sample".into(),
            valid_until: self.now + rule.valid_for,
            contacts: BTreeMap::from([(contact.to_owned(), "sample".to_owned())]),
            ..self.letter(rule, self.sample(rule, locale), self.now)
        };
        Draft { letter, due_at: None, against: None }
    }

    /// A message that knows everything; about the member alone, where the rule is.
    fn sample(&self, rule: &Rule, locale: &str) -> Content {
        let Trigger::Member(moment, after) = &rule.trigger else { return sample(locale) };
        let event = match moment {
            MemberMoment::Joined => EventKind::Joined,
            MemberMoment::StageChange(to) => EventKind::Stage(to.first().copied().unwrap_or(Stage::Lapsing)),
            MemberMoment::MembershipExpiry => EventKind::MembershipExpiry,
            MemberMoment::Festival(name) => EventKind::Festival(name.clone()),
            MemberMoment::Anniversary => EventKind::Anniversary(1),
        };
        let (language, today) = (Language::of(locale), self.now.date_naive());
        let reason = happening::sentence(language, &event, &day(language, today - *after, today), None);
        Content { items: Vec::new(), cautions: Vec::new(), reason, ..sample(locale) }
    }

    /// What the assembler would make of the rule's next occasions of this member.
    fn real(
        &self,
        rule: &Rule,
        foreseen: &mut Foreseen,
        catalog: &Catalog,
        locale: &str,
    ) -> Result<Draft, PreviewError> {
        let shop = self.knowledge.shop(catalog);
        let (occasions, against) = next_of(rule, foreseen.fates(&shop, self.now), self.now);
        let occasions: Vec<Occasion> = occasions.into_iter().cloned().collect();
        let Some(due_at) = occasions.iter().map(|o| o.due_at).min() else {
            return Err(self.silent(rule, foreseen, catalog));
        };
        foreseen.view.member.locale = Some(locale.to_owned());
        let person = Person::of(&foreseen.view, &shop);
        let judge = Judge { person: &person, shop: &shop, rule, now: due_at.max(self.now) };
        let (job, content) = draft(&judge, occasions.iter().collect());
        let Member { email, contacts, .. } = foreseen.view.member.clone();
        let letter = self.letter(rule, content, judge.now);
        let letter =
            Letter { job: job.id, step: job.step, valid_until: job.valid_until, email, contacts, ..letter };
        Ok(Draft { letter, due_at: Some(due_at), against })
    }

    fn letter(&self, rule: &Rule, content: Content, now: Timestamp) -> Letter {
        Letter {
            job: "".into(),
            rule: rule.id.clone(),
            step: 1,
            purpose: rule.purpose(),
            valid_until: now,
            content,
            email: None,
            contacts: BTreeMap::new(),
            unsubscribe_url: format!("{}/u/preview", self.public_url.trim_end_matches('/')),
            rendered: None,
            sent_at: now,
            now,
        }
    }

    fn shown(&self, rule: &Rule, draft: Draft, locale: &str) -> Result<Preview, PreviewError> {
        let Draft { mut letter, due_at, against } = draft;
        if let Some(template) = rule.template_of(letter.step) {
            let now = letter.now.with_timezone(&self.knowledge.zone);
            let url = &letter.unsubscribe_url;
            let scope = Scope::new(&letter.content, &rule.id, letter.step, url, self.shop, now);
            letter.rendered = Some(self.templates.render(template, &scope)?);
        }
        let body = (!rule.channel.is_email()).then(|| match self.bodies.get(&rule.channel) {
            Some(body) => body.value(&letter),
            None => WebhookBody::default().value(&letter),
        });
        let body = body.transpose()?;
        let rendered = letter.rendered;
        let (subject, text) = rendered.clone().map(|r| (r.subject, r.text)).unzip();
        Ok(Preview {
            rule: rule.id.clone(),
            member: letter.content.member,
            locale: locale.to_owned(),
            channel: rule.channel.clone(),
            template: rule.template.clone(),
            due_at,
            held_for: against.map(|(reason, _)| reason),
            held_until: against.and_then(|(_, until)| until),
            subject,
            text,
            html: rendered.and_then(|r| r.html),
            body,
        })
    }

    /// Why the planner wants nothing of this rule, item by item.
    fn silent(&self, rule: &Rule, foreseen: &Foreseen, catalog: &Catalog) -> PreviewError {
        let today = Day::of(self.now, self.knowledge.zone).date();
        let in_words = |detail: &Detail| format!(" ({})", wording::silence(self.language, detail, today));
        let line = |silence: &Silence| {
            let detail = silence.detail.as_ref().map(in_words).unwrap_or_default();
            let (item, reason) = (catalog.item_name(silence.item), silence.reason);
            format!("\n  {item}: {reason}{detail}: {}", reason.sentence(self.language))
        };
        let mut lines: Vec<String> =
            foreseen.plan.silences.iter().filter(|s| s.rule == rule.id).map(line).collect();
        lines.sort();
        lines.dedup();
        if lines.is_empty() {
            lines.push(" nothing that this member bought, or when, asks for it".to_owned());
        }
        let member = foreseen.view.member.id.clone();
        PreviewError::Silent { rule: rule.id.clone(), member, why: lines.concat() }
    }
}

/// The rule's first occasion with those that would go along, and what speaks against them. Occasions that a guard
/// stops go only when it stops them all.
fn next_of<'a>(
    rule: &Rule,
    fates: Vec<(&'a Occasion, Fate)>,
    now: Timestamp,
) -> (Vec<&'a Occasion>, Option<(Reason, Option<Timestamp>)>) {
    let mine: Vec<_> = fates.into_iter().filter(|(o, _)| rule.answers_to(&o.key.rule)).collect();
    let goes = mine.iter().any(|(_, fate)| *fate == Fate::Goes);
    let mine: Vec<_> = mine.into_iter().filter(|(_, fate)| !goes || *fate == Fate::Goes).collect();
    let Some((first, fate)) = mine.first() else { return (Vec::new(), None) };
    let against = match *fate {
        Fate::Goes => None,
        Fate::Held(until, reason) => Some((reason, (until < first.valid_until).then_some(until))),
        Fate::Ends(reason) => Some((reason, None)),
    };
    let until = first.due_at.max(now) + rule.combine_within;
    let together = |o: &&Occasion| o.key.step == first.key.step && o.due_at <= until;
    (mine.iter().map(|(o, _)| *o).filter(together).collect(), against)
}
