//! Options as TOML text: the same keys for the header, the command and Rust.

pub mod text;

use std::path::PathBuf;

use crate::error::{Result, Status};
use text::{Problems, Section};

/// Which clock the engine reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The system's.
    System,
    /// None: the host gives every time; used by replay.
    Host,
}

/// Bounds of what may be open at the same time (streams: ever).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Streams ever added.
    pub streams: usize,
    /// Lanes open.
    pub lanes: usize,
    /// Tracks open.
    pub tracks: usize,
    /// Links open.
    pub links: usize,
    /// Scorers open.
    pub scorers: usize,
    /// Slots.
    pub slots: usize,
    /// Windows and models together, MiB; 0 none.
    pub memory_mb: u64,
}

/// Which backends may run models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backends {
    /// Native kernels.
    pub native: bool,
    /// ONNX Runtime.
    pub ort: bool,
    /// rten.
    pub rten: bool,
    /// Its library's file; `None` looks in `ORT_DYLIB_PATH`, then beside our own library.
    pub ort_library: Option<PathBuf>,
    /// Upper bound of a foreign run's time, us; `None` leaves the manifest's.
    pub deadline_us: Option<u64>,
}

impl Default for Backends {
    fn default() -> Backends {
        Backends { native: true, ort: true, rten: true, ort_library: None, deadline_us: None }
    }
}

/// Options of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Housekeeping threads: 1, or 0 when the host does the housekeeping.
    pub threads: u32,
    /// Which clock.
    pub clock: ClockSource,
    /// Bounds.
    pub limits: Limits,
    /// How often housekeeping looks, ms.
    pub housekeeping_ms: u64,
    /// The core that the housekeeping thread is pinned to; `None` leaves it to the system.
    pub housekeeping_core: Option<u32>,
    /// How long after a publish an idle lane is given the new models by housekeeping, ms.
    pub idle_revoke_ms: u64,
    /// How long closing waits for callers inside, ms.
    pub close_timeout_ms: u64,
    /// What may run models.
    pub backends: Backends,
    /// One earlier generation is kept for going back.
    pub keep_previous: bool,
    /// Stage latencies are sampled.
    pub latency: bool,
}

impl Default for EngineConfig {
    fn default() -> EngineConfig {
        let limits = Limits { streams: 65_536, lanes: 256, tracks: 16_384, links: 1_024, scorers: 256, slots: 64, memory_mb: 0 };
        EngineConfig {
            threads: 1,
            clock: ClockSource::System,
            limits,
            housekeeping_ms: 10,
            housekeeping_core: None,
            idle_revoke_ms: 100,
            close_timeout_ms: 5_000,
            backends: Backends::default(),
            keep_previous: true,
            latency: true,
        }
    }
}

impl EngineConfig {
    /// Reads the options of an engine; an empty text means defaults.
    ///
    /// # Errors
    /// `CONFIG_SYNTAX`, `CONFIG_KEY`, `CONFIG_VALUE`, with every problem's line.
    pub fn parse(source: &str) -> Result<EngineConfig> {
        read(source, "engine options", |root| {
            let base = EngineConfig::default();
            EngineConfig {
                threads: root.within("threads", base.threads, 0, 1),
                clock: [ClockSource::System, ClockSource::Host][root.choice("clock", 0, &["system", "host"])],
                limits: limits(root, base.limits),
                backends: backends(root),
                ..sections(root, base)
            }
        })
    }
}

fn limits(root: &mut Section<'_>, base: Limits) -> Limits {
    let Some(mut section) = root.table("limits") else { return base };
    let limits = Limits {
        streams: section.within("streams", base.streams, 1, u32::MAX as usize - 1),
        lanes: section.within("lanes", base.lanes, 1, 65_535),
        tracks: section.within("tracks", base.tracks, 1, 1 << 24),
        links: section.within("links", base.links, 1, 1 << 24),
        scorers: section.within("scorers", base.scorers, 1, 65_535),
        slots: section.within("slots", base.slots, 1, 65_535),
        memory_mb: section.or("memory_mb", base.memory_mb),
    };
    section.finish();
    limits
}

/// Backends that are allowed; those that this build lacks are skipped.
fn backends(root: &mut Section<'_>) -> Backends {
    let base = Backends::default();
    let Some(mut section) = root.table("models") else { return base };
    let names: Vec<String> = section.or("backends", vec!["native".into(), "ort".into(), "rten".into()]);
    if let Some(unknown) = names.iter().find(|name| !["native", "ort", "rten"].contains(&name.as_str())) {
        section.wrong("backends", &format!("\"{unknown}\" is none of native, ort, rten"));
    }
    let allows = |name: &str| names.iter().any(|known| known == name);
    let library: String = section.or("ort_library", String::new());
    let deadline_us = section.within("deadline_us", 0, 0, 3_600_000_000);
    let backends = Backends {
        native: allows("native"),
        ort: allows("ort"),
        rten: allows("rten"),
        ort_library: (!library.is_empty()).then(|| library.into()),
        deadline_us: (deadline_us > 0).then_some(deadline_us),
    };
    section.finish();
    backends
}

