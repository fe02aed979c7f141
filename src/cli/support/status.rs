//! Owns the face of `status`: the morning view on one page; the desk counts.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::{parse_language, say};
use crate::cli::moment::{AtTime, Moment};
use crate::cli::open::Open;
use crate::cli::output::{Output, local, percent};
use crate::desk::status::{DeedFacts, DueDay, Missed, PauseFacts, Status, status};
use crate::domain::reason::{Language, Reason};

/// The morning view: what happened since yesterday, what waits, what wants a person
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish status
  replenish status --since 7d --lang zh-TW")]
pub struct StatusArgs {
    /// Count what happened from this time on: 24h or 7d ago, 2026-03-02, 2026-03-02T10:00
    #[arg(long, value_name = "TIME", default_value = "24h")]
    since: Moment,
    /// The language of sentences: en or zh-TW; the system's without it
    #[arg(long, value_name = "LANG", value_parser = parse_language)]
    lang: Option<Language>,
    #[command(flatten)]
    at: AtTime,
}

impl StatusArgs {
    /// Prints the view.
    ///
    /// # Errors
    /// When the ledger fails.
    pub async fn run(self, desk: &Open, out: &Output) -> anyhow::Result<ExitCode> {
        let now = self.at.of(desk);
        let since = self.since.start(now, desk.knowledge.zone);
        let status = status(&desk.store, &desk.knowledge, since, now).await?;
        if out.is_json() {
            out.json(&status)?;
        } else {
            let language = self.lang.unwrap_or(desk.language);
            let (zone, has_rules) = (desk.knowledge.zone, desk.has_rules);
            Page { status: &status, zone, language, has_rules, out: *out }.tell()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

struct Page<'a> {
    status: &'a Status,
    zone: chrono_tz::Tz,
    language: Language,
    has_rules: bool,
    out: Output,
}

impl Page<'_> {
    fn tell(&self) -> anyhow::Result<()> {
        let facts = [self.knows(), self.went()].concat();
        self.out.facts(&facts)?;
        self.out.heading(self.say("Coming", "即將發送"))?;
        let header = [self.say("day", "日期"), self.say("planned", "規劃中"), self.say("jobs", "任務")];
        self.out.table(&header, &header[1..], self.status.due.by_day.iter().map(day_row).collect())?;
        let ended = &self.status.ended;
        self.reasons(self.say("Wait", "等待中"), &ended.deferred)?;
        self.reasons(self.say("Uncertain", "結果不明"), &ended.uncertain)?;
        self.reasons(self.say("Failed", "失敗"), &ended.failed)?;
        self.reasons(self.say("Skipped", "略過"), &ended.skipped)?;
        self.missed()?;
        self.pauses()?;
        self.deeds()
    }

    fn say(&self, english: &'static str, chinese: &'static str) -> &'static str {
        say(self.language, english, chinese)
    }

    /// How fresh what is known is.
    fn knows(&self) -> Vec<(&'static str, String)> {
        let s = self.status;
        let never = || self.say("never", "從未").to_owned();
        let orders = s.orders_at.zip(s.orders_age).map(|(at, age)| match self.language {
            _ if age < 0 => format!(
                "{} ({})",
                local(at, self.zone),
                self.say("later than the time asked", "晚於查詢時間")
            ),
            Language::English => format!("{} ({} old)", local(at, self.zone), self.span(age)),
            Language::Chinese => format!("{}（{}前）", local(at, self.zone), self.span(age)),
        });
        let rules = match s.rules_in_force.as_deref() {
            in_force if !self.has_rules => {
                let in_force = in_force.unwrap_or("-");
                format!("{in_force} ({})", self.say("those on disk are not valid", "檔案中的規則無效"))
            }
            None => format!("{} ({})", s.rules_hash, self.say("not planned with yet", "尚未用於規劃")),
            Some(in_force) if in_force == s.rules_hash => s.rules_hash.clone(),
            Some(in_force) => match self.language {
                Language::English => format!("{in_force} in force, {} on disk: reload", s.rules_hash),
                Language::Chinese => format!("生效中 {in_force}，檔案為 {}：請重新載入", s.rules_hash),
            },
        };
        vec![
            (self.say("last orders", "最近訂單"), orders.unwrap_or_else(never)),
            (self.say("last learn", "最近學習"), s.last_learn.map_or_else(never, |day| day.to_string())),
            (self.say("rules", "規則版本"), rules),
            (self.say("since", "統計起始"), local(s.since, self.zone)),
        ]
    }

