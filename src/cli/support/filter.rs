//! Owns how jobs are picked on the command line; the desk looks them up.

use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::moment::Moment;
use crate::domain::ids::{JobId, Timestamp};
use crate::domain::job::JobState;
use crate::domain::reason::Reason;
use crate::store::JobFilter;

/// Which jobs, and what is planned (scheduled) or ended before it became a job (skipped): all given filters must hold.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// Only these states, as failed,uncertain
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = states())]
    state: Vec<JobState>,
    /// Only this rule, by its id in the rules folder, as refill
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Only this member, by the shop's id, as 00038317
    #[arg(long, value_name = "ID")]
    member: Option<String>,
    /// Only members with this e-mail address
    #[arg(long, value_name = "EMAIL")]
    address: Option<String>,
    /// Only what hangs on this order, by the shop's id
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Only the job behind this Message-ID or webhook-id, as a mail's source shows it: <job_5a…@shop.example>
    #[arg(long, value_name = "ID", value_parser = parse_message_id)]
    message_id: Option<JobId>,
    /// Only this channel, as email
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Only what ended, or is due, from this time on: 24h or 7d ago, 2026-03-02, 2026-03-02T10:00
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only until this time; a day counts whole
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Only this reason, as no_address
    #[arg(long, value_name = "REASON", value_parser = reasons(), hide_possible_values = true)]
    reason: Option<Reason>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl FilterArgs {
    /// True when nothing narrows the choice: every job would match.
    pub fn is_empty(&self) -> bool {
        let texts = [&self.rule, &self.member, &self.address, &self.order, &self.channel];
        self.state.is_empty()
            && texts.into_iter().all(Option::is_none)
            && self.message_id.is_none()
            && self.since.is_none()
            && self.until.is_none()
            && self.reason.is_none()
    }

    /// The filter as the ledger takes it; spans count back from `now`, days by the clock of `zone`.
    pub fn filter(self, now: Timestamp, zone: Tz) -> JobFilter {
        JobFilter {
            states: self.state,
            rule: self.rule.map(Into::into),
            member: self.member.map(Into::into),
            address: self.address,
            order: self.order.map(Into::into),
            job: self.message_id,
            channel: self.channel.map(Into::into),
            since: self.since.map(|moment| moment.start(now, zone)),
            until: self.until.map(|moment| moment.end(now, zone)),
            reason: self.reason,
            limit: self.limit,
            with_content: false,
        }
    }
}

fn states() -> impl TypedValueParser<Value = JobState> {
    let words = PossibleValuesParser::new(JobState::ALL.map(JobState::as_str));
    words.try_map(|word| JobState::parse(&word).ok_or("no such state"))
}

fn reasons() -> impl TypedValueParser<Value = Reason> {
    let words = PossibleValuesParser::new(Reason::ALL.iter().map(|reason| reason.as_str()));
    words.try_map(|word| Reason::parse(&word).ok_or("no such reason"))
}

/// The job's id is the left part of a Message-ID, and the whole of a webhook-id.
fn parse_message_id(text: &str) -> Result<JobId, String> {
    let inner = text.trim().trim_start_matches('<').trim_end_matches('>');
    match inner.split('@').next().unwrap_or_default() {
        "" => Err("expected a Message-ID, as <job_5a1f@shop.example>".to_owned()),
        id => Ok(JobId::from(id)),
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Asia::Taipei;
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        filter: FilterArgs,
    }

    fn parse(words: &[&str]) -> Result<FilterArgs, clap::Error> {
        Line::try_parse_from(["jobs"].iter().chain(words)).map(|line| line.filter)
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn every_flag_reaches_the_filter() {
        let words = "--state failed,uncertain --state skipped --rule refill --member 0007 --address a@b.example --order A-1 \
            --message-id <job_5a@shop.example> --channel crm --since 24h --until 2026-03-09 --reason no_address --limit 3";
        let args = parse(&words.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert!(!args.is_empty());
        let filter = args.filter(at("2026-03-10T04:00:00Z"), Taipei);
        assert_eq!(filter.states, [JobState::Failed, JobState::Uncertain, JobState::Skipped]);
        assert_eq!(filter.rule, Some("refill".into()));
        assert_eq!(filter.member, Some("0007".into()));
        assert_eq!(filter.address.as_deref(), Some("a@b.example"));
        assert_eq!(filter.order, Some("A-1".into()));
        assert_eq!(filter.job, Some("job_5a".into()));
        assert_eq!(filter.channel, Some("crm".into()));
        assert_eq!(filter.since, Some(at("2026-03-09T04:00:00Z")));
        assert_eq!(filter.until, Some(at("2026-03-09T16:00:00Z")));
        assert_eq!((filter.reason, filter.limit), (Some(Reason::NoAddress), Some(3)));
    }

    #[test]
    fn each_flag_alone_narrows_but_a_limit_does_not() {
        let flags = [
            ["--state", "failed"],
            ["--rule", "r"],
            ["--member", "m"],
            ["--address", "a@b"],
            ["--order", "o"],
            ["--message-id", "job_1"],
            ["--channel", "crm"],
            ["--since", "1h"],
            ["--until", "1h"],
            ["--reason", "expired"],
        ];
        for flag in flags {
            assert!(!parse(&flag).unwrap().is_empty(), "{flag:?}");
        }
        assert!(parse(&["--limit", "5"]).unwrap().is_empty());
    }

    #[test]
    fn words_outside_the_closed_lists_are_refused() {
        for flag in
            [["--state", "dead"], ["--reason", "because"], ["--since", "yesterday"], ["--message-id", "<>"]]
        {
            assert!(parse(&flag).is_err(), "{flag:?}");
        }
    }
}
