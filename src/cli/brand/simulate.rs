//! Owns the face of `simulate`: order files in, what would have happened out; the lab does the work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chrono_tz::Tz;

use crate::cli::moment::Moment;
use crate::cli::open::load;
use crate::cli::ops::import::{plain_reading, reading};
use crate::cli::output::{Output, percent, strong};
use crate::config::{Loaded, Settings};
use crate::daemon::real_time;
use crate::domain::member::Purpose;
use crate::domain::rules::Rules;
use crate::intake::{IntakeError, Kind, Reading, Source};
use crate::lab::simulate::{
    Collector, Outcome, Past, Report, Setting, Simulation, Sweep, SweepKey, Tally, plain_rules,
};

/// What the rules would have sent over your own past orders, and whether it was on time
///
/// The planner lives through past days: each night it learns what was ordered the day before, and nothing of what comes
/// after. Reminded items are judged by what was bought around the day of the reminder: on time within 7 days after it,
/// late in the 3 days before, early 8 to 28 days after, else not needed. Care messages are counted and not judged.
/// Nothing is stored or sent. Beside it stands a naive flow of as many mails: the item's median gap after each
/// purchase, three days early. Settings are used when there, for zone, columns and rules.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  replenish simulate --orders orders.csv.gz
  replenish simulate --orders orders.csv.gz --rules drafts --sweep needs.chance=10%,20%,30%")]
pub struct SimulateArgs {
    /// Order files: .csv or .jsonl, also with .gz, or .xlsx
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    orders: Vec<PathBuf>,
    /// Product files, for groups, supply and stock
    #[arg(long, num_args = 1.., value_name = "FILE")]
    products: Vec<PathBuf>,
    /// Member files, for zones, consent and addresses; without one everybody counts as reachable and willing
    #[arg(long, num_args = 1.., value_name = "FILE")]
    members: Vec<PathBuf>,
    /// The first day or time; 45 % into the orders unless given
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date)]
    from: Option<Moment>,
    /// The last day, or the time to end at; 28 days before the last order unless given
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date)]
    to: Option<Moment>,
    /// Try the rules of this folder or file instead of those in the settings
    #[arg(long, value_name = "PATH")]
    rules: Option<PathBuf>,
    /// Try several values in all reminder rules: needs.chance or needs.purchases
    #[arg(long, value_name = "KEY=V,V,…")]
    sweep: Option<Sweep>,
    /// Days from one lesson to the next
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = whole_days)]
    learn_every: i32,
}

fn whole_days(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(Moment::Span(span)) if (1..=3_650).contains(&span.num_days()) => Ok(span.num_days() as i32),
        _ => Err("expected at least a day, as 1d or 2w".to_owned()),
    }
}

