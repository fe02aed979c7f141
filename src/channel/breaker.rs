//! Owns the rest that a peer is given when it fails again and again; knows nothing of messages.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it.
const FAILURES: u32 = 5;
/// The first rest; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(5);
/// No rest of our own is longer: what waits goes soon after the peer is back.
const LONGEST_REST: Duration = Duration::from_secs(5 * 60);
/// No rest that a peer asks for is longer.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// A trial that nobody tells the end of is given up after this time.
const TRIAL: Duration = Duration::from_secs(60);

/// A circuit breaker: closed while the peer answers, open while it rests, then one message as a trial.
#[derive(Clone, Default)]
pub(super) struct Breaker(Arc<Mutex<State>>);

/// The one message that may go after a rest; dropped without an end, it leaves its place to another.
pub(super) struct Trial {
    breaker: Breaker,
    began: Instant,
}

impl Drop for Trial {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if let State::Trial { since, rest } = *state
            && since == self.began
        {
            *state = State::Open { until: since, rest };
        }
    }
}

#[derive(Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, rest: Duration },
    Trial { since: Instant, rest: Duration },
}

impl Default for State {
    fn default() -> Self {
        State::Closed { failures: 0 }
    }
}

impl State {
    fn rests(self, now: Instant) -> Option<Duration> {
        match self {
            State::Open { until, .. } if until > now => Some(until - now),
            State::Trial { since, .. } if since + TRIAL > now => Some(FIRST_REST),
            _ => None,
        }
    }
}

impl Breaker {
    /// How long it still rests; nothing when it does not, or when a trial is due.
    pub fn rests(&self, now: Instant) -> Option<Duration> {
        self.state().rests(now)
    }

    /// May a message go now? If not, when it is worth asking again. After a rest exactly one may, as the trial.
    pub fn ask(&self, now: Instant) -> Result<Option<Trial>, Duration> {
        let mut state = self.state();
        if let Some(rest) = state.rests(now) {
            return Err(rest);
        }
        if let State::Open { rest, .. } | State::Trial { rest, .. } = *state {
            *state = State::Trial { since: now, rest };
            return Ok(Some(Trial { breaker: self.clone(), began: now }));
        }
        Ok(None)
    }

    /// The peer answered. True when it was resting.
    pub fn succeeded(&self) -> bool {
        let was = std::mem::take(&mut *self.state());
        !matches!(was, State::Closed { .. })
    }

    /// The peer could not be reached, or failed by its own word. Its rest, when one begins.
    pub fn failed(&self, now: Instant) -> Option<Duration> {
        let mut state = self.state();
        let was_open = matches!(*state, State::Open { .. });
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES => State::Closed { failures: failures + 1 },
            State::Closed { .. } => State::Open { until: now + FIRST_REST, rest: FIRST_REST },
            State::Trial { rest, .. } => {
                let rest = (rest * 2).min(LONGEST_REST);
                State::Open { until: now + rest, rest }
            }
            // Messages that were under way when it opened.
            open @ State::Open { .. } => open,
        };
        match *state {
            State::Open { rest, .. } if !was_open => Some(rest),
            _ => None,
        }
    }

    /// The peer asks for a rest of its own length.
    pub fn rest(&self, now: Instant, asked: Duration) {
        let mut state = self.state();
        let until = now + asked.min(LONGEST_ASKED);
        match &mut *state {
            State::Open { until: known, .. } => *known = until.max(*known),
            _ => *state = State::Open { until, rest: FIRST_REST },
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(breaker: &Breaker, times: u32, now: Instant) {
        for _ in 0..times {
            breaker.failed(now);
        }
    }

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::default();
        fail(&breaker, FAILURES, now);
        breaker
    }

    fn refused(breaker: &Breaker, now: Instant) -> Duration {
        breaker.ask(now).err().unwrap()
    }

    fn tried(breaker: &Breaker, now: Instant) -> Trial {
        breaker.ask(now).ok().unwrap().unwrap()
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..3 {
            fail(&breaker, FAILURES - 1, now);
            assert!(matches!(breaker.ask(now), Ok(None)));
            breaker.succeeded();
        }
        fail(&breaker, FAILURES, now);
        assert_eq!(refused(&breaker, now), FIRST_REST);
        assert_eq!(refused(&breaker, now + 2 * SECOND), FIRST_REST - 2 * SECOND);
    }

    #[test]
    fn after_a_rest_one_goes_as_the_trial() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + FIRST_REST;
        let trial = tried(&breaker, later);
        assert!(breaker.ask(later).is_err());
        breaker.failed(later);
        drop(trial);
        assert_eq!(refused(&breaker, later), FIRST_REST * 2);
        let trial = tried(&breaker, later + FIRST_REST * 2);
        breaker.succeeded();
        drop(trial);
        assert!(matches!(breaker.ask(later), Ok(None)));
        // counts from none again
        breaker.failed(later);
        assert!(matches!(breaker.ask(later), Ok(None)));
    }

    #[test]
    fn a_trial_that_did_not_go_leaves_its_place_at_once() {
        let start = Instant::now();
        let breaker = opened(start);
        let later = start + FIRST_REST;
        drop(tried(&breaker, later));
        let trial = tried(&breaker, later);
        // one that was given up long ago takes nobody's place away
        let second = tried(&breaker, later + TRIAL);
        drop(trial);
        assert!(breaker.ask(later + TRIAL).is_err());
        drop(second);
    }

    #[test]
    fn rests_grow_to_five_minutes_and_a_lost_trial_is_made_up() {
        let start = Instant::now();
        let breaker = opened(start);
        let mut now = start;
        for _ in 0..12 {
            now += refused(&breaker, now);
            let _trial = tried(&breaker, now);
            breaker.failed(now);
        }
        assert_eq!(refused(&breaker, now), LONGEST_REST);
        now += LONGEST_REST;
        let _trial = tried(&breaker, now);
        assert!(breaker.ask(now + TRIAL - SECOND).is_err());
        tried(&breaker, now + TRIAL);
    }

    #[test]
    fn a_rest_asked_for_is_kept_within_limits() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        breaker.rest(now, 30 * SECOND);
        breaker.rest(now, 10 * SECOND);
        assert_eq!(refused(&breaker, now), 30 * SECOND);
        breaker.rest(now, Duration::from_secs(1 << 30));
        assert_eq!(refused(&breaker, now), LONGEST_ASKED);
    }
}
