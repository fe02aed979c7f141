//! Owns how plans of a replay, a resolution or a cancellation are told in each language; knows nothing of how they are
//! made.

use std::collections::BTreeMap;

use crate::cli::output::{Output, strong};
use crate::desk::jobs::{Cancelled, Confirmed, Replayed};
use crate::domain::job::JobState;
use crate::domain::reason::Language::{self, Chinese, English};

/// What would be sent again, and what not.
pub fn replay(plan: &Replayed, language: Language, out: Output) -> anyhow::Result<()> {
    let matched = match language {
        English => format!("{} may be replayed.", plan.matched),
        Chinese => format!("可重送 {} 則。", plan.matched),
    };
    tell_match(plan.matched, &matched, (&plan.left_out, &plan.unknown), language, out)?;
    left_out(plan, language, out)?;
    if plan.matched == 0 {
        return Ok(());
    }
    let (sends, before) = (plan.would_send, plan.perhaps_delivered);
    out.say(match language {
        English => format!("  {sends} would be sent"),
        Chinese => format!("  將送出 {sends} 則"),
    })?;
    if before > 0 {
        out.say(match language {
            English => format!("    {before} of them may have arrived before"),
            Chinese => format!("    其中 {before} 則可能先前已送達"),
        })?;
    }
    for (reason, n) in &plan.would_wait {
        let why = reason.sentence(language);
        out.say(match language {
            English => format!("    {n} of them would wait: {why}"),
            Chinese => format!("    其中 {n} 則會先等待：{why}"),
        })?;
    }
    would_not(plan, language, out)
}

/// What is not replayed, and need not surprise.
fn left_out(plan: &Replayed, language: Language, out: Output) -> anyhow::Result<()> {
    if plan.left_out.keys().any(|state| state.is_replayable()) {
        out.say(match language {
            English => "  Without --state or --reason only failed jobs are meant.",
            Chinese => "  未指定 --state 或 --reason 時，只處理失敗的任務。",
        })?;
    }
    if plan.unsent > 0 {
        let n = plan.unsent;
        out.say(match language {
            English => format!("  {n} ended before they became messages: there is nothing to send again"),
            Chinese => format!("  {n} 則在產生訊息之前就已結束，沒有可重送的內容"),
        })?;
    }
    Ok(())
}

fn would_not(plan: &Replayed, language: Language, out: Output) -> anyhow::Result<()> {
    for (reason, n) in &plan.would_skip {
        let why = reason.sentence(language);
        out.say(match language {
            English => format!("  {n} would not ({reason}): {why}"),
            Chinese => format!("  不會送出 {n} 則（{reason}）：{why}"),
        })?;
    }
    Ok(())
}

/// What would be cancelled.
pub fn cancellation(plan: &Cancelled, language: Language, out: Output) -> anyhow::Result<()> {
    let matched = match language {
        English => format!("{} can be cancelled.", plan.matched),
        Chinese => format!("可取消 {} 則。", plan.matched),
    };
    tell_match(plan.matched, &matched, (&plan.left_out, &plan.unknown), language, out)?;
    if plan.matched > 0 {
        let (jobs, occasions) = (plan.jobs, plan.occasions);
        out.say(match language {
            English => format!("  {jobs} assembled, {occasions} still planned"),
            Chinese => format!("  已產生任務 {jobs} 則，尚在規劃 {occasions} 則"),
        })?;
    }
    Ok(())
}

/// What would be declared delivered.
pub fn confirmation(plan: &Confirmed, language: Language, out: Output) -> anyhow::Result<()> {
    let matched = match language {
        English => format!("{} of unknown outcome.", plan.matched),
        Chinese => format!("結果不明 {} 則。", plan.matched),
    };
    tell_match(plan.matched, &matched, (&plan.left_out, &plan.unknown), language, out)
}

fn tell_match(
    matched: u64,
    said: &str,
    (left_out, unknown): (&BTreeMap<JobState, u64>, &[String]),
    language: Language,
    out: Output,
) -> anyhow::Result<()> {
    match (matched, left_out.is_empty() && unknown.is_empty()) {
        (0, true) => out.say(match language {
            English => "Nothing matches.",
            Chinese => "沒有符合的項目。",
        })?,
        _ => out.say(strong(said))?,
    }
    for (state, n) in left_out {
        let state = state.as_str();
        out.say(match language {
            English => format!("  {n} left as they are: {state}"),
            Chinese => format!("  維持原狀 {n} 則：{state}"),
        })?;
    }
    for id in unknown {
        out.note(match language {
            English => format!("no job `{id}` is known, or the filters leave it out"),
            Chinese => format!("找不到任務 `{id}`，或已被條件排除"),
        })?;
    }
    Ok(())
}

/// The question before a replay.
pub fn ask_replay(n: u64, language: Language) -> String {
    match language {
        English => format!("Send {n} messages again?"),
        Chinese => format!("要重送 {n} 則訊息嗎？"),
    }
}

/// The question before a cancellation.
pub fn ask_cancellation(n: u64, language: Language) -> String {
    match language {
        English => format!("Cancel {n} messages for good?"),
        Chinese => format!("要永久取消 {n} 則訊息嗎？"),
    }
}

/// The question before jobs are declared delivered.
pub fn ask_confirmation(n: u64, language: Language) -> String {
    match language {
        English => format!("Did all {n} arrive?"),
        Chinese => format!("這 {n} 則都已送達嗎？"),
    }
}

/// How far a replay came.
pub fn replayed(done: &Replayed, language: Language) -> String {
    let n = done.scheduled;
    match language {
        English => format!("{n} scheduled."),
        Chinese => format!("已排入 {n} 則。"),
    }
}

/// How far a cancellation came.
pub fn cancelled(n: u64, language: Language) -> String {
    match language {
        English => format!("{n} cancelled."),
        Chinese => format!("已取消 {n} 則。"),
    }
}

/// How many were declared delivered.
pub fn confirmed(n: u64, language: Language) -> String {
    match language {
        English => format!("{n} delivered."),
        Chinese => format!("已確認送達 {n} 則。"),
    }
}