impl SimulateArgs {
    /// Reads the files, lives through the days, prints what would have happened.
    ///
    /// # Errors
    /// Invalid settings or rules; a file that cannot be read; orders too few for what is asked.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let house = self.house(config, *out)?;
        let out = *out;
        let report = tokio::task::spawn_blocking(move || self.simulate(house, out)).await??;
        if out.is_json() {
            out.json(&report)?
        } else {
            tell(&report, out)?
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What the settings say; where there are none, plain ways to read and one plain rule.
    fn house(&self, config: &Path, out: Output) -> anyhow::Result<House> {
        if !config.exists() && self.rules.is_none() {
            out.note("no settings: one plain reminder rule by category, days in universal time")?;
            return Ok(House { settings: None, rules: plain_rules() });
        }
        let Loaded { settings, rules } = load(config, self.rules.as_deref())?;
        Ok(House { settings: Some(settings), rules })
    }

    fn simulate(&self, house: House, out: Output) -> anyhow::Result<Report> {
        let started = Instant::now();
        let zone = house.reading(Kind::Orders).zone;
        let past = self.read(&house, out)?;
        let working = out.progress("learning from earlier days", None);
        working.enable_steady_tick(Duration::from_millis(200));
        let simulation = Simulation::new(past, house.rules, &self.setting(zone));
        working.finish_and_clear();
        let simulation = simulation?;
        let runs = 1 + self.sweep.as_ref().map_or(0, |sweep| sweep.values.len() as u64);
        let progress = out.progress("members simulated", Some(simulation.members() * runs));
        let report = simulation.run(self.sweep.as_ref(), &|done| progress.set_position(done));
        progress.finish_and_clear();
        if report.outcome.unjudged > 0 {
            out.note(format_args!(
                "{} reminded items are not judged: the orders end less than 28 days after them",
                report.outcome.unjudged
            ))?;
        }
        Ok(Report { seconds: started.elapsed().as_secs_f64(), ..report })
    }

    fn setting(&self, zone: Tz) -> Setting {
        let now = real_time();
        let from = self.from.map(|moment| moment.start(now, zone));
        let end = self.to.map(|moment| moment.end(now, zone));
        Setting { from, end, learn_every: self.learn_every }
    }

    fn read(&self, house: &House, out: Output) -> anyhow::Result<Past> {
        let how = |kind| house.reading(kind);
        let mut past = Collector::new(how(Kind::Orders).zone);
        each(&self.products, &how(Kind::Products), out, |file, how, told| past.products(file, how, told))?;
        each(&self.members, &how(Kind::Members), out, |file, how, told| past.members(file, how, told))?;
        each(&self.orders, &how(Kind::Orders), out, |file, how, told| past.orders(file, how, told))?;
        Ok(past.finish(&house.rules))
    }
}

/// What a simulation takes from the settings.
struct House {
    settings: Option<Settings>,
    rules: Rules,
}

impl House {
    fn reading(&self, kind: Kind) -> Reading {
        self.settings.as_ref().map_or_else(plain_reading, |settings| reading(settings, kind))
    }
}

fn each(
    files: &[PathBuf],
    how: &Reading,
    out: Output,
    mut take: impl FnMut(&Source, &Reading, &dyn Fn(u64)) -> Result<(), IntakeError>,
) -> anyhow::Result<()> {
    for file in files {
        let bytes = std::fs::metadata(file).map(|m| m.len()).ok();
        let progress = out.progress("reading", bytes);
        let read =
            Source::of(file).and_then(|source| take(&source, how, &|bytes| progress.set_position(bytes)));
        progress.finish_and_clear();
        read?;
    }
    Ok(())
}

fn tell(report: &Report, out: Output) -> anyhow::Result<()> {
    let outcome = &report.outcome;
    out.say(strong(format_args!(
        "{} messages to {} members from {} to {}, {:.0} a week; nothing was sent.",
        outcome.jobs, outcome.members, report.from, report.to, outcome.per_week
    )))?;
    out.heading("Reminded items, by what was bought around their day")?;
    let header = ["rule", "messages", "items", "on time", "late", "early", "not needed"];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for rule in &outcome.by_rule {
        let figures = match rule.kind {
            Purpose::Reminder => figures(&rule.tally),
            Purpose::Care => vec!["–".to_owned(); 5],
        };
        rows.push([vec![rule.rule.to_string(), rule.jobs.to_string()], figures].concat());
    }
    if outcome.by_rule.len() > 1 {
        rows.push([vec!["all".to_owned(), outcome.jobs.to_string()], figures(&outcome.tally)].concat());
    }
    let naive = &outcome.naive;
    let frequent = ("the same, frequent buyers first", &naive.frequent_first);
    let is_all = naive.jobs < outcome.tally.judged;
    let as_many = if is_all { "naive, all there are" } else { "naive, as many" };
    for (name, tally) in [(as_many, &naive.tally), frequent].into_iter().take(if is_all { 1 } else { 2 }) {
        rows.push([vec![name.to_owned(), tally.judged.to_string()], figures(tally)].concat());
    }
    out.table(&header, &header[1..], rows)?;
    swept(report, out)?;
    out.say(format_args!("\n{} ({:.1} s)", meaning(outcome), report.seconds))
}

/// How many, and the shares of each timing.
fn figures(tally: &Tally) -> Vec<String> {
    let share = |count: u64| match tally.judged {
        0 => "–".to_owned(),
        all => format!("{:.1}%", count as f64 * 100.0 / all as f64),
    };
    let shares = [tally.on_time, tally.late, tally.early, tally.not_needed].map(share);
    std::iter::once(tally.judged.to_string()).chain(shares).collect()
}

fn swept(report: &Report, out: Output) -> anyhow::Result<()> {
    let Some(first) = report.sweep.first() else { return Ok(()) };
    out.heading("With other values in every reminder rule")?;
    let header = [first.key.as_str(), "messages a week", "items", "on time", "naive, as many", "factor"];
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |s| format!("{:.1}%", s * 100.0));
    let rows = report.sweep.iter().map(|swept| {
        let outcome = &swept.outcome;
        vec![
            match swept.key {
                SweepKey::Chance => percent(swept.value),
                SweepKey::Purchases => swept.value.to_string(),
            },
            format!("{:.0}", outcome.per_week),
            outcome.tally.judged.to_string(),
            share(outcome.tally.on_time_share),
            share(outcome.naive.tally.on_time_share),
            outcome.factor.map_or_else(|| "–".to_owned(), |factor| format!("{factor:.2}")),
        ]
    });
    out.table(&header, &header, rows.collect())
}

/// One sentence for this shop.
fn meaning(outcome: &Outcome) -> String {
    match (outcome.tally.on_time_share, outcome.naive.tally.on_time_share) {
        (Some(ours), Some(plain)) => format!(
            "Of 100 items reminded of, {:.0} were bought within a week; of 100 naive mails, {:.0}, or {:.0} if only the most frequent buyers get them.",
            ours * 100.0,
            plain * 100.0,
            outcome.naive.frequent_first.on_time_share.unwrap_or_default() * 100.0
        ),
        (Some(ours), None) => {
            format!("Of 100 items reminded of, {:.0} were bought within a week.", ours * 100.0)
        }
        (None, _) => {
            "No reminder went that could be judged: look at `needs` in the rules, and at --from and --to."
                .to_owned()
        }
    }
}
