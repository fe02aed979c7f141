use super::*;
use replenish::domain::job::{Delivery, Outcome, Settled};
use replenish::domain::reason::Reason;
use replenish::store::{JobRef, Settlement};
use std::io::Read;
use std::time::Instant;

fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}
struct Clock(Instant, f64);
impl Clock {
    fn now() -> Self {
        Clock(Instant::now(), cpu())
    }
    fn say(&self, what: &str, n: f64) {
        println!(
            "{what}: {:.0}/s wall, {:.0}/s cpu",
            n / self.0.elapsed().as_secs_f64(),
            n / (cpu() - self.1)
        );
    }
}
fn tafeng() -> Vec<OrderLine> {
    let file = std::fs::File::open("/work/shared/data/tafeng.csv.gz").unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut n: std::collections::HashMap<(String, String), u32> = Default::default();
    text.lines()
        .skip(1)
        .map(|l| {
            let f: Vec<&str> = l.split(',').collect();
            let nth = n.entry((f[0].into(), f[2].into())).or_default();
            let line = LineIdentity::Nth(*nth);
            *nth += 1;
            OrderLine {
                order: f[0].into(),
                line,
                member: f[1].into(),
                product: f[2].into(),
                category: (!f[3].is_empty()).then(|| f[3].into()),
                ordered_at: f[4]
                    .parse::<chrono::NaiveDate>()
                    .unwrap()
                    .and_hms_opt(0, 0, 0)
                    .unwrap()
                    .and_utc(),
                quantity: f[5].parse().unwrap_or(1.0),
                unit_price: f[6].parse().ok(),
                status: None,
                counted: true,
                delivered_at: None,
                gift: false,
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore]
async fn speed() {
    let place = match std::env::var("PG") {
        Ok(_) => Place::postgres().await.unwrap(),
        _ => {
            let folder = tempfile::tempdir_in("/work").unwrap();
            Place { url: format!("sqlite:{}", folder.path().join("l.db").display()), _folder: Some(folder) }
        }
    };
    let store = place.open().await;
    let lines = tafeng();
    let total = lines.len() as f64;
    for round in 0..std::env::var("ROUNDS").map_or(2, |r| r.parse().unwrap()) {
        let chunks: Vec<Vec<OrderLine>> = lines.chunks(10_000).map(<[_]>::to_vec).collect();
        let c0 = Clock::now();
        let mut worst = 0.0f64;
        for c in chunks {
            let t = Instant::now();
            store.put_orders(c).await.unwrap();
            worst = worst.max(t.elapsed().as_secs_f64());
        }
        c0.say("import", total);
        println!("  {round} worst {worst:.3}");
    }
    if std::env::var("IMPORT").is_ok() {
        return;
    }
    if let Some(p) = place.url.strip_prefix("sqlite:") {
        println!("size {}", std::fs::metadata(p).unwrap().len());
    }
    for _ in 0..2 {
        let c0 = Clock::now();
        let (tx, rx) = std::sync::mpsc::channel();
        store.scan(day(9999), move |_, l| tx.send(l.len()).unwrap()).await.unwrap();
        let n: usize = rx.iter().sum();
        c0.say("scan", n as f64);
    }
    let t = Instant::now();
    store.catalog().await.unwrap();
    println!("catalog {:.3}", t.elapsed().as_secs_f64());
    // decide: plan, assemble
    let c0 = Clock::now();
    let mut members = 0;
    loop {
        let d = store
            .decide(Pick::Awake(500), day(0), day(-30), |v, _| {
                let (mut o, mut j) = (occasion("c", 1), job(v.member.id.as_str(), 1, 1));
                o.key.cycle = v.lines[0].order.as_str().into();
                j.id = v.member.id.as_str().into();
                (
                    vec![
                        Change::Plan(o.clone()),
                        Change::Assemble(Box::new(j), vec![o.key]),
                        Change::Planned(None, "x".into()),
                    ],
                    v.lines.len(),
                )
            })
            .await
            .unwrap();
        if d.is_empty() {
            break;
        }
        members += d.len();
        assert!(d.iter().all(|d| d.applied == [true; 3]));
    }
    c0.say("plan+assemble", members as f64);
    let (mut offer, mut claim, mut settle) = (0.0, 0.0, 0.0);
    let all = Instant::now();
    let c0 = Clock::now();
    let mut jobs = 0;
    loop {
        let t = Instant::now();
        let offered = store.offer(day(2), day(3), 400).await.unwrap();
        offer += t.elapsed().as_secs_f64();
        if offered.is_empty() {
            break;
        }
        jobs += offered.len();
        let t = Instant::now();
        let keys = offered.iter().map(|j| MemberKey(j.member)).collect();
        let started = store
            .decide(Pick::Members(keys), day(2), day(-30), |v, _| {
                (
                    v.jobs
                        .iter()
                        .filter(|j| j.state == JobState::Queued)
                        .map(|j| super::start(&j.id, 2))
                        .collect(),
                    (),
                )
            })
            .await
            .unwrap();
        assert!(started.iter().all(|d| d.applied == [true]));
        claim += t.elapsed().as_secs_f64();
        let t = Instant::now();
        let s = offered
            .into_iter()
            .map(|j| Settlement {
                job: JobRef { ..j },
                at: day(2),
                outcome: Outcome::new(Delivery::Delivered, None),
                settled: Settled {
                    state: JobState::Delivered,
                    reason: None::<Reason>,
                    not_before: None,
                    burns_attempt: true,
                },
            })
            .collect();
        assert!(store.settle(s).await.unwrap().iter().all(|s| *s));
        settle += t.elapsed().as_secs_f64();
    }
    c0.say("jobs", jobs as f64);
    println!(
        "{jobs} jobs: {:.0}/s; offer {:.0}/s claim {:.0}/s settle {:.0}/s",
        jobs as f64 / all.elapsed().as_secs_f64(),
        jobs as f64 / offer,
        jobs as f64 / claim,
        jobs as f64 / settle
    );
    let t = Instant::now();
    println!("{} counts {:.3}", store.counts().await.unwrap().len(), t.elapsed().as_secs_f64());
    let t = Instant::now();
    println!("{} list {:.3}", store.jobs(Default::default()).await.unwrap().len(), t.elapsed().as_secs_f64());
}
