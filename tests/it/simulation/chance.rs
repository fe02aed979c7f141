//! Owns the steps that chance takes: turns, deliveries, kills, lost ids, bad weather, jumps of the clock; checks nothing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::DateTime;
use replenish::domain::job::Delivery;

use super::peer::{CHANNELS, Event, Weather};
use super::process::{Process, Turn, no_templates};
use super::story::{DAY, Story};
use super::trace::Checked;

impl Story {
    /// Some steps by chance: many where something is due.
    pub fn bout(&mut self) -> Checked {
        for channel in CHANNELS {
            match self.rng.u8(..4) {
                0 if self.faults.weather => {
                    let weather = Weather::BAD[self.rng.usize(..Weather::BAD.len())];
                    self.turn(channel, weather);
                }
                1 => {}
                _ => self.turn(channel, Weather::Fair),
            }
        }
        let steps = if self.is_at_rest()? { self.rng.u32(..8) } else { self.rng.u32(50..300) };
        (0..steps).try_for_each(|_| self.step())
    }

    fn step(&mut self) -> Checked {
        let one = self.rng.usize(..self.processes.len());
        let polls = if self.rng.u8(..6) == 0 { self.rng.u32(8..60) } else { self.rng.u32(1..8) };
        match self.rng.u16(..1000) {
            0..90 => {
                let turns = [Turn::Plan, Turn::Plan, Turn::Offer, Turn::Offer, Turn::Reclaim, Turn::MoveOut];
                let turn = turns[self.rng.usize(..turns.len())];
                self.begin_turn(one, turn)
            }
            90..250 => self.take(one),
            250..350 => self.desk(polls),
            350..400 => {
                let most = [20, 2_000, 60_000][self.rng.usize(..3)];
                let by = self.rng.i64(1..most);
                self.go_to(self.now() + by);
                Ok(())
            }
            400..410 if self.faults.kills => self.kill(one),
            410..460 if self.faults.kills && self.is_delivering(one) => self.kill(one),
            460..480 if self.faults.conveyor => {
                self.shake();
                Ok(())
            }
            480..500 if self.faults.jumps && (self.is_delivering(one) || self.rng.u8(..4) == 0) => {
                self.jump();
                Ok(())
            }
            500..510 if self.faults.kills => self.break_off(),
            510..520 => self.reload(one),
            520..530 if self.faults.deeds => self.draw_deed(),
            _ => self.poll(one, polls),
        }
    }

    fn is_delivering(&self, one: usize) -> bool {
        self.processes[one].as_ref().is_some_and(|process| !process.live.is_empty())
    }

    pub fn revive(&mut self, one: usize) -> Checked<&mut Process> {
        if self.processes[one].is_none() {
            self.note(format_args!("{one} starts"));
            self.behind[one] = false;
            self.processes[one] = Some(Process::start(&self.ground, self.rules.clone())?);
        }
        self.processes[one].as_mut().ok_or_else(|| "it has just been started".to_owned())
    }

    pub fn begin_turn(&mut self, one: usize, turn: Turn) -> Checked {
        let conveyor = self.ground.conveyor.clone();
        if self.revive(one)?.begin(turn, &conveyor) {
            self.note(format_args!("{one} begins {turn:?}"));
        }
        Ok(())
    }

    /// Takes one id from the conveyor.
    pub fn take(&mut self, one: usize) -> Checked {
        let at = self.ground.conveyor.lock().unwrap().pop();
        let Some(at) = at else { return self.poll(one, 10) };
        let now = self.now();
        self.note(format_args!("{one} takes {}", at.job));
        self.revive(one)?.deliver(at, now);
        Ok(())
    }

    pub fn poll(&mut self, one: usize, polls: u32) -> Checked {
        let Some(process) = &mut self.processes[one] else { return Ok(()) };
        if process.is_busy() {
            process.poll(polls)?;
        }
        self.listen()
    }

    /// Writes down what the peers saw since.
    fn listen(&mut self) -> Checked {
        let events = self.ground.outside.lock().unwrap().events();
        let latest = DateTime::from_timestamp_millis(self.latest).unwrap();
        for event in events {
            // A peer that is gone, or knows no such mailbox, stops messages too.
            self.unlooked |=
                matches!(event, Event::Answered(_, Delivery::Unreachable | Delivery::Permanent, _));
            self.note(format_args!("{event:?}"));
            self.book.write(&event, latest)?;
        }
        Ok(())
    }

    /// Kills a process; it starts again when it is needed.
    fn kill(&mut self, one: usize) -> Checked {
        // What a peer has taken by now is an excuse for it to come again.
        self.listen()?;
        let Some(process) = self.processes[one].take() else { return Ok(()) };
        self.note(format_args!("{one} is killed"));
        process.live.iter().for_each(|live| self.book.died(&live.job));
        drop(process);
        self.listen()
    }

    /// The conveyor loses, repeats and reorders.
    fn shake(&mut self) {
        let what = self.rng.u8(..3);
        self.note(format_args!("the conveyor is shaken: {what}"));
        let mut conveyor = self.ground.conveyor.lock().unwrap();
        match what {
            0 => conveyor.clear(),
            1 => conveyor.extend_from_within(..),
            _ => self.rng.shuffle(&mut conveyor),
        }
    }

    pub fn turn(&mut self, channel: &'static str, weather: Weather) {
        self.note(format_args!("{channel}: {weather:?}"));
        self.ground.outside.lock().unwrap().turn(channel, weather);
    }

    /// The clock goes to this time, and so does everything that waits.
    pub fn go_to(&mut self, to: i64) {
        let by = u64::try_from(to - self.now()).unwrap_or(0);
        self.set(to);
        self.processes.iter().flatten().for_each(|process| process.advance(Duration::from_millis(by)));
    }

    /// The clock jumps, and nobody waits any longer or shorter for that.
    fn jump(&mut self) {
        let by = match self.rng.u8(..3) {
            0 => -self.rng.i64(1..3_600_000),
            1 => self.rng.i64(1..3_600_000),
            _ => self.rng.i64(1..3 * DAY),
        };
        self.has_jumped_back |= by < 0;
        self.note(format_args!("the clock jumps by {by} ms"));
        self.set(self.now() + by);
    }

    fn set(&mut self, to: i64) {
        self.ground.clock.store(to, Ordering::SeqCst);
        self.latest = self.latest.max(to);
        for job in self.processes.iter_mut().flatten().flat_map(|process| process.overdue(to)) {
            self.book.entry(&job).excuses += 1;
        }
    }

    pub fn reload(&mut self, one: usize) -> Checked {
        if !std::mem::take(&mut self.behind[one]) {
            return Ok(());
        }
        self.note(format_args!("{one} reads the rules again"));
        let rules = self.rules.clone();
        self.revive(one)?.parts.accept(rules, no_templates());
        Ok(())
    }
}
