//! Owns the calm day: nothing goes wrong any more, and all that is due has its turn; judges nothing itself.

use super::peer::{CHANNELS, Weather};
use super::process::{Process, Turn};
use super::story::{DAY, Story};
use super::trace::Checked;

/// Rounds after which everything must be at rest, when nothing is wrong any more.
const ROUNDS: u32 = 120;

impl Story {
    /// Everything is well for a day, and whatever is due goes.
    pub fn calm(&mut self) -> Checked {
        CHANNELS.iter().for_each(|channel| self.turn(channel, Weather::Fair));
        (0..self.processes.len()).try_for_each(|one| self.reload(one))?;
        // Nobody is awake for rules that no planner has seen.
        self.round()?;
        self.rest()?;
        if self.rng.u8(..4) > 0 {
            self.mend()?;
        }
        while self.under_way.is_some() || !self.pending.is_empty() {
            self.desk(64)?;
        }
        if self.unlooked {
            self.look_what_stops()?;
        }
        self.rest()?;
        let (since, end) = (self.now(), self.now() + DAY);
        self.note(format_args!("calm from here"));
        while let Some(next) = self.next_event()?.filter(|at| *at <= end) {
            self.go_to(next.max(self.now()));
            self.rest()?;
        }
        self.go_to(end);
        self.rest()?;
        self.after_calm(since)
    }

    /// Turn after turn until nothing is left to do at this moment.
    pub fn rest(&mut self) -> Checked {
        for _ in 0..ROUNDS {
            if self.is_at_rest()? {
                return Ok(());
            }
            self.round()?;
        }
        Err(format!("nothing is wrong, and it does not come to rest in {ROUNDS} rounds"))
    }

    /// Each turn once, by one process; the ids go to any.
    pub fn round(&mut self) -> Checked {
        let one = self.rng.usize(..self.processes.len());
        for turn in [Turn::Reclaim, Turn::Plan, Turn::Offer] {
            self.begin_turn(one, turn)?;
            self.finish(one)?;
        }
        while !self.ground.conveyor.lock().unwrap().is_empty() {
            let another = self.rng.usize(..self.processes.len());
            self.take(another)?;
        }
        (0..self.processes.len()).try_for_each(|one| self.finish(one))?;
        if self.in_flight()? > 0 {
            // An id that was lost: its lease must run out first.
            self.go_to(self.now() + 3 * 60_000);
        }
        Ok(())
    }

    /// Until a process has nothing under way.
    fn finish(&mut self, one: usize) -> Checked {
        for polls in 0.. {
            if !self.processes[one].as_ref().is_some_and(Process::is_busy) {
                break;
            }
            if polls > 10_000 {
                return Err(format!("process {one} never finishes"));
            }
            self.poll(one, 32)?;
            if polls % 16 == 15 {
                // It waits for a peer.
                self.go_to(self.now() + 1_000);
            }
        }
        Ok(())
    }
}
