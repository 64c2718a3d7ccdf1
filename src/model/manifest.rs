//! The manifest of a bundle: read whole, every problem reported at once.

mod ensemble;
mod members;
mod policy;
mod precision;
mod stacking;
mod stateful;
mod switching;

pub use ensemble::{Calibration, EnsembleSpec, Mix, PhaseSpec};
pub use members::{BackendChoice, Form, Give, InputShape, MemberSpec, OutputSpec, Task};
pub use policy::{EdgeSpec, Policy, PolicyKind};
pub use stacking::MemberRead;
pub use stateful::StatePolicy;

use serde_json::Value;
use toml::de::DeValue;

use crate::config::text::{EpochNs, Problems, Section, parse};
use crate::error::{Error, Result, Status};
use crate::features::read::read_schema;
use crate::features::spec::Schema;

/// A file of the bundle with the SHA-256 that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef {
    /// Name inside the bundle's folder.
    pub file: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// A manifest whose own keys are consistent; files are not looked at yet.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Name of the bundle.
    pub name: String,
    /// Version of the bundle, from 1.
    pub version: u64,
    /// Stream names allowed for role self; `*` matches inside a part.
    pub applies_to: Vec<String>,
    /// First known time of the training span, ns, included.
    pub trained_from_ns: i64,
    /// End of the training span, ns, excluded.
    pub trained_until_ns: i64,
    /// Age above which the bundle is stale, ns.
    pub max_age_ns: Option<i64>,
    /// Sampler, window and features; stats are filled by the loader.
    pub schema: Schema,
    /// The hash that the schema with its stats must have.
    pub schema_hash: [u8; 32],
    /// The stats, when a scale or the trained range needs them.
    pub stats: Option<FileRef>,
    /// Outputs by number.
    pub outputs: Vec<OutputSpec>,
    /// Members by number.
    pub members: Vec<MemberSpec>,
    /// How members are combined.
    pub ensemble: EnsembleSpec,
    /// Calibration by output.
    pub calibration: Vec<Calibration>,
    /// What is done with the value.
    pub policy: Policy,
    /// Golden rows and their number.
    pub golden: (FileRef, usize),
    /// The whole text as JSON, for describing.
    pub json: Value,
}

/// The format that this build reads.
const FORMAT: i64 = 1;

impl Manifest {
    /// Names of the outputs, by number.
    #[must_use]
    pub fn output_names(&self) -> Vec<String> {
        self.outputs.iter().map(|output| output.name.clone()).collect()
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    /// `MANIFEST` with every problem and its line; `FORMAT_VERSION` for a newer format.
    pub fn parse(source: &str) -> Result<Manifest> {
        let table = parse(source).map_err(|error| Error::new(Status::Manifest, error.text()))?;
        let problems = Problems::default();
        let manifest = {
            let mut root = Section::root(source, &table, &problems);
            let format = root.need::<i64>("format");
            if let Some(newer) = format.filter(|format| *format > FORMAT) {
                return Err(Error::new(Status::FormatVersion, format!("the manifest has format {newer}, this build reads {FORMAT}: update foretick")));
            }
            if format.is_some_and(|format| format < 1) {
                root.wrong("format", "must be 1");
            }
            let manifest = read(&mut root);
            root.finish();
            manifest
        };
        problems.into_result("manifest.toml", Some(Status::Manifest))?;
        let json = Value::Object(table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref()))).collect());
        manifest.map(|manifest| Manifest { json, ..manifest }).ok_or_else(|| Error::new(Status::Internal, "a manifest without problems was not read"))
    }

    /// The bundle was made for this stream in role self.
    #[must_use]
    pub fn applies_to(&self, stream: &str) -> bool {
        self.applies_to.iter().any(|pattern| matches_name(pattern, stream))
    }

    /// `name v1`, for messages.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} v{}", self.name, self.version)
    }
}

fn read(root: &mut Section<'_>) -> Option<Manifest> {
    let name = read_name(root, "name");
    let version = root.need::<u64>("version");
    if version == Some(0) {
        root.wrong("version", "versions count from 1");
    }
    let applies_to: Vec<String> = root.need("applies_to").unwrap_or_default();
    if applies_to.is_empty() {
        root.wrong("applies_to", "names at least one stream, such as \"binance_usdm:BTCUSDT\"");
    }
    for pattern in applies_to.iter().filter(|pattern| pattern.is_empty()) {
        root.wrong("applies_to", &format!("\"{pattern}\" names no stream"));
    }
    let roles = read_roles(root);
    let trained_from = root.need::<EpochNs>("trained_from");
    let trained_until = root.need::<EpochNs>("trained_until");
    if let (Some(from), Some(until)) = (trained_from, trained_until)
        && from.0 >= until.0
    {
        root.wrong("trained_until", "must be after trained_from");
    }
    let max_age_ns = read_age(root);
    let (schema, mut section) = read_schema(root, roles);
    let schema_hash = section.as_mut().and_then(|section| read_hash(section, "hash"));
    let stats = section.as_mut().and_then(|section| section.table("stats")).and_then(read_file);
    section.into_iter().for_each(Section::finish);
    if stats.is_none() {
        for name in schema.iter().flat_map(Schema::needs_stats) {
            root.wrong("schema", &format!("{name} is scaled by zscore or minmax, which needs schema.stats"));
        }
    }
    let outputs = members::read_outputs(root);
    let members = members::read_members(root, &outputs);
    let ensemble = ensemble::read_ensemble(root, &members, &outputs, schema.as_ref());
    let calibration = ensemble::read_calibration(root, &outputs);
    let policy = policy::read_policy(root, &outputs, &members, ensemble.as_ref());
    let golden = read_golden(root);
    read_open(root, "metrics");
    read_open(root, "provenance");
    Some(Manifest {
        name: name?,
        version: version?,
        applies_to,
        trained_from_ns: trained_from?.0,
        trained_until_ns: trained_until?.0,
        max_age_ns,
        schema: schema?,
        schema_hash: schema_hash?,
        stats,
        outputs,
        members,
        ensemble: ensemble?,
        calibration,
        policy: policy?,
        golden: golden?,
        json: Value::Null,
    })
}

