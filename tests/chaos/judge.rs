//! Owns the judgement of a run: from the logs of the peers, the ledger, and what was done when; does nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diary::{Entry, Line, Struck};
use crate::ledger::Job;
use crate::run::Ended;
use crate::shop::{Expected, LEASE, TIMEOUT};

/// Two clocks that tell of one event differ by less.
const SLACK: Duration = Duration::from_millis(400);
/// The ledger's times are behind by as long as a process took to start: until then its clock stood still.
const BEHIND: Duration = Duration::from_millis(1_500);
/// A hand-over of unknown end is taken back by then: who looks after leases does so every five seconds.
const TAKEN_BACK: Duration = Duration::from_secs(LEASE + 6);
/// What was on its way when someone opted out has arrived by then: it was kept back somewhere, at most.
const ON_ITS_WAY: Duration = Duration::from_secs(TIMEOUT + 4);

/// What a run is told in.
#[derive(Debug, Default, Clone, Copy, serde::Serialize)]
pub struct Figures {
    pub jobs: usize,
    pub kills: usize,
    pub acts: usize,
    pub delivered: usize,
    pub duplicates: usize,
    pub uncertain: usize,
    pub lost: usize,
    pub seconds: f64,
}

/// The figures of a run, and everything that should not be.
pub fn judge(ended: &Ended, diary: &[Entry], expected: &Expected) -> (Figures, Vec<String>) {
    let mut taken: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    ended.taken.iter().for_each(|one| taken.entry(&one.job).or_default().push(one.at));
    let case = Case { ended, diary, expected, taken };
    let lost = case.lost();
    let count = |is_one: &dyn Fn(&Job) -> bool| ended.jobs.values().filter(|job| is_one(job)).count();
    let figures = Figures {
        jobs: ended.jobs.len(),
        kills: ended.kills,
        acts: ended.acts,
        delivered: case.taken.len(),
        duplicates: ended.taken.len() - case.taken.len(),
        uncertain: count(&|job| job.state == "uncertain"),
        lost: lost.len(),
        seconds: ended.span.as_secs_f64(),
    };
    let mut wrong = lost;
    wrong.extend(ended.ended_badly.iter().cloned());
    wrong.extend(diary.iter().filter(|entry| !case.is_due_to(entry)).map(ToString::to_string));
    wrong.extend(case.unsound());
    wrong.extend(case.taken.keys().filter_map(|id| case.unknown(id)));
    wrong.extend(ended.jobs.iter().flat_map(|(id, job)| case.against(id, job)));
    (figures, wrong)
}

struct Case<'a> {
    ended: &'a Ended,
    diary: &'a [Entry],
    expected: &'a Expected,
    /// When the peers took each job.
    taken: BTreeMap<&'a str, Vec<Duration>>,
}

/// How a hand-over ended, as far as the ledger knows.
#[derive(PartialEq)]
enum End<'a> {
    Delivered,
    /// The peer fell silent.
    Silent(Duration),
    /// It was never reached, or refused.
    Other(&'a str),
    /// Nobody wrote it down.
    Unknown,
}

impl<'a> Case<'a> {
    /// Messages that had to be served and were not, without a word of it.
    fn lost(&self) -> Vec<String> {
        let wanted = self.expected.iter().filter(|(_, message)| !self.ended.unwanted.contains_key(message));
        let fate = wanted.map(|(id, message)| (id, message, self.ended.jobs.get(id)));
        let lost = fate.filter(|(id, _, job)| {
            let is_on_record = job.is_some_and(|job| job.is_over() && job.state != "delivered");
            !is_on_record && !self.taken.contains_key(id.as_str())
        });
        lost.map(|(id, (member, rule), job)| {
            format!("LOST {id}: {rule} for {member} is {}", job.map_or("not there", |job| &job.state))
        })
        .collect()
    }

    /// What nobody did must not happen; a process may give up when it finds no ledger, or no queue, as it starts.
    fn is_due_to(&self, entry: &Entry) -> bool {
        const ENGINES: [Struck; 4] =
            [Struck::Disk, Struck::Redis, Struck::Line(Line::Redis), Struck::Line(Line::Postgres)];
        match entry.struck {
            Struck::Nobody => false,
            Struck::GaveUp => self.has_struck(entry.from, entry.until, &ENGINES),
            _ => true,
        }
    }