fn sections(root: &mut Section<'_>, mut config: EngineConfig) -> EngineConfig {
    if let Some(mut section) = root.table("housekeeping") {
        config.housekeeping_ms = section.within("interval_ms", config.housekeeping_ms, 1, 60_000);
        config.housekeeping_core = core(&mut section);
        config.idle_revoke_ms = section.within("idle_revoke_ms", config.idle_revoke_ms, 0, 3_600_000);
        config.close_timeout_ms = section.within("close_timeout_ms", config.close_timeout_ms, 0, 3_600_000);
        section.finish();
    }
    if let Some(mut section) = root.table("publish") {
        config.keep_previous = section.or("keep_previous", config.keep_previous);
        section.finish();
    }
    if let Some(mut section) = root.table("monitor") {
        config.latency = section.or("latency", config.latency);
        section.finish();
    }
    config
}

/// Slots of a link unless its options say otherwise.
const LINK_SLOTS: usize = 4_096;

/// Options of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// Capacity in 64-byte slots, a power of two.
    pub slots: usize,
    /// A newer quote replaces the one of its stream that still waits.
    pub conflate_quotes: bool,
    /// A newer book replaces the one of its stream that still waits. A part of a message (MORE) neither replaces nor is replaced.
    pub conflate_books: bool,
}

impl Default for LinkOptions {
    fn default() -> LinkOptions {
        LinkOptions { slots: LINK_SLOTS, conflate_quotes: false, conflate_books: false }
    }
}

impl LinkOptions {
    /// Reads the options of a link; an empty text means defaults.
    ///
    /// # Errors
    /// `CONFIG_SYNTAX`, `CONFIG_KEY`, `CONFIG_VALUE`, with every problem's line.
    pub fn parse(source: &str) -> Result<LinkOptions> {
        read(source, "link options", |root| {
            let slots = root.or("slots", LINK_SLOTS);
            let kinds: Vec<String> = root.or("conflate", Vec::new());
            if let Some(unknown) = kinds.iter().find(|kind| !["quote", "book"].contains(&kind.as_str())) {
                root.wrong("conflate", &format!("\"{unknown}\" is none of quote, book"));
            }
            let has = |name: &str| kinds.iter().any(|kind| kind == name);
            LinkOptions { slots, conflate_quotes: has("quote"), conflate_books: has("book") }
        })
    }
}

/// Units and steps of a stream; stored and described, never used to convert.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamOptions {
    /// Unit of prices.
    pub price_unit: String,
    /// Unit of sizes.
    pub size_unit: String,
    /// Smallest price step, 0 not stated.
    pub tick: f64,
    /// Smallest size step, 0 not stated.
    pub lot: f64,
}

impl StreamOptions {
    /// Reads the options of a stream; an empty text means defaults.
    ///
    /// # Errors
    /// `CONFIG_SYNTAX`, `CONFIG_KEY`, `CONFIG_VALUE`, with every problem's line.
    pub fn parse(source: &str) -> Result<StreamOptions> {
        read(source, "stream options", |root| StreamOptions {
            price_unit: root.or("price_unit", String::new()),
            size_unit: root.or("size_unit", String::new()),
            tick: root.within("tick", 0.0, 0.0, f64::MAX),
            lot: root.within("lot", 0.0, 0.0, f64::MAX),
        })
    }
}

/// The core that a section names; -1 names none.
fn core(section: &mut Section<'_>) -> Option<u32> {
    u32::try_from(section.within("core", -1i64, -1, 4_095)).ok()
}

/// What a worker does between two polls that found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Looks again at once: least latency, a whole core.
    Spin,
    /// Lets other threads run.
    Yield,
    /// Sleeps.
    Sleep,
}

/// What a poll does with a step that closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollPredicts {
    /// Predicts it and publishes the prediction.
    Step,
    /// Nothing: the host asks.
    Request,
}

/// When the models of tracks work ahead of the next step ([`crate::engine::Lane::prepare`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollPrepares {
    /// When the host asks.
    Request,
    /// When a poll has published its predictions and nothing waits.
    Idle,
}