/// A name of at most 31 bytes of letters, digits, `_`, `-` and `.`.
fn read_name(section: &mut Section<'_>, key: &str) -> Option<String> {
    let name: String = section.need(key)?;
    section.check_name(key, &name);
    Some(name)
}

fn read_roles(root: &mut Section<'_>) -> Vec<String> {
    let roles: Vec<String> = root.need("roles").unwrap_or_else(|| vec!["self".to_owned()]);
    if roles.first().is_none_or(|role| role != "self") || roles.len() > 16 {
        root.wrong("roles", "1 to 16 roles, the first of which is \"self\"");
    }
    if roles.iter().enumerate().any(|(index, role)| roles[..index].contains(role)) {
        root.wrong("roles", "a role is there twice");
    }
    roles
}

/// `"none"`, or a number with s, m, h or d.
fn read_age(root: &mut Section<'_>) -> Option<i64> {
    let text: String = root.need("max_age")?;
    if text == "none" {
        return None;
    }
    let seconds = text.find(|c: char| !c.is_ascii_digit()).and_then(|at| {
        let unit = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)].into_iter().find(|(unit, _)| *unit == &text[at..])?.1;
        text[..at].parse::<i64>().ok()?.checked_mul(unit)
    });
    let age = seconds.and_then(|seconds| seconds.checked_mul(1_000_000_000)).filter(|age| *age > 0);
    if age.is_none() {
        root.wrong("max_age", &format!("\"{text}\" must be \"none\" or a number with s, m, h or d, such as \"36h\""));
    }
    age
}

fn read_hash(section: &mut Section<'_>, key: &str) -> Option<[u8; 32]> {
    let text: String = section.need(key)?;
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    let bytes = parse_hex(digits);
    if bytes.is_none() {
        section.wrong(key, "must be 64 hex digits");
    }
    bytes
}

fn parse_hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// 64 hex digits.
#[must_use]
pub fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_file(mut section: Section<'_>) -> Option<FileRef> {
    let file = read_file_keys(&mut section);
    section.finish();
    file
}

/// `file` and `sha256` of a table that may have other keys too.
fn read_file_keys(section: &mut Section<'_>) -> Option<FileRef> {
    let file: Option<String> = section.need("file");
    if let Some(file) = &file {
        let plain = !file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0']);
        if !plain {
            section.wrong("file", &format!("\"{file}\" must be a plain name inside the bundle's folder"));
        }
    }
    Some(FileRef { sha256: read_hash(section, "sha256")?, file: file? })
}

fn read_golden(root: &mut Section<'_>) -> Option<(FileRef, usize)> {
    let mut section = root.need_table("golden")?;
    let rows = section.need::<usize>("rows");
    if rows == Some(0) {
        section.wrong("rows", "a bundle has at least one golden row");
    }
    let file = read_file_keys(&mut section);
    section.finish();
    Some((file?, rows?))
}

/// A table for people, kept as it is.
fn read_open(root: &mut Section<'_>, key: &str) {
    if let Some(section) = root.table(key) {
        section.open();
    }
}

fn to_json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::Null, Value::from),
        DeValue::Float(float) => float.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(boolean) => Value::from(*boolean),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(array) => array.iter().map(|item| to_json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(table.iter().map(|(key, value)| (key.get_ref().to_string(), to_json(value.get_ref()))).collect()),
    }
}

/// Part by part between colons; `*` matches any run of characters inside a part. Allocates nothing:
/// a track asks after every swap.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split(':'), name.split(':'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if matches_part(pattern, part) => {}
            _ => return false,
        }
    }
}

fn matches_part(pattern: &str, part: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(part) = part.strip_prefix(head) else { return false };
    (0..=part.len()).any(|at| part.is_char_boundary(at) && matches_part(rest, &part[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_inside_a_part() {
        for (pattern, name, expected) in [
            ("binance_usdm:BTCUSDT", "binance_usdm:BTCUSDT", true),
            ("sim_a:*", "sim_a:BTCUSD", true),
            ("sim_a:*", "sim_b:BTCUSD", false),
            ("*", "sim_a:BTCUSD", false),
            ("binance_*:*USDT", "binance_spot:ETHUSDT", true),
            ("binance_*:*USDT", "binance_spot:ETHUSD", false),
        ] {
            assert_eq!(matches_name(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn hashes_are_64_digits() {
        let digits = "0123456789abcdef".repeat(4);
        assert_eq!(parse_hex(&digits).map(|bytes| hex(&bytes)), Some(digits.clone()));
        assert_eq!(parse_hex(&digits[1..]), None);
        assert_eq!(parse_hex(&format!("+1{}", &digits[2..])), None, "signs are no digits");
    }

    #[test]
    fn an_empty_manifest_names_what_is_missing() {
        let error = Manifest::parse("format = 1\nfoo = 2\n").unwrap_err();
        assert_eq!(error.status(), Status::Manifest);
        for part in ["name is missing", "applies_to is missing", "table [schema] is missing", "unknown key foo"] {
            assert!(error.text().contains(part), "{part} is not in {error}");
        }
        assert_eq!(Manifest::parse("format = 2").unwrap_err().status(), Status::FormatVersion);
    }
}
