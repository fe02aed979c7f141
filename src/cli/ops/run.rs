//! `replenish run`: the daemon, or a single pass; signals, readiness and the HTTP face around it.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::moment::Moment;
use crate::cli::open::load;
use crate::cli::ops::face;
use crate::cli::ops::reload::Reload;
use crate::cli::output::Output;
use crate::cli::parts::Opened;
use crate::cli::{FAILED, USAGE};
use crate::config::{QueueUrl, Settings};
use crate::daemon::{self, Clock, OnceSummary, Role, install_metrics, real_time};
use crate::domain::ids::Timestamp;

/// Run the daemon, or a single pass with --once.
///
/// One process does it all by default, under an exclusive lock. In a fleet (PostgreSQL and Redis), run any number of
/// each role side by side.
#[derive(Debug, clap::Args)]
pub struct Run {
    /// Which part of the work this process does; roles other than all need Redis
    #[arg(long, value_enum, default_value = "all")]
    role: RoleName,
    /// Learn if it never has, plan, deliver all that is due now, and exit
    #[arg(long)]
    once: bool,
    /// Start the clock at this time, as 2026-03-02T10:00:00+08:00
    #[arg(long, value_name = "TIME", value_parser = Moment::parse_date)]
    now: Option<Moment>,
    /// Allow --now more than a day off the clock although a channel reaches beyond this machine
    #[arg(long, requires = "now")]
    force_now: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RoleName {
    All,
    Planner,
    Worker,
    Http,
}

impl Run {
    /// Checks everything, then runs until a signal, or through one pass.
    ///
    /// # Errors
    /// Invalid settings, before anything is touched; a store or queue that cannot be reached.
    pub async fn run(self, config: &Path, out: &Output) -> anyhow::Result<ExitCode> {
        let loaded = load(config, None)?;
        let settings = loaded.settings.clone();
        if self.role != RoleName::All && settings.queue.url == QueueUrl::Ledger {
            out.note("roles side by side need a queue between them: set [queue] url = \"redis://…\", or run --role all")?;
            return Ok(ExitCode::from(USAGE));
        }
        let stop = CancellationToken::new();
        let now = self.now.map(|moment| moment.start(real_time(), settings.timezone));
        // From here on a hang-up means a reload, even one that comes too early; a single pass ends by it as usual.
        let hangup = (!self.once).then(|| signal(SignalKind::hangup())).transpose()?;
        let opened = Opened::of(loaded, |all_local| self.clock(now, all_local)).await?;
        if opened.is_taken() {
            out.note(
                "another replenish runs on this ledger: stop it first, or ask it by the other commands",
            )?;
            return Ok(ExitCode::from(FAILED));
        }
        watch_signals(stop.clone())?;
        let Some(hangup) = hangup else {
            let summary = daemon::run_once(opened.parts, opened.lock.as_ref(), stop).await?;
            tell(&summary, *out)?;
            return Ok(ExitCode::SUCCESS);
        };
        let reload = Arc::new(Reload::new(config, settings.clone(), opened.parts.clone()));
        self.serve(opened, settings, (reload, hangup), stop).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn serve(
        &self,
        opened: Opened,
        settings: Settings,
        (reload, hangup): (Arc<Reload>, Signal),
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let Opened { parts, lock } = opened;
        let metrics = install_metrics().context("metrics cannot be collected")?;
        parts.tell_rules();
        tokio::spawn({
            let reload = reload.clone();
            async move { reload.at_every(hangup).await }
        });
        let listen = settings.http.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}: another process does, or [http] listen is wrong")
        })?;
        let router = face::router(parts.clone(), metrics, Arc::new(settings), reload);
        let serving = tokio::spawn(crate::http::serve(listener, router, stop.clone()));
        tracing::info!(%listen, role = ?self.role, rules = parts.knowledge().rules.hash(), "running");
        // Whoever is not started by systemd has no one to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        daemon::run(parts, self.role.into(), lock, stop).await?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        serving.await.context("the http face stopped")?.context("the http face failed")
    }

    fn clock(&self, now: Option<Timestamp>, all_local: bool) -> anyhow::Result<Clock> {
        let Some(now) = now else {
            return Ok(if self.once { Clock::Fixed(real_time()) } else { Clock::Real });
        };
        let off = (now - real_time()).abs();
        if off > TimeDelta::days(1) && !all_local && !self.force_now {
            bail!(
                "--now is {} days off the clock, and a channel reaches real people: add --force-now if that is meant",
                off.num_days()
            );
        }
        Ok(if self.once { Clock::Fixed(now) } else { Clock::starting_at(now) })
    }
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::All => Role::All,
            RoleName::Planner => Role::Planner,
            RoleName::Worker => Role::Worker,
            RoleName::Http => Role::Http,
        }
    }
}

/// The first SIGINT or SIGTERM drains; the second leaves at once.
fn watch_signals(stop: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if last {
                std::process::exit(i32::from(FAILED));
            }
            tracing::info!("stopping: what is in flight finishes, a second signal leaves at once");
            stop.cancel();
        }
    });
    Ok(())
}

fn tell(summary: &OnceSummary, out: Output) -> anyhow::Result<()> {
    if out.is_json() {
        return out.json(summary);
    }
    let count = &summary.count;
    out.say(format_args!(
        "{} planned, {} delivered, {} to be tried again, {} failed, {} uncertain, {} skipped ({:.1} s)",
        count.planned,
        count.delivered,
        count.retrying,
        count.failed,
        count.uncertain,
        count.skipped,
        summary.seconds
    ))
}