    fn has_struck(&self, from: Duration, until: Duration, what: &[Struck]) -> bool {
        let overlaps = |entry: &&Entry| entry.from <= until + SLACK && entry.until + SLACK >= from;
        self.diary.iter().filter(overlaps).any(|entry| what.contains(&entry.struck))
    }

    /// What `replenish verify` finds.
    fn unsound(&self) -> Vec<String> {
        let verified = &self.ended.verified;
        let is_sound = verified["sound"] == true;
        (!is_sound).then(|| format!("the ledger is not sound: {verified}")).into_iter().collect()
    }

    fn unknown(&self, id: &str) -> Option<String> {
        let is_known = self.expected.contains_key(id) && self.ended.jobs.contains_key(id);
        (!is_known).then(|| format!("{id} was sent, and nobody should have"))
    }

    /// What there is to say against what became of one job.
    fn against(&self, id: &str, job: &Job) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut say = |is_wrong: bool, words: &str| {
            if is_wrong {
                wrong.push(format!("{id} ({} {} for {}): {words}", job.state, job.rule, job.member));
            }
        };
        let taken = self.taken.get(id).map_or(0, Vec::len);
        let ends = self.ends(job);
        let delivered = ends.iter().filter(|(_, end)| *end == End::Delivered).count();
        let in_doubt = ends.iter().filter(|(_, end)| matches!(end, End::Silent(_) | End::Unknown)).count();
        let stops = self.ended.unwanted.get(&(job.member.clone(), job.rule.clone()));
        say(!job.is_over(), "never came to an end");
        say(job.is_over() && !job.may_end_so(stops.is_some()), &format!("ended by {}", job.reason));
        say(job.state == "delivered" && taken == 0, "never reached its peer");
        say(taken > delivered + in_doubt, &format!("taken {taken} times, handed over less often"));
        say(delivered > 1, "sent again though it was on record as delivered");
        let may_repeat = job.channel != "email" || self.ended.plan.resends();
        say(taken > 1 && !may_repeat, "sent again in spite of `hold`");
        say(job.state == "uncertain" && may_repeat, "uncertain, and it could have been sent again");
        for (at, end) in &ends {
            say(
                !self.is_explained(job, *at, end),
                &format!("in doubt since {at:?}, and nothing had happened"),
            );
        }
        if let Some(Some(stopped)) = stops {
            let later = |at: &&Duration| **at > *stopped + SLACK;
            say(job.hand_overs.iter().any(|at| later(&at)), "handed over after it was stopped");
            let arrived = self.taken.get(id).into_iter().flatten();
            say(arrived.clone().any(|at| *at > *stopped + ON_ITS_WAY), "arrived long after it was stopped");
        }
        wrong
    }

    /// Each hand-over with its end: what was recorded before the next one began.
    fn ends(&self, job: &'a Job) -> Vec<(Duration, End<'a>)> {
        let begins = job.hand_overs.iter().enumerate();
        begins.map(|(nth, begin)| (*begin, end(job, *begin, job.hand_overs.get(nth + 1).copied()))).collect()
    }

    /// Was there a reason for nobody to know?
    fn is_explained(&self, job: &Job, begin: Duration, end: &End<'_>) -> bool {
        let peer = if job.channel == "email" { Line::Mail } else { Line::Hook };
        match end {
            End::Delivered | End::Other(_) => true,
            End::Silent(at) => self.has_struck(begin, *at + BEHIND, &[Struck::Line(peer)]),
            // a process that died, or a ledger that did not answer in time
            End::Unknown => self.has_struck(
                begin,
                begin + TAKEN_BACK,
                &[Struck::Killed, Struck::Stopped, Struck::Disk, Struck::Line(Line::Postgres)],
            ),
        }
    }
}

fn end<'a>(job: &'a Job, begin: Duration, next: Option<Duration>) -> End<'a> {
    let until = next.unwrap_or(Duration::MAX);
    let mut recorded = job.attempts.iter().filter(|attempt| (begin..until).contains(&attempt.at));
    match recorded.next_back() {
        None => End::Unknown,
        Some(attempt) if attempt.result == "delivered" => End::Delivered,
        Some(attempt) if attempt.reason == "no_answer" => End::Silent(attempt.at),
        Some(attempt) => End::Other(&attempt.result),
    }
}
