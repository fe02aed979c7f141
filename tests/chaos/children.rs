//! Owns the processes under test: started, watched, and restarted when they end, as systemd does; judges nothing.

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::diary::{Diary, Entry, Struck, Watch};
use crate::house::House;
use crate::redis::free_port;

/// Between an end and the next start.
const RESTART: Duration = Duration::from_millis(150);
/// How often a process is looked after.
const LOOK: Duration = Duration::from_millis(10);
/// A process that is asked to stop may take this long: its grace period and a last turn.
const STOP: Duration = Duration::from_secs(12);

/// One process, whichever runs in its place at the time.
struct Place {
    name: String,
    role: &'static str,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    child: Option<Child>,
    started: Duration,
    /// Who is at fault when it ends.
    struck: Option<Struck>,
}

/// All processes of a run; dropping them kills them.
pub struct Children {
    places: Vec<Arc<Place>>,
    end: Arc<AtomicBool>,
    watchers: Vec<JoinHandle<()>>,
}

/// What a watcher needs.
#[derive(Clone)]
struct Scene {
    house: Arc<House>,
    watch: Watch,
    diary: Arc<Diary>,
    end: Arc<AtomicBool>,
}

impl Children {
    pub fn start(roles: &[&'static str], house: &Arc<House>, watch: Watch, diary: &Arc<Diary>) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let scene = Scene { house: house.clone(), watch, diary: diary.clone(), end: end.clone() };
        let named = roles.iter().enumerate();
        let places = named.map(|(n, role)| Place {
            name: format!("{role}-{}", n + 1),
            role,
            running: Mutex::default(),
        });
        let places: Vec<Arc<Place>> = places.map(Arc::new).collect();
        let watchers = places.iter().cloned().map(|place| {
            let scene = scene.clone();
            std::thread::spawn(move || scene.look_after(&place))
        });
        let watchers = watchers.collect();
        Self { places, end, watchers }
    }

    /// Ends the process in this place at once; its name.
    pub fn kill(&self, nth: usize) -> &str {
        let place = &self.places[nth];
        let mut running = place.running.lock().unwrap();
        if let Some(child) = &mut running.child {
            let _ = child.kill();
            running.struck = Some(Struck::Killed);
        }
        &place.name
    }

    /// Asks the process in this place to stop; its name.
    pub fn terminate(&self, nth: usize) -> &str {
        let place = &self.places[nth];
        let mut running = place.running.lock().unwrap();
        if let Some(child) = &running.child {
            terminate(child);
            running.struck = Some(Struck::Stopped);
        }
        &place.name
    }

    /// Stops all of them for good; what there is to say against it.
    pub fn stop(&mut self) -> Vec<String> {
        self.end.store(true, Ordering::SeqCst);
        let asked = Instant::now();
        for nth in 0..self.places.len() {
            self.terminate(nth);
        }
        let mut ended_badly = Vec::new();
        for place in &self.places {
            while place.is_running() && asked.elapsed() < STOP {
                std::thread::sleep(LOOK);
            }
            if place.is_running() {
                ended_badly.push(format!("{} does not stop on SIGTERM", place.name));
            }
        }
        self.bury();
        ended_badly
    }

    fn bury(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        for place in &self.places {
            if let Some(child) = &mut place.running.lock().unwrap().child {
                let _ = child.kill();
            }
        }
        for watcher in self.watchers.drain(..) {
            let _ = watcher.join();
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.bury();
    }
}

impl Place {
    fn is_running(&self) -> bool {
        self.running.lock().unwrap().child.is_some()
    }
}

impl Scene {
    fn look_after(&self, place: &Place) {
        while self.start(place) {
            let status = loop {
                if let Some(status) = place.running.lock().unwrap().ended() {
                    break status;
                }
                std::thread::sleep(LOOK);
            };
            self.note_end(place, status);
            std::thread::sleep(RESTART);
        }
    }

    /// False when no more are to be started.
    fn start(&self, place: &Place) -> bool {
        let mut running = place.running.lock().unwrap();
        // looked at under the lock: whoever ends all of them finds this one, or it is not started
        if self.end.load(Ordering::SeqCst) {
            return false;
        }
        let mut command = self.house.command(&["run", "--role", place.role, "--now"]);
        command.arg(self.watch.shop_time().to_rfc3339());
        // another one each time: what just ended may still hold the last
        command.env("REPLENISH__HTTP__LISTEN", format!("127.0.0.1:{}", free_port()));
        command.stdout(self.log(place)).stderr(self.log(place));
        let child = Some(command.spawn().expect("the program"));
        *running = Running { child, started: self.watch.now(), struck: None };
        true
    }

    fn log(&self, place: &Place) -> File {
        let path = self.house.path(&format!("{}.log", place.name));
        OpenOptions::new().create(true).append(true).open(path).expect("a log")
    }

    /// An end that nobody asked for, or one that went wrong, is worth a line.
    fn note_end(&self, place: &Place, status: ExitStatus) {
        let Running { started, struck, .. } = *place.running.lock().unwrap();
        let as_asked = match struck {
            Some(Struck::Killed) => true,
            // told before it could listen to the signal, it just ends
            Some(_) => status.success() || status.code().is_none(),
            None => false,
        };
        if !as_asked {
            let struck = if status.code() == Some(1) { Struck::GaveUp } else { Struck::Nobody };
            let words = format!("{} ended by itself: {status}", place.name);
            self.diary.note(Entry { from: started, until: self.watch.now(), struck, words });
        }
    }
}

impl Running {
    fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        self.child = None;
        Some(status)
    }
}

fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(sent.is_ok(), "kill cannot be run");
}
