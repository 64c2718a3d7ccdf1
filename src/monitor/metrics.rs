//! Counters of a lane, and Prometheus text exposition of an engine.

use std::fmt::Write;

use super::latency::Histogram;
pub use crate::sync::Counter;

/// Declares the counters of a lane once, with names and texts of the exposition.
macro_rules! counters {
    ($($field:ident $text:literal;)*) => {
        /// What a lane counted. Its owner writes, any thread reads.
        #[derive(Debug, Default)]
        pub struct LaneCounters {
            $(#[doc = $text] pub $field: Counter,)*
            /// Time to apply an event, sampled.
            pub event_ns: Histogram,
            /// Time to compute a step's features, sampled.
            pub step_ns: Histogram,
            /// Time to predict, sampled.
            pub predict_ns: Histogram,
        }

        const COUNTERS: &[(&str, &str, fn(&LaneCounters) -> &Counter)] = &[$((stringify!($field), $text, |lane| &lane.$field),)*];
    };
}

impl LaneCounters {
    /// Every counter with its name.
    pub fn by_name(&self) -> impl Iterator<Item = (&'static str, u64)> {
        COUNTERS.iter().map(|(name, _, counter)| (*name, counter(self).get()))
    }
}

type Sampled = (&'static str, &'static str, fn(&LaneCounters) -> &Histogram);

const HISTOGRAMS: [Sampled; 3] = [
    ("event_ns", "Time to apply an event, 1 in 64.", |lane| &lane.event_ns),
    ("step_ns", "Time to compute a step's features, 1 in 64.", |lane| &lane.step_ns),
    ("predict_ns", "Time to predict, 1 in 64.", |lane| &lane.predict_ns),
];

counters! {
    events "Events applied.";
    skipped "Events taken but not applied: late, duplicate or out of order.";
    refused "Events refused at the gate.";
    unrouted "Events of streams that no track of the lane uses.";
    late "Events applied to the open step although their time had been closed.";
    steps "Steps closed.";
    unasked "Steps closed whose prediction nobody asked for.";
    gaps "Bars or events that are missing.";
    restarts "Times that a track's state started anew.";
    predictions "Predictions made.";
    decisions "Predictions that decided.";
    abstentions "Predictions that abstained.";
    member_failures "Members left out of a prediction.";
    generations "Times that a lane took over a new generation.";
    windows_ahead "Windows of models that were worked out but for their newest row.";
    ahead_refused "Times that a poll could not work ahead, since the memory did not fit under limits.memory_mb.";
    windows_whole "Windows run whole although the track works ahead: the step came early, or the models are new.";
}

/// A gauge of the engine: name, text, value.
pub type Gauge = (&'static str, &'static str, u64);

/// Prometheus text of gauges and lanes.
#[must_use]
pub fn exposition(gauges: &[Gauge], lanes: &[(u16, &LaneCounters)]) -> String {
    let mut text = String::new();
    for (name, help, value) in gauges {
        let _ = writeln!(text, "# HELP foretick_{name} {help}\n# TYPE foretick_{name} gauge\nforetick_{name} {value}");
    }
    for (name, help, counter) in COUNTERS {
        let _ = writeln!(text, "# HELP foretick_{name}_total {help}\n# TYPE foretick_{name}_total counter");
        for (lane, counters) in lanes {
            let _ = writeln!(text, "foretick_{name}_total{{lane=\"{lane}\"}} {}", counter(counters).get());
        }
    }
    for (name, help, histogram) in HISTOGRAMS {
        let _ = writeln!(text, "# HELP foretick_{name} {help}\n# TYPE foretick_{name} histogram");
        for (lane, counters) in lanes {
            write_histogram(&mut text, name, *lane, histogram(counters));
        }
    }
    text
}

fn write_histogram(text: &mut String, name: &str, lane: u16, histogram: &Histogram) {
    for power in 4..=30 {
        let bound = 1u64 << power;
        let _ = writeln!(text, "foretick_{name}_bucket{{lane=\"{lane}\",le=\"{bound}\"}} {}", histogram.count_below(bound));
    }
    let count = histogram.count();
    let _ = writeln!(text, "foretick_{name}_bucket{{lane=\"{lane}\",le=\"+Inf\"}} {count}");
    let _ = writeln!(text, "foretick_{name}_sum{{lane=\"{lane}\"}} {}\nforetick_{name}_count{{lane=\"{lane}\"}} {count}", histogram.sum());
}
