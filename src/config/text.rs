//! Reads TOML with every problem collected: line, key, what was expected. One reader for the
//! engine's options and for manifests.

use std::cell::RefCell;

use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result, Status};
use crate::types::NAME_MAX;

/// A problem of a text: which line, which status, what is wrong and what to do.
#[derive(Debug)]
pub struct Problem {
    status: Status,
    text: String,
}

/// Problems met so far, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Notes one.
    pub fn add(&self, status: Status, text: String) {
        self.0.borrow_mut().push(Problem { status, text });
    }

    /// Nothing was noted.
    pub fn none(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// One error of all problems, with the status of the first, or `as_status` when given.
    pub fn into_result(self, what: &str, as_status: Option<Status>) -> Result<()> {
        let problems = self.0.into_inner();
        let Some(first) = problems.first() else { return Ok(()) };
        let status = as_status.unwrap_or(first.status);
        let texts: Vec<String> = problems.into_iter().map(|problem| problem.text).collect();
        Err(Error::problems(status, what, &texts))
    }
}

/// Parses TOML 1.0; a syntax error names its line.
pub fn parse(source: &str) -> Result<DeTable<'_>> {
    DeTable::parse(source).map(toml::Spanned::into_inner).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(source, span.start));
        Error::new(Status::ConfigSyntax, format!("line {line}: {}", error.message()))
    })
}

fn line_at(source: &str, byte: usize) -> usize {
    1 + source.as_bytes().iter().take(byte).filter(|&&b| b == b'\n').count()
}

/// A table being read: every key that is asked for is known, the rest is reported by [`Section::finish`].
#[derive(Debug)]
pub struct Section<'t> {
    source: &'t str,
    path: String,
    table: &'t DeTable<'t>,
    known: Vec<String>,
    problems: &'t Problems,
}

impl<'t> Section<'t> {
    /// The root of a document.
    pub fn root(source: &'t str, table: &'t DeTable<'t>, problems: &'t Problems) -> Section<'t> {
        Section { source, path: String::new(), table, known: Vec::new(), problems }
    }

    /// Dotted name of a key of this table.
    pub fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn find(&self, key: &str) -> Option<(usize, &'t DeValue<'t>)> {
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| (value.span().start, value.get_ref()))
    }

    fn knows(&mut self, key: &str) {
        if !self.known.iter().any(|known| known == key) {
            self.known.push(key.to_owned());
        }
    }

    fn note(&mut self, key: &str) -> Option<(usize, &'t DeValue<'t>)> {
        self.knows(key);
        self.find(key)
    }

    /// Reports a problem of a key with its line.
    pub fn wrong(&self, key: &str, what: &str) {
        let line = self.find(key).map_or(String::new(), |(at, _)| format!("line {}: ", line_at(self.source, at)));
        self.problems.add(Status::ConfigValue, format!("{line}{}: {what}", self.name(key)));
    }

    /// Reports a name that is not 1 to 31 bytes of letters, digits, `_`, `-` and `.`.
    pub fn check_name(&self, key: &str, name: &str) {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
        if name.is_empty() || name.len() > NAME_MAX || !plain {
            self.wrong(key, &format!("\"{name}\": a name has 1 to {NAME_MAX} bytes of letters, digits, _, - and ."));
        }
    }

    /// The value of a key, when it is there and of the type.
    pub fn get<T: FromToml>(&mut self, key: &str) -> Option<T> {
        let (_, value) = self.note(key)?;
        match T::from_toml(value) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.wrong(key, &format!("{expected} expected, found {}", value.type_str()));
                None
            }
        }
    }

    /// The value of a key, or the default.
    pub fn or<T: FromToml>(&mut self, key: &str, default: T) -> T {
        self.get(key).unwrap_or(default)
    }

    /// The value of a key within bounds (both included), or the default.
    pub fn within<T: FromToml + PartialOrd + std::fmt::Display>(&mut self, key: &str, default: T, least: T, most: T) -> T {
        let Some(value) = self.get::<T>(key) else { return default };
        if value >= least && value <= most {
            return value;
        }
        self.wrong(key, &format!("{value} is not in {least} to {most}"));
        default
    }

    /// The value of a key that must be there.
    pub fn need<T: FromToml>(&mut self, key: &str) -> Option<T> {
        if self.find(key).is_none() {
            self.knows(key);
            self.problems.add(Status::ConfigValue, format!("{} is missing", self.name(key)));
            return None;
        }
        self.get(key)
    }

    /// One of the texts, by number; the default when the key is absent.
    pub fn choice(&mut self, key: &str, default: usize, choices: &[&str]) -> usize {
        let Some(text) = self.get::<String>(key) else { return default };
        choices.iter().position(|choice| *choice == text).unwrap_or_else(|| {
            self.wrong(key, &format!("\"{text}\" is none of {}", choices.join(", ")));
            default
        })
    }

    /// A table under a key.
    pub fn table(&mut self, key: &str) -> Option<Section<'t>> {
        let (_, value) = self.note(key)?;
        let Some(table) = value.as_table() else {
            self.wrong(key, &format!("a table expected, found {}", value.type_str()));
            return None;
        };
        Some(Section { source: self.source, path: self.name(key), table, known: Vec::new(), problems: self.problems })
    }

    /// A table that must be there.
    pub fn need_table(&mut self, key: &str) -> Option<Section<'t>> {
        if self.find(key).is_none() {
            self.knows(key);
            self.problems.add(Status::ConfigValue, format!("table [{}] is missing", self.name(key)));
            return None;
        }
        self.table(key)
    }

    /// A list of tables under a key that must be there.
    pub fn need_tables(&mut self, key: &str) -> Vec<Section<'t>> {
        let Some((_, value)) = self.note(key) else {
            self.problems.add(Status::ConfigValue, format!("{} is missing", self.name(key)));
            return Vec::new();
        };
        let Some(array) = value.as_array() else {
            self.wrong(key, &format!("a list of tables expected, found {}", value.type_str()));
            return Vec::new();
        };
        let (source, problems) = (self.source, self.problems);
        let mut sections = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let path = format!("{}[{index}]", self.name(key));
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section { source, path, table, known: Vec::new(), problems }),
                None => problems.add(Status::ConfigValue, format!("{path}: a table expected, found {}", item.get_ref().type_str())),
            }
        }
        sections
    }

    /// The keys that are there, in written order.
    pub fn keys(&self) -> Vec<String> {
        self.table.iter().map(|(key, _)| key.get_ref().to_string()).collect()
    }

    /// The value of a key, untyped, for what has more than one form.
    pub fn raw(&mut self, key: &str) -> Option<&'t DeValue<'t>> {
        self.note(key).map(|(_, value)| value)
    }

    /// Accepts every key, for tables that are kept as they are.
    pub fn open(mut self) {
        self.known = self.keys();
    }

    /// Reports keys that nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.table {
            if self.known.iter().any(|known| known == key.get_ref()) {
                continue;
            }
            let line = line_at(self.source, key.span().start);
            let known = if self.known.is_empty() { "none are known here yet".to_owned() } else { format!("known: {}", self.known.join(", ")) };
            self.problems.add(Status::ConfigKey, format!("line {line}: unknown key {}; {known}", self.name(key.get_ref())));
        }
    }
}

