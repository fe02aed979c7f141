//! The command line: what each kind of user can ask, in their words; a face of desk, daemon and lab.

pub mod brand;
pub mod demo;
pub mod hook;
pub mod moment;
pub mod open;
pub mod ops;
pub mod output;
pub mod parts;
pub mod report;
pub mod support;
mod who;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use self::open::{Invalid, Open};
use self::output::Output;

/// An ordinary failure.
pub const FAILED: u8 = 1;
/// The command was used wrongly.
pub const USAGE: u8 = 2;
/// Settings, rules or templates are invalid.
pub const INVALID_CONFIG: u8 = 78;

/// Writes to people just before they run out.
///
/// A background worker that learns from past orders when each member will need something again, and sends a reminder
/// or a care message at that moment, by e-mail or by signed webhook. It says why it writes, and stays silent when it is
/// unsure or not needed.
#[derive(Debug, Parser)]
#[command(name = "replenish", version, max_term_width = 110, after_help = AFTER)]
struct Cli {
    /// The settings file; rules and templates lie where it says
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", default_value = USUAL_SETTINGS)]
    config: PathBuf,
    /// Print JSON: one object, or one a line for lists
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

/// Where settings lie unless said otherwise.
const USUAL_SETTINGS: &str = "config/replenish.toml";

/// Options that every command takes stand apart, below its own.
const GLOBAL: &str = "Options of every command";

const AFTER: &str = "New here? `replenish demo` shows the whole road on a made-up shop, in a fresh folder, with no service needed.
Every setting can be overridden by an environment variable: REPLENISH__STORE__URL for `url` under [store].
Exit codes: 0 done, 1 failed, 2 used wrongly, 78 invalid settings, rules or templates.";

// What a command is for stands at its arguments: a doc comment here would hide the longer text there.
#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Demo),
    Import(ops::import::Import),
    Learn(ops::learn::Learn),
    Backup(ops::backup::Backup),
    Run(ops::run::Run),
    Check(ops::check::Check),
    SendTest(ops::send_test::SendTest),
    Bounces(ops::bounces::Bounces),
    Forecast(brand::ForecastArgs),
    Backtest(brand::BacktestArgs),
    Simulate(brand::SimulateArgs),
    Test(brand::TestArgs),
    Plan(brand::PlanArgs),
    Preview(brand::PreviewArgs),
    Explain(support::ExplainArgs),
    Jobs(support::JobsArgs),
    Suppress(support::SuppressArgs),
    Forget(support::ForgetArgs),
    Pause(support::PauseArgs),
    Resume(support::ResumeArgs),
    Status(support::StatusArgs),
    Verify(ops::verify::VerifyArgs),
    /// Print completions for a shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// Parses the command line, runs it, and says how it went.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_tracing(matches!(cli.command, Command::Run(_)));
    // Every TLS connection, of whatever crate, uses this provider; a second installation is refused and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let out = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return out.failed(&anyhow::Error::new(error).context("no threads can be started")),
    };
    let settings = settings_file(cli.config);
    match runtime.block_on(run(cli.command, settings.clone(), &out)) {
        Ok(code) => code,
        Err(error) => match error.downcast_ref::<Invalid>() {
            Some(invalid) => {
                // Whoever closed standard error does not want to know.
                let _ = out.problems(&invalid.0, &settings);
                ExitCode::from(INVALID_CONFIG)
            }
            None => out.failed(&error),
        },
    }
}

/// The settings file meant; inside a folder that holds settings itself, the usual one is found there too.
fn settings_file(config: PathBuf) -> PathBuf {
    let here = PathBuf::from("replenish.toml");
    let usual = config == std::path::Path::new(USUAL_SETTINGS);
    if usual && !config.exists() && here.exists() { here } else { config }
}

async fn run(command: Command, config: PathBuf, out: &Output) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(demo) => demo.run(out).await,
        Command::Import(import) => import.run(&config, out).await,
        Command::Learn(learn) => learn.run(&config, out).await,
        Command::Backup(backup) => backup.run(&config, out).await,
        Command::Run(run) => run.run(&config, out).await,
        Command::Check(check) => check.run(&config, out).await,
        Command::SendTest(test) => test.run(&config, out).await,
        Command::Bounces(bounces) => bounces.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Backtest(backtest) => backtest.run(&config, out).await,
        Command::Test(test) => test.run(&config, out),
        Command::Simulate(simulate) => simulate.run(&config, out).await,
        Command::Forecast(forecast) => forecast.run(&Open::of(&config, None).await?, out).await,
        Command::Plan(plan) => {
            let open = Open::of(&config, plan.rules()).await?;
            plan.run(&open, &config, out).await
        }
        Command::Preview(preview) => preview.run(&Open::of(&config, None).await?, out).await,
        Command::Explain(explain) => explain.run(&Open::of(&config, None).await?, out).await,
        Command::Jobs(jobs) => jobs.run(&config, out).await,
        Command::Suppress(suppress) => suppress.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Forget(forget) => forget.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Pause(pause) => pause.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Resume(resume) => resume.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Status(status) => status.run(&Open::at_once(&config, *out).await?, out).await,
        Command::Verify(verify) => verify.run(&config, out).await,
        Command::Completions { shell } => {
            use clap::CommandFactory;
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "replenish", &mut script);
            out.say(String::from_utf8(script)?.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Logs go to standard error: JSON when that is not a terminal. `RUST_LOG` filters them.
fn start_tracing(daemon: bool) {
    let usual = if daemon { "replenish=info,warn" } else { "replenish=warn,error" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).init();
    }
}
