//! From paths to streams and their readers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::expand;
use super::merge::Merge;
use super::{Options, Recording, StreamInfo};
use crate::error::{Error, Result, Status};
use crate::source::csv::{Header, Layout, Opened, Reader, interval_of_file};
use crate::source::names::stream_name;
use crate::types::Kind;

/// A file that will be read.
struct Table {
    name: String,
    path: PathBuf,
    layout: Layout,
    interval_ns: Option<i64>,
    reader: Reader,
}

/// What looking at a file showed.
enum Look {
    Read(Box<Table>),
    Skip(String),
    /// A stream that was not asked for, by name.
    Other(String),
}

/// Looks at every file, then puts streams and readers together.
pub(super) fn open(paths: &[PathBuf], options: &Options) -> Result<Recording> {
    check(options)?;
    let files = expand(paths)?;
    let bytes = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
    let mut chosen = Chosen { skipped: files.skipped, ..Chosen::default() };
    let alone = files.found.len() == 1;
    for path in files.found {
        match look(&path, options, alone) {
            Ok(Look::Read(table)) => chosen.tables.push(*table),
            Ok(Look::Skip(why)) => chosen.skipped.push((path, why)),
            Ok(Look::Other(name)) => chosen.others.push(name),
            Err(error) => chosen.problems.push(error),
        }
    }
    chosen.check(options)?;
    let bytes_total = chosen.tables.iter().map(|table| bytes(&table.path)).sum();
    let streams = streams(&chosen.tables)?;
    let merge = merge(chosen.tables, &streams);
    Ok(Recording { streams, skipped: chosen.skipped, bytes_total, rows: 0, merge })
}

#[derive(Default)]
struct Chosen {
    tables: Vec<Table>,
    skipped: Vec<(PathBuf, String)>,
    others: Vec<String>,
    problems: Vec<Error>,
}

impl Chosen {
    /// Every problem at once, then names that were asked for in vain, then having nothing at all.
    fn check(&mut self, options: &Options) -> Result<()> {
        self.problems_as_one()?;
        self.check_only(&options.only)?;
        if self.tables.is_empty() {
            let skipped: Vec<String> = self.skipped.iter().map(|(path, why)| format!("{}: {why}", path.display())).collect();
            let what = "there is no file to read events from: a folder's own .csv and .csv.gz files are read, not those of folders in it";
            return Err(if skipped.is_empty() { Error::new(Status::NotFound, what) } else { Error::problems(Status::NotFound, what, &skipped) });
        }
        Ok(())
    }

    fn problems_as_one(&mut self) -> Result<()> {
        match (self.problems.len(), self.problems.pop()) {
            (_, None) => Ok(()),
            (1, Some(error)) => Err(error),
            (_, Some(last)) => {
                let texts: Vec<String> = self.problems.iter().chain([&last]).map(|error| error.text().to_owned()).collect();
                Err(Error::problems(last.status(), "files that cannot be read", &texts))
            }
        }
    }

    fn check_only(&self, only: &[String]) -> Result<()> {
        let absent = only.iter().find(|name| !self.tables.iter().any(|table| table.name == **name));
        let Some(absent) = absent else { return Ok(()) };
        let mut names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).chain(self.others.clone()).collect();
        names.sort();
        names.dedup();
        names.extend(self.skipped.iter().map(|(path, why)| format!("skipped {}: {why}", path.display())));
        Err(Error::problems(Status::NotFound, &format!("--only {absent}: no file holds events of that stream; the files' streams are"), &names))
    }
}

fn check(options: &Options) -> Result<()> {
    if options.interval_ns.is_some_and(|interval| interval <= 0) {
        return Err(Error::new(Status::InvalidArgument, "--interval-ms: an interval is above 0"));
    }
    let unusable = |name: &String| name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',');
    match &options.stream {
        Some(name) if unusable(name) => Err(Error::new(
            Status::InvalidArgument,
            format!("--stream {name:?}: a stream's name is not empty and has no space or comma; usual is venue:SYMBOL"),
        )),
        _ => Ok(()),
    }
}