    /// What went, and what came back.
    fn went(&self) -> Vec<(&'static str, String)> {
        let (ended, back, timing) = (&self.status.ended, &self.status.came_back, &self.status.timing);
        let per_1000 = |n: u64, share: Option<f64>| match (share, self.language) {
            (None, _) => n.to_string(),
            (Some(share), Language::English) => format!("{n} ({share:.1} per 1,000 delivered)"),
            (Some(share), Language::Chinese) => format!("{n}（每千則送達 {share:.1}）"),
        };
        let on_time = timing.on_time_share.map(|share| match self.language {
            Language::English => format!("{} of {} reminders a week before", percent(share), timing.judged),
            Language::Chinese => format!("{}（前一週 {} 則提醒）", percent(share), timing.judged),
        });
        let sum = |of: &BTreeMap<String, u64>| of.values().sum::<u64>().to_string();
        vec![
            (self.say("delivered", "已送達"), ended.delivered.to_string()),
            (self.say("waiting", "等待中"), sum(&ended.deferred)),
            (self.say("on the way", "發送中"), format!("{}", self.status.queued + self.status.sending)),
            (self.say("skipped", "略過"), sum(&ended.skipped)),
            (self.say("failed", "失敗"), sum(&ended.failed)),
            (self.say("uncertain", "結果不明"), sum(&ended.uncertain)),
            (self.say("opt-outs", "拒收"), per_1000(back.opt_outs, back.opt_outs_per_1000)),
            (self.say("complaints", "垃圾郵件申訴"), per_1000(back.complaints, back.complaints_per_1000)),
            (self.say("bounces", "退信"), back.bounces.to_string()),
            (
                self.say("on time", "準時"),
                on_time.unwrap_or_else(|| self.say("too early to tell", "尚無法判斷").to_owned()),
            ),
            (self.say("due today", "今日預定"), self.status.due.due_today.to_string()),
            (self.say("next 7 days", "未來 7 天"), self.status.due.due_next_7_days.to_string()),
        ]
    }

    fn span(&self, seconds: i64) -> String {
        let (n, english, chinese) = match seconds {
            s if s < 2 * 3600 => (s / 60, "minutes", "分鐘"),
            s if s < 48 * 3600 => (s / 3600, "hours", "小時"),
            s => (s / 86_400, "days", "天"),
        };
        format!("{n} {}", self.say(english, chinese))
    }

    /// Counts by reason, each with its sentence and what to do.
    fn reasons(&self, heading: &str, counts: &BTreeMap<String, u64>) -> anyhow::Result<()> {
        if counts.is_empty() {
            return Ok(());
        }
        self.out.heading(heading)?;
        let mut counts: Vec<_> = counts.iter().collect();
        counts.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        for (word, n) in counts {
            let reason = Reason::parse(word);
            let sentence = reason.map(|reason| reason.sentence(self.language)).unwrap_or_default();
            self.out.say(format_args!("{n:>6}  {word}: {sentence}"))?;
            if let Some(reason) = reason {
                self.out.say(format_args!("        → {}", reason.advice(self.language)))?;
            }
        }
        Ok(())
    }

