//! What support staff ask and do: why a member gets what, single jobs looked at, replayed, resolved, cancelled, opt-outs, pauses, the morning view.

mod explain;
mod filter;
mod forget;
mod jobs;
mod language;
mod pause;
mod sheet;
mod status;
mod suppress;

pub use explain::ExplainArgs;
pub use filter::FilterArgs;
pub use forget::ForgetArgs;
pub use jobs::JobsArgs;
pub use language::{parse_language, say, word};
pub use pause::{PauseArgs, ResumeArgs};
pub use status::StatusArgs;
pub use suppress::SuppressArgs;

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::brand::{ForecastArgs, PlanArgs};

    #[derive(Parser)]
    enum Line {
        Explain(ExplainArgs),
        Jobs(JobsArgs),
        Pause(PauseArgs),
        Resume(ResumeArgs),
        Suppress(SuppressArgs),
        Status(StatusArgs),
        Forecast(ForecastArgs),
        Plan(PlanArgs),
    }

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
    }

    #[test]
    fn what_people_type_is_understood_or_refused() {
        let understood = [
            "explain --member 00038317 --lang zh-TW --now 2026-03-02",
            "explain --job job_5a1f",
            "jobs list --state failed,uncertain --since 24h --limit 10",
            "jobs show job_5a1f",
            "jobs replay job_5a1f job_5a20 --yes",
            "jobs replay --reason template_error --since 7d --dry-run",
            "jobs cancel --rule refill --channel crm",
            "jobs resolve job_5a1f --delivered --because logged",
            "jobs resolve --channel email --since 24h --resend --dry-run",
            "status",
            "status --since 7d --lang zh-TW",
            "suppress add --address a@b.example --purpose reminder --item coffee --until 90d --because ticket",
            "suppress add --member 00038317",
            "suppress remove --member 00038317 --purpose care",
            "pause --all --because outage",
            "pause --channel crm",
            "resume --rule refill",
            "suppress list",
            "suppress list --address a@b.example",
            "forecast --member 00038317 --now 2026-03-02T10:00 --lang zh-TW",
            "plan --rules drafts --now 2026-03-02",
        ];
        for line in understood {
            let parsed = Line::try_parse_from(["replenish"].into_iter().chain(line.split(' ')));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().map(|e| e.to_string()).unwrap_or_default());
        }
        let refused = [
            "explain",
            "explain --member 1 --address a@b.example",
            "jobs replay job_5a1f --yes --dry-run",
            "jobs resolve job_5a1f",
            "jobs resolve job_5a1f --delivered --resend",
            "jobs list --now 3d",
            "suppress add",
            "suppress add --member 1 --address a@b.example",
            "suppress list --member 1 --address a@b.example",
            "forecast",
            "pause",
            "pause --all --rule refill",
            "resume --channel",
        ];
        for line in refused {
            let parsed = Line::try_parse_from(["replenish"].into_iter().chain(line.split(' ')));
            assert_eq!(parsed.err().map(|e| e.exit_code()), Some(2), "{line}");
        }
    }
}
