//! What brands ask for: who will need what, and what the rules would do about it.

mod backtest;
mod diff;
mod forecast;
mod plan;
mod preview;
mod simulate;
mod trial;

pub use backtest::BacktestArgs;
pub use forecast::{ForecastArgs, tell_needs};
pub use plan::PlanArgs;
pub use preview::PreviewArgs;
pub use simulate::SimulateArgs;
pub use trial::TestArgs;