/// Options of a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneOptions {
    /// A thread of the lane's own drains its links.
    pub worker: bool,
    /// The core that the worker is pinned to; `None` leaves it to the system.
    pub core: Option<u32>,
    /// What the worker does when there is nothing to do.
    pub idle: Idle,
    /// How long it sleeps, us.
    pub sleep_us: u64,
    /// What a poll does with a step that closed.
    pub predict: PollPredicts,
    /// When models work ahead of the next step.
    pub prepare: PollPrepares,
    /// A poll also advances the lane to its time less this, ms; `None` leaves that to marks.
    pub advance_lag_ms: Option<u64>,
}

impl Default for LaneOptions {
    fn default() -> LaneOptions {
        LaneOptions {
            worker: false,
            core: None,
            idle: Idle::Yield,
            sleep_us: 50,
            predict: PollPredicts::Step,
            prepare: PollPrepares::Request,
            advance_lag_ms: None,
        }
    }
}

impl LaneOptions {
    /// Reads the options of a lane; an empty text means defaults.
    ///
    /// # Errors
    /// `CONFIG_SYNTAX`, `CONFIG_KEY`, `CONFIG_VALUE`, with every problem's line.
    pub fn parse(source: &str) -> Result<LaneOptions> {
        read(source, "lane options", |root| {
            let base = LaneOptions::default();
            let lag = root.within("advance_lag_ms", 0, 0, 3_600_000);
            LaneOptions {
                worker: root.or("worker", base.worker),
                core: core(root),
                idle: [Idle::Spin, Idle::Yield, Idle::Sleep][root.choice("idle", 1, &["spin", "yield", "sleep"])],
                sleep_us: root.within("sleep_us", base.sleep_us, 1, 1_000_000),
                predict: [PollPredicts::Step, PollPredicts::Request][root.choice("predict", 0, &["step", "request"])],
                prepare: [PollPrepares::Request, PollPrepares::Idle][root.choice("prepare", 0, &["request", "idle"])],
                advance_lag_ms: (lag > 0).then_some(lag),
            }
        })
    }
}

fn read<T>(source: &str, what: &str, build: impl FnOnce(&mut Section<'_>) -> T) -> Result<T> {
    let table = text::parse(source).map_err(|error| error.within(what))?;
    let problems = Problems::default();
    let value = {
        let mut root = Section::root(source, &table, &problems);
        let value = build(&mut root);
        root.finish();
        value
    };
    problems.into_result(what, None)?;
    Ok(value)
}

/// The text of options that came as bytes.
///
/// # Errors
/// `NOT_UTF8`.
pub fn utf8<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| crate::Error::new(Status::NotUtf8, format!("{what}: byte {} is not UTF-8", error.valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_means_defaults() {
        assert_eq!(EngineConfig::parse(""), Ok(EngineConfig::default()));
        assert_eq!(StreamOptions::parse(""), Ok(StreamOptions::default()));
    }

    #[test]
    fn values_are_read_and_unknown_keys_refused() {
        let config = EngineConfig::parse("threads = 0\nclock = \"host\"\n[limits]\ntracks = 10\n[models]\nbackends = [\"native\"]\n").unwrap();
        assert_eq!((config.threads, config.clock, config.limits.tracks, config.backends.native, config.backends.ort), (0, ClockSource::Host, 10, true, false));
        let error = EngineConfig::parse("thread = 0\n").unwrap_err();
        assert_eq!(error.status(), Status::ConfigKey);
        assert!(error.text().contains("line 1: unknown key thread; known: threads"), "{error}");
        let error = EngineConfig::parse("threads = 7\n[limits]\nlanes = 0\n").unwrap_err();
        assert_eq!(error.status(), Status::ConfigValue);
        assert!(error.text().contains("7 is not in 0 to 1") && error.text().contains("limits.lanes"), "{error}");
        let lane = LaneOptions::parse("worker = true\ncore = 3\nidle = \"sleep\"\npredict = \"request\"\nadvance_lag_ms = 20\n").unwrap();
        let base = LaneOptions { worker: true, core: Some(3), idle: Idle::Sleep, ..LaneOptions::default() };
        assert_eq!(lane, LaneOptions { predict: PollPredicts::Request, advance_lag_ms: Some(20), ..base });
        assert_eq!(LaneOptions::parse("prepare = \"idle\"").unwrap().prepare, PollPrepares::Idle);
        assert_eq!(LaneOptions::parse("prepare = \"now\"").unwrap_err().status(), Status::ConfigValue);
        assert_eq!(LaneOptions::parse("wroker = true").unwrap_err().status(), Status::ConfigKey);
        assert_eq!(LaneOptions::parse("idle = \"nap\"").unwrap_err().status(), Status::ConfigValue);
    }
}
