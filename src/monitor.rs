//! Off the hot path: what was measured and counted, as text for a person or a scraper.

pub mod latency;
pub mod metrics;