/// A type that a TOML value may have; the error says what was expected.
pub trait FromToml: Sized {
    /// Reads the value.
    fn from_toml(value: &DeValue<'_>) -> Result<Self, &'static str>;
}

impl FromToml for String {
    fn from_toml(value: &DeValue<'_>) -> Result<String, &'static str> {
        value.as_str().map(str::to_owned).ok_or("text")
    }
}

impl FromToml for bool {
    fn from_toml(value: &DeValue<'_>) -> Result<bool, &'static str> {
        value.as_bool().ok_or("true or false")
    }
}

impl FromToml for i64 {
    fn from_toml(value: &DeValue<'_>) -> Result<i64, &'static str> {
        let integer = value.as_integer().ok_or("a whole number")?;
        i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| "a whole number of 64 bits")
    }
}

macro_rules! unsigned {
    ($($type:ty)*) => {$(
        impl FromToml for $type {
            fn from_toml(value: &DeValue<'_>) -> Result<$type, &'static str> {
                <$type>::try_from(i64::from_toml(value)?).map_err(|_| "a whole number from 0")
            }
        }
    )*};
}

unsigned! { u16 u32 u64 usize }

impl FromToml for f64 {
    fn from_toml(value: &DeValue<'_>) -> Result<f64, &'static str> {
        let text = match value {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => return Err("a number"),
        };
        text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or("a finite number")
    }
}

/// A time with its offset, as ns since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochNs(pub i64);

impl FromToml for EpochNs {
    fn from_toml(value: &DeValue<'_>) -> Result<EpochNs, &'static str> {
        const EXPECTED: &str = "a time with its offset, such as 2023-08-05T00:00:00Z";
        let text = value.as_datetime().ok_or(EXPECTED)?.to_string();
        let time: jiff::Timestamp = text.parse().map_err(|_| EXPECTED)?;
        i64::try_from(time.as_nanosecond()).map(EpochNs).map_err(|_| EXPECTED)
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn from_toml(value: &DeValue<'_>) -> Result<Vec<T>, &'static str> {
        value.as_array().ok_or("a list")?.iter().map(|item| T::from_toml(item.get_ref())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_come_at_once_with_their_lines() {
        let source = "a = 1\nb = \"x\"\n[c]\nd = 7\n";
        let table = parse(source).unwrap();
        let problems = Problems::default();
        let mut root = Section::root(source, &table, &problems);
        assert_eq!(root.get::<u32>("a"), Some(1));
        assert_eq!(root.get::<u32>("b"), None);
        root.need::<String>("e");
        let mut c = root.table("c").unwrap();
        c.get::<u32>("f");
        c.finish();
        root.finish();
        let error = problems.into_result("text", None).unwrap_err();
        assert_eq!(error.status(), Status::ConfigValue);
        for part in ["line 2: b: a whole number expected", "e is missing", "line 4: unknown key c.d; known: f"] {
            assert!(error.text().contains(part), "{part} is not in {error}");
        }
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = parse("a = 1\nb = = 2\n").unwrap_err();
        assert_eq!(error.status(), Status::ConfigSyntax);
        assert!(error.text().starts_with("line 2:"), "{error}");
    }

    #[test]
    fn times_are_epoch_ns() {
        let source = "t = 2023-08-05T00:00:00Z";
        let table = parse(source).unwrap();
        let problems = Problems::default();
        assert_eq!(Section::root(source, &table, &problems).get("t"), Some(EpochNs(1_691_193_600_000_000_000)));
    }
}
