//! What brands ask for: who will need what, and what the rules would do about it.

mod forecast;
mod plan;

pub use forecast::ForecastArgs;
pub use plan::PlanArgs;