fn look(path: &Path, options: &Options, alone: bool) -> Result<Look> {
    let given = options.stream.clone();
    let name = if alone && given.is_some() { given } else { stream_name(path).or(given) };
    let wanted = |name: &String| options.only.is_empty() || options.only.contains(name);
    // Before it is opened: a file that nobody asked for cannot be in the way.
    if let Some(other) = name.as_ref().filter(|name| !wanted(name)) {
        return Ok(Look::Other(other.clone()));
    }
    let opened = Opened::open(path)?;
    match (opened.header(), name) {
        (Header::NoReader(schema), _) => Ok(Look::Skip(format!("no reader yet for the schema of {schema}"))),
        (Header::Read(layout), Some(name)) => table(opened, name, path, layout, options).map(|table| Look::Read(Box::new(table))),
        (Header::Read(_), None) if !options.only.is_empty() => Ok(Look::Skip("its name gives no stream, so it is none of --only".to_owned())),
        (Header::Read(_), None) => Err(nameless(path)),
    }
}

fn nameless(path: &Path) -> Error {
    let text = format!("{}: neither its name nor its folder's begins with a known venue; name its stream with --stream NAME", path.display());
    Error::new(Status::InvalidArgument, text)
}

fn table(opened: Opened, name: String, path: &Path, layout: Layout, options: &Options) -> Result<Table> {
    let interval_ns = if layout.has_interval() { interval(path, options)? } else { None };
    Ok(Table { name, path: path.to_owned(), layout, interval_ns, reader: opened.rows(layout, interval_ns) })
}

/// The streams by sorted name; the tables come in the order of their paths.
fn streams(tables: &[Table]) -> Result<Vec<StreamInfo>> {
    let mut by_name: BTreeMap<&str, Vec<&Table>> = BTreeMap::new();
    tables.iter().for_each(|table| by_name.entry(&table.name).or_default().push(table));
    by_name.into_iter().map(|(name, tables)| stream(name, &tables)).collect()
}

fn stream(name: &str, tables: &[&Table]) -> Result<StreamInfo> {
    let bars: Vec<&Table> = tables.iter().copied().filter(|table| table.layout.kind() == Kind::Bar).collect();
    let deciding: &[&Table] = if bars.is_empty() { tables } else { &bars };
    let knows = |table: &&Table| table.layout.taker_known();
    let taker_known = if bars.is_empty() { deciding.iter().any(knows) } else { deciding.iter().all(knows) };
    let mut kinds: Vec<Kind> = tables.iter().map(|table| table.layout.kind()).collect();
    kinds.sort();
    kinds.dedup();
    let files = tables.iter().map(|table| table.path.clone()).collect();
    Ok(StreamInfo { name: name.to_owned(), kinds, taker_known, files, interval_ns: one_interval(name, &bars)? })
}

/// The interval that was asked for, else the file's own. A file whose candles lie further apart than
/// what a schema expects is no sparse file until somebody says so: its closes would be used too early.
fn interval(path: &Path, options: &Options) -> Result<Option<i64>> {
    let Some(expected) = options.expected_interval_ns else {
        return options.interval_ns.map_or_else(|| interval_of_file(path), |asked| Ok(Some(asked)));
    };
    let ms = |ns: i64| ns / 1_000_000;
    if let Some(asked) = options.interval_ns.filter(|asked| *asked != expected) {
        let text = format!("--interval-ms {}: the schema samples candles of {} ms", ms(asked), ms(expected));
        return Err(Error::new(Status::InvalidArgument, text));
    }
    let found = if options.interval_ns.is_some() { None } else { interval_of_file(path).ok().flatten() };
    match found.filter(|found| found % expected == 0 && *found != expected) {
        None => Ok(Some(expected)),
        Some(found) => {
            let (file, wanted) = (path.display(), ms(expected));
            let text = format!(
                "{file}: its candles are {} ms apart, the schema samples candles of {wanted} ms; --interval-ms {wanted} says that the others are missing",
                ms(found)
            );
            Err(Error::new(Status::Conflict, text))
        }
    }
}

/// Bars of two lengths are two streams.
fn one_interval(name: &str, bars: &[&Table]) -> Result<Option<i64>> {
    let known: Vec<(&Table, i64)> = bars.iter().filter_map(|table| Some((*table, table.interval_ns?))).collect();
    let Some((first, interval)) = known.first() else { return Ok(None) };
    match known.iter().find(|(_, other)| other != interval) {
        None => Ok(Some(*interval)),
        Some((table, other)) => Err(Error::new(
            Status::Conflict,
            format!("{name}: candles of {} ms in {} and of {} ms in {}", interval / 1_000_000, first.path.display(), other / 1_000_000, table.path.display()),
        )),
    }
}

fn merge(tables: Vec<Table>, streams: &[StreamInfo]) -> Merge {
    let number = |name: &str| streams.partition_point(|stream| stream.name.as_str() < name);
    let readers = tables.into_iter().map(|table| (number(&table.name), table.reader)).collect();
    Merge::new(readers, streams.len())
}
