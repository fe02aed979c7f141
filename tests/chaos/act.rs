//! Owns the monkey's acts: what it can do to a run, and the seeded plan of one; judges nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::diary::{Line, Struck};
use crate::proxy::Place;
use crate::redis::Redis;
use crate::scene::{Scene, Setup};

/// When the monkey acts: while so much of all messages has been taken.
const ACTS: std::ops::Range<f64> = 0.01..0.8;

/// One thing that the monkey does.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// kill -9 of the process in this place.
    Kill(usize),
    /// SIGTERM.
    Terminate(usize),
    /// Every connection on this line breaks.
    Cut(Line),
    /// Nothing comes through for a while; longer than peers may take.
    Stall(Line, Duration),
    /// Whoever is at the end of this line is down for a while.
    Down(Line, Duration),
    /// Redis is away for a while, and comes back empty.
    RestartRedis(Duration),
    /// FLUSHALL.
    FlushRedis,
    /// CLIENT PAUSE.
    PauseRedis(Duration),
    /// No room left under the ledger, for a while.
    FillDisk(Duration),
}

impl Act {
    /// Every kind of act that the set-up knows, and some kills more, each when its share of all messages has been taken.
    pub fn plan(setup: Setup, has_disk: bool, seed: u64) -> Vec<(f64, Act)> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut acts = Act::of(setup, has_disk, &mut random);
        random.shuffle(&mut acts);
        let step = (ACTS.end - ACTS.start) / acts.len() as f64;
        let timed =
            acts.into_iter().enumerate().map(|(n, act)| (ACTS.start + step * (n as f64 + random.f64()), act));
        timed.collect()
    }

    fn of(setup: Setup, has_disk: bool, random: &mut fastrand::Rng) -> Vec<Act> {
        let (peers, fleet) = ([Line::Hook, Line::Mail], [Line::Postgres, Line::Redis]);
        let mut acts: Vec<Act> = peers.into_iter().map(Act::Cut).collect();
        acts.push(Act::Stall(peers[random.usize(..2)], span(random, 500..3_000)));
        acts.extend(peers.map(|peer| Act::Down(peer, span(random, 300..1_500))));
        let places = setup.roles().len();
        acts.extend((0..4).map(|_| Act::Kill(random.usize(..places))));
        acts.push(Act::Terminate(random.usize(..places)));
        match setup {
            Setup::Embedded if has_disk => acts.push(Act::FillDisk(span(random, 300..2_000))),
            Setup::Embedded => {}
            Setup::Fleet => {
                acts.extend(fleet.map(Act::Cut));
                acts.push(Act::Stall(fleet[random.usize(..2)], span(random, 300..1_500)));
                acts.push(Act::RestartRedis(span(random, 100..800)));
                acts.extend([Act::FlushRedis, Act::PauseRedis(span(random, 300..1_500))]);
            }
        }
        acts
    }

    pub fn is_kill(self) -> bool {
        matches!(self, Act::Kill(_))
    }

    /// Does it, and undoes what does not last.
    pub fn perform(self, scene: &Scene) {
        let (struck, said) = self.described();
        scene.during(struck, || self.strike(scene).map_or(said.clone(), |whom| format!("{said} {whom}")));
    }

    /// Whom it hit, where that is not plain.
    fn strike(self, scene: &Scene) -> Option<String> {
        match self {
            Act::Kill(nth) => return Some(scene.children.kill(nth).to_owned()),
            Act::Terminate(nth) => return Some(scene.children.terminate(nth).to_owned()),
            Act::Cut(line) => scene.line(line).cut(),
            Act::Stall(line, span) => {
                scene.line(line).stall();
                std::thread::sleep(span);
                scene.line(line).open();
            }
            Act::Down(line, span) => {
                scene.line(line).shut();
                std::thread::sleep(span);
                scene.line(line).open();
            }
            Act::FillDisk(span) => scene.disk.as_ref()?.full(|| std::thread::sleep(span)),
            Act::FlushRedis => tell_redis(scene, "FLUSHALL"),
            Act::PauseRedis(span) => {
                tell_redis(scene, &format!("CLIENT PAUSE {} ALL", span.as_millis()));
                std::thread::sleep(span);
            }
            Act::RestartRedis(span) => restart_redis(scene, span),
        }
        None
    }

    fn described(self) -> (Struck, String) {
        let of_line = |line: Line, what: &str| (Struck::Line(line), format!("{what} {line:?}"));
        match self {
            Act::Kill(_) => (Struck::Killed, "kill -9".to_owned()),
            Act::Terminate(_) => (Struck::Stopped, "SIGTERM to".to_owned()),
            Act::Cut(line) => of_line(line, "cuts the connections to"),
            Act::Stall(line, _) => of_line(line, "stalls the connections to"),
            Act::Down(line, _) => of_line(line, "takes down"),
            Act::FillDisk(_) => (Struck::Disk, "fills the disk".to_owned()),
            Act::FlushRedis => (Struck::Redis, "FLUSHALL".to_owned()),
            Act::PauseRedis(_) => (Struck::Redis, "CLIENT PAUSE".to_owned()),
            Act::RestartRedis(_) => (Struck::Redis, "restarts Redis".to_owned()),
        }
    }
}

fn span(random: &mut fastrand::Rng, ms: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.u64(ms))
}

/// Past the proxy.
fn tell_redis(scene: &Scene, command: &str) {
    let redis = scene.redis.as_ref().expect("a fleet").lock().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", redis.port)).expect("redis listens");
    stream.write_all(format!("{command}\r\n").as_bytes()).expect("redis reads");
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).expect("redis answers");
    assert_eq!(&answer, b"+OK\r\n", "{command}");
}

fn restart_redis(scene: &Scene, away: Duration) {
    let mut redis = scene.redis.as_ref().expect("a fleet").lock().unwrap();
    let line = scene.line(Line::Redis);
    line.shut();
    std::thread::sleep(away);
    *redis = Redis::start();
    line.lead_to(Place::Tcp(redis.port));
    line.open();
}
