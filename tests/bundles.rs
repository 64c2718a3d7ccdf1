//! The bundles that are shipped: they open, are small, name no machine, and the simulator's two versions replace each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use foretick::config::Backends;
use foretick::engine::Engine;
use foretick::model::bundle::{Bundle, read_schema};
use foretick::source::simulator::{BAYES_AUC, ROW_AUC, Simulator, auc};

const MOST_BYTES: u64 = 4 << 20;
const NAMES: [&str; 4] = ["btc-1m/v1", "btc-1m-ohlcv/v1", "sim/v1", "sim/v2"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

fn open(name: &str) -> Bundle {
    Bundle::open_alone(&folder(name), &Backends::default()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn files(name: &str) -> Vec<PathBuf> {
    fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_shipped_bundle_is_listed_here() {
    let folders = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect::<Vec<_>>();
    let versions = folders(&folder("")).iter().flat_map(|name| folders(name)).filter(|version| version.join("manifest.toml").is_file()).count();
    assert_eq!(versions, NAMES.len());
}

#[test]
fn shipped_bundles_open_with_room_in_their_tolerances() {
    for name in NAMES {
        let bundle = open(name);
        assert_eq!(name, format!("{}/v{}", bundle.manifest.name, bundle.manifest.version));
        assert_eq!(bundle.manifest.golden.1, 512, "{name}");
        assert!(bundle.warnings().is_empty(), "{name}: {:?}", bundle.warnings());
        for member in &bundle.members {
            assert!(member.worst.share < 0.5, "{name}, {}: {:?}", member.spec.name, member.worst);
        }
    }
}

#[test]
fn shipped_bundles_are_small_and_name_no_machine() {
    for name in NAMES {
        assert!(files(name).iter().map(|file| file.metadata().unwrap().len()).sum::<u64>() < MOST_BYTES, "{name}");
        for file in files(name) {
            let bytes = fs::read(&file).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            // Long enough that the bytes of a graph hold none by chance.
            for sign in ["/home/", "/usr/", "/Users/", ":\\Users\\", ".venv", "site-packages", env!("CARGO_MANIFEST_DIR")] {
                assert!(!text.contains(sign), "{}: {sign}", file.display());
            }
        }
    }
}

#[test]
fn a_schema_is_read_from_a_manifest_with_its_stats() {
    let schema = read_schema(&folder("sim/v1").join("manifest.toml")).unwrap();
    assert_eq!(schema.hash(), open("sim/v1").schema_hash);
}

#[test]
fn both_versions_of_sim_serve_one_slot_in_turn() {
    let engine = Engine::open_text("threads = 0\nclock = \"host\"\n").unwrap();
    let bundles = ["sim/v1", "sim/v2", "sim/v1"].map(|name| engine.open_bundle(&folder(name)).unwrap());
    assert_eq!(bundles[0].schema_hash, bundles[1].schema_hash);
    assert_ne!(bundles[0].digest, bundles[1].digest);
    let numbers: Vec<u64> = bundles.iter().map(|bundle| engine.publish_one("sim", bundle.clone()).unwrap()).collect();
    assert!(numbers.windows(2).all(|both| both[0] < both[1]), "{numbers:?}");
}

#[test]
fn another_schema_is_refused_on_the_slot_of_sim() {
    let engine = Engine::open_text("threads = 0\nclock = \"host\"\n").unwrap();
    engine.publish_one("sim", engine.open_bundle(&folder("sim/v1")).unwrap()).unwrap();
    assert!(engine.publish_one("sim", engine.open_bundle(&folder("btc-1m/v1")).unwrap()).is_err());
}

/// Steps of the simulated market after the bundle is ready; three pairs each.
const STEPS: u64 = 12_000;
/// Steps before that.
const WARM: u64 = 700;

#[test]
fn sim_finds_the_planted_edge_in_a_market_it_has_not_seen() {
    // v1 reads the newest row alone, v2 the window.
    for (name, possible) in [("sim/v1", ROW_AUC), ("sim/v2", BAYES_AUC)] {
        let (ours, truths, ups) = values_in_the_market(name);
        let (ours, best) = (auc(&ours, &ups).unwrap(), auc(&truths, &ups).unwrap());
        // The truth's own AUC on the same steps takes out what is luck of the draw.
        let luck = best - BAYES_AUC;
        assert!(luck.abs() < 0.01 && possible + luck - ours < 0.01, "{name}: {ours}, truth {best}");
    }
}

/// Values of the bundle, true probabilities, and what came, for every pair and step.
fn values_in_the_market(name: &str) -> (Vec<f64>, Vec<f64>, Vec<bool>) {
    let engine = Engine::open_text("threads = 0\nclock = \"host\"\n").unwrap();
    engine.publish_one("sim", engine.open_bundle(&folder(name)).unwrap()).unwrap();
    let mut market = Simulator::new(1);
    let ids: Vec<u32> = market.streams().iter().map(|stream| engine.add_stream(stream.name, "").unwrap()).collect();
    market.set_streams(&ids).unwrap();
    let mut lane = engine.open_lane("").unwrap();
    let tracks = market.pairs().map(|pair| lane.open_track("sim", &[ids[pair.own], ids[pair.leader]], 0).unwrap());
    let (mut ours, mut truths, mut ups, mut slots) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for step in 0..WARM + STEPS {
        slots.clear();
        let truth = market.step(&mut slots);
        assert_eq!(lane.push(&slots).unwrap().closed, 0, "the step before was closed by advance");
        lane.advance(truth.close_ns).unwrap();
        for (track, pair) in tracks.iter().zip(&truth.pairs) {
            let prediction = lane.predict(*track, truth.close_ns).unwrap();
            if step > WARM {
                ups.push(pair.moved_up.unwrap());
            }
            if step >= WARM && step + 1 < WARM + STEPS {
                ours.push(f64::from(prediction.value));
                truths.push(pair.up_probability);
            }
        }
    }
    (ours, truths, ups)
}
