//! Owns the face of `backtest`: order files in, a table of models out; the lab does the work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::ops::import::how_to_read;
use crate::cli::output::Output;
use crate::domain::catalog::Level;
use crate::intake::{Kind, Reading, Source};
use crate::lab::backtest::{Collector, Metrics, Model, Report, Setting, backtest};

/// How well the forecasts would have done on your own past orders, beside naive ways
///
/// Forecasts stand on some days of the past and know only what came before; what came after judges them. Nothing is
/// stored, and no settings are needed; where there are some, their zone and columns are used.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Example:\n  replenish backtest orders.csv.gz --level category")]
pub struct BacktestArgs {
    /// The order files: .csv or .jsonl, also with .gz, or .xlsx
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What a forecast is about
    #[arg(long, value_enum, default_value = "product")]
    level: ItemLevel,
    /// Days, counted from the file's first, on which forecasts stand; three spread over the file unless given
    #[arg(long, value_name = "D,D,…", value_delimiter = ',')]
    cutoffs: Vec<i32>,
    /// Days after a cutoff in which dates are judged; a sixth of the span, at most 90, unless given
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i32).range(1..))]
    horizon: Option<i32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ItemLevel {
    Product,
    Group,
    Category,
    Member,
}

impl From<ItemLevel> for Level {
    fn from(level: ItemLevel) -> Self {
        match level {
            ItemLevel::Product => Level::Product,
            ItemLevel::Group => Level::Group,
            ItemLevel::Category => Level::Category,
            ItemLevel::Member => Level::Member,
        }
    }
}

impl BacktestArgs {
    /// Reads the files, foretells their past, prints how well.
    ///
    /// # Errors
    /// A file that cannot be read; a history too short for what is asked; invalid settings.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let reading = how_to_read(config, Kind::Orders)?;
        let out = *out;
        let report = tokio::task::spawn_blocking(move || self.judge(&reading, out)).await??;
        if out.is_json() {
            out.json(&report)?
        } else {
            tell(&report, out)?
        }
        Ok(ExitCode::SUCCESS)
    }

    fn judge(&self, reading: &Reading, out: Output) -> anyhow::Result<Report> {
        let started = std::time::Instant::now();
        let mut lines = Collector::new(self.level.into(), reading.zone);
        for file in &self.files {
            let bytes = std::fs::metadata(file).map(|m| m.len()).ok();
            let progress = out.progress("reading", bytes);
            let read = Source::of(file)
                .and_then(|source| lines.read(&source, reading, &|bytes| progress.set_position(bytes)));
            progress.finish_and_clear();
            read?;
        }
        let working = out.progress("foretelling the past", None);
        working.enable_steady_tick(std::time::Duration::from_millis(200));
        let setting = Setting { cutoffs: self.cutoffs.clone(), horizon: self.horizon };
        let report = backtest(lines.finish(), self.level.into(), &setting);
        working.finish_and_clear();
        let names: Vec<String> = self.files.iter().map(|f| f.display().to_string()).collect();
        Ok(Report { file: names.join(" "), seconds: started.elapsed().as_secs_f64(), ..report? })
    }
}

fn tell(report: &Report, out: Output) -> anyhow::Result<()> {
    let days: Vec<String> = report.cutoffs.iter().map(ToString::to_string).collect();
    out.say(format_args!(
        "{}: {} pairs of member and {}, forecasts on days {}, judged over {} days ({:.1} s)\n",
        report.file,
        report.pairs,
        report.level.as_str(),
        days.join(", "),
        report.horizon,
        report.seconds
    ))?;
    let header = [
        "",
        "date off by",
        "fresh",
        "crps",
        "right to a week",
        "bss30",
        "auc30",
        "bought within a week",
        "purchases caught",
    ];
    let rows = report.models.iter().map(|(model, m)| row(*model, m)).collect();
    out.table(&header, &header[1..], rows)?;
    out.say(format_args!("\n{}", meaning(report)))
}

fn row(model: Model, m: &Metrics) -> Vec<String> {
    let figure =
        |x: Option<f64>, digits: usize| x.map_or_else(|| "–".to_owned(), |x| format!("{x:.digits$}"));
    let share = |x: Option<f64>| x.map_or_else(|| "–".to_owned(), |x| format!("{:.1}%", x * 100.0));
    let name = match model {
        Model::Replenish => "replenish",
        Model::ProductMedian => "product median",
        Model::OwnMean => "own mean",
        Model::OwnMedian => "own median",
        Model::BgNbd => "BG/NBD",
    };
    vec![
        name.to_owned(),
        format!("{} d", figure(m.mae_n2, 1)),
        format!("{} d", figure(m.mae_fresh, 1)),
        figure(m.crps_n2, 2),
        share(m.within7_n2),
        figure(m.bss30_n1, 3),
        figure(m.auc30_n1, 3),
        share(m.prec7_n2),
        share(m.recall_n2),
    ]
}

/// One sentence for this shop.
fn meaning(report: &Report) -> String {
    let of = |wanted: Model| {
        report.models.iter().find(|(model, _)| *model == wanted).and_then(|(_, m)| m.prec7_n2)
    };
    match (of(Model::Replenish), of(Model::ProductMedian)) {
        (Some(ours), Some(plain)) if plain > 0.0 => format!(
            "Of 100 reminders, {:.0} are followed by a purchase within a week; with the product's median interval, three days early, {:.0}.",
            ours * 100.0,
            plain * 100.0
        ),
        _ => "The history is too short to judge reminders; dates and probabilities stand above.".to_owned(),
    }
}