    /// What nobody could send in time, because nobody was at work.
    fn missed(&self) -> anyhow::Result<()> {
        if self.status.missed.is_empty() {
            return Ok(());
        }
        self.out.heading(self.say("Missed while nobody planned", "停機期間錯過"))?;
        let header = [
            self.say("from", "起始"),
            self.say("to", "結束"),
            self.say("late, sent after", "延後發送"),
            self.say("too late", "已逾期"),
            self.say("by rule", "依規則"),
        ];
        let row = |missed: &Missed| {
            let by_rule: Vec<String> = missed.by_rule.iter().map(|(rule, n)| format!("{rule} {n}")).collect();
            let (from, to) = (local(missed.from, self.zone), local(missed.to, self.zone));
            vec![from, to, missed.late.to_string(), missed.expired.to_string(), by_rule.join(", ")]
        };
        self.out.table(&header, &header[2..4], self.status.missed.iter().map(row).collect())?;
        self.out.say(self.say(
            "  → `jobs list --reason expired` names what was too late.",
            "  → `jobs list --reason expired` 可列出逾期的訊息。",
        ))
    }

    fn pauses(&self) -> anyhow::Result<()> {
        if self.status.pauses.is_empty() {
            return Ok(());
        }
        self.out.heading(self.say("Paused", "暫停中"))?;
        let header = [
            self.say("what", "範圍"),
            self.say("which", "對象"),
            self.say("since", "起始"),
            self.say("by", "人員"),
            self.say("because", "原因"),
        ];
        let row = |pause: &PauseFacts| {
            vec![
                pause.scope.to_owned(),
                pause.name.clone().unwrap_or_default(),
                local(pause.since, self.zone),
                pause.by.clone().unwrap_or_default(),
                pause.because.clone(),
            ]
        };
        self.out.table(&header, &[], self.status.pauses.iter().map(row).collect())
    }

    fn deeds(&self) -> anyhow::Result<()> {
        if self.status.deeds.is_empty() {
            return Ok(());
        }
        self.out.heading(self.say("What people did", "人員操作"))?;
        let header = [
            self.say("at", "時間"),
            self.say("who", "人員"),
            self.say("what", "事項"),
            self.say("asked for", "條件"),
            self.say("came of it", "結果"),
        ];
        let row = |deed: &DeedFacts| {
            let broken = if deed.finished { "" } else { self.say(" (not finished)", "（未完成）") };
            let what = format!("{}{broken}", deed.what.as_str());
            vec![local(deed.at, self.zone), deed.who.clone(), what, brief(&deed.asked), brief(&deed.counts)]
        };
        self.out.table(&header, &[], self.status.deeds.iter().map(row).collect())
    }
}

fn day_row(day: &DueDay) -> Vec<String> {
    vec![day.day.to_string(), day.planned.to_string(), day.jobs.to_string()]
}

/// Names and values of an object that say something.
fn brief(object: &serde_json::Value) -> String {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String as Text};
    let says = |value: &serde_json::Value| match value {
        Null | Bool(false) => None,
        Bool(true) => Some("yes".to_owned()),
        Number(n) => (n.as_u64() != Some(0)).then(|| n.to_string()),
        Text(text) => Some(text.clone()),
        Array(all) => (!all.is_empty()).then(|| match all.as_slice() {
            [Text(only)] => only.clone(),
            more => more.len().to_string(),
        }),
        Object(map) => {
            let parts: Vec<String> = map.iter().map(|(name, n)| format!("{n} {name}")).collect();
            (!parts.is_empty()).then(|| parts.join(" + "))
        }
    };
    let facts = object.as_object().into_iter().flatten();
    let told = facts.filter_map(|(name, value)| Some(format!("{name} {}", says(value)?)));
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deed_is_told_by_what_it_says() {
        let counts = json!({ "matched": 300, "would_skip": { "reordered": 7 }, "unknown": [], "stopped": false, "left_out": {} });
        assert_eq!(brief(&counts), "matched 300, would_skip 7 reordered");
        assert_eq!(brief(&json!({ "state": ["failed"], "rule": null })), "state failed");
    }
}
