//! What each input of a graph reads: a file's rows, or the state that the row before has left.

use std::path::{Path, PathBuf};

use foretick::model::onnx_ir::{Dim, Graph, Value};
use foretick::{Error, Result, Status};

use super::ScoreArgs;
use super::array::Array;

/// Rows of a file for one input.
pub struct Feed {
    /// The file.
    pub path: PathBuf,
    array: Array,
    /// Rows; one row is used for all rows of the others.
    pub count: usize,
    width: usize,
    /// Values from one row to the next: fewer than a row's for windows that slide.
    step: usize,
    /// Dimensions of a row in the file.
    dims: Vec<usize>,
}

impl Feed {
    fn read(path: &Path) -> Result<Feed> {
        Ok(Feed::of(path, Array::read(path, None)?))
    }

    /// The file of the plain argument: its columns may be chosen, its rows put together or shaped.
    fn read_plain(path: &Path, args: &ScoreArgs) -> Result<Feed> {
        let feed = Feed::of(path, Array::read(path, args.columns.as_deref())?);
        match (args.window, args.shape.as_slice()) {
            (Some(window), _) => feed.slide(window.get()),
            (None, []) => Ok(feed),
            (None, shape) => feed.reshape(shape),
        }
    }

    fn of(path: &Path, array: Array) -> Feed {
        let (count, width) = (array.dims[0], array.width());
        let dims = array.dims[1..].to_vec();
        Feed { path: path.to_owned(), array, count, width, step: width, dims }
    }

    fn wrong(&self, text: &str) -> Error {
        Error::new(Status::Shape, format!("{}: {text}", self.path.display()))
    }

    /// Windows of so many rows, each beginning a row after the one before.
    fn slide(self, window: usize) -> Result<Feed> {
        let [rows, columns] = *self.array.dims.as_slice() else {
            return Err(self.wrong(&format!("--window needs a table of rows and columns, its shape is {:?}", self.array.dims)));
        };
        if rows < window {
            return Err(self.wrong(&format!("{rows} rows are no window of {window}")));
        }
        Ok(Feed { count: rows - window + 1, width: window * columns, dims: vec![window, columns], ..self })
    }

    fn reshape(self, shape: &[usize]) -> Result<Feed> {
        let wanted = shape.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim));
        if wanted != Some(self.width) {
            return Err(self.wrong(&format!("a row has {} values, which --shape {shape:?} does not hold", self.width)));
        }
        Ok(Feed { dims: shape.to_vec(), ..self })
    }

    /// The values of a row.
    pub fn row(&self, number: usize) -> &[f32] {
        let first = if self.count == 1 { 0 } else { number * self.step };
        &self.array.values[first..first + self.width]
    }

    /// The first value that a model cannot read, with its place.
    pub fn refuses(&self, takes_missing: bool) -> Option<String> {
        let at = self.array.values.iter().position(|value| value.is_infinite() || value.is_nan() && !takes_missing)?;
        let value = self.array.values[at];
        let remedy = if value.is_nan() { "the model takes no missing values: fill it, or leave the row out" } else { "a number is finite" };
        let name = self.array.names.get(at % self.array.width()).map_or(String::new(), |name| format!(" ({name})"));
        let text = Array::says_place(&self.array.dims, at, &format!("{value}{name}; {remedy}"));
        Some(format!("{}: {text}", self.path.display()))
    }

    /// A list of plain numbers is one row, unless the graph reads one value a row.
    fn settle(mut self, input: &Value) -> Feed {
        let single = input.dims.as_ref().is_some_and(|dims| dims.get(1..).unwrap_or_default().iter().all(|dim| *dim == Dim::Fixed(1)));
        if self.array.dims.len() == 1 && !single {
            let length = self.array.dims[0];
            self.array.dims = vec![1, length];
            (self.count, self.width, self.step, self.dims) = (1, length, length, vec![length]);
        }
        self
    }

    /// Dimensions of the graph's input for a row of this file: a batch of one, or the row as it is, or the same values in the
    /// dimensions that the graph fixes.
    fn fit(&self, input: &Value) -> Result<Vec<usize>> {
        let batch: Vec<usize> = std::iter::once(1).chain(self.dims.iter().copied()).collect();
        let Some(dims) = &input.dims else { return Ok(batch) };
        let fits = |row: &[usize]| row.len() == dims.len() && row.iter().zip(dims).all(|(size, dim)| !matches!(dim, Dim::Fixed(fixed) if fixed != size));
        let candidates = [batch, self.dims.clone()].into_iter().find(|row| fits(row));
        candidates.or_else(|| fill(dims, self.width)).ok_or_else(|| {
            let text = format!("a row has {} values ({:?}), the graph's input {} reads ({})", self.width, self.dims, input.name, listed(dims));
            self.wrong(&format!("{text}: choose with --columns, put rows together with --window, or shape them with --shape"))
        })
    }
}

/// The graph's own dimensions with a batch of one, when they leave at most one other open and hold so many values.
fn fill(dims: &[Dim], width: usize) -> Option<Vec<usize>> {
    let fixed = |(at, dim): (usize, &Dim)| match dim {
        Dim::Fixed(size) => Some(*size),
        _ => (at == 0).then_some(1),
    };
    let sizes: Vec<Option<usize>> = dims.iter().enumerate().map(fixed).collect();
    let known = sizes.iter().flatten().try_fold(1usize, |all, size| all.checked_mul(*size)).filter(|known| *known > 0 && width.is_multiple_of(*known))?;
    let open = sizes.iter().filter(|size| size.is_none()).count();
    (open == 1 || open == 0 && known == width).then(|| sizes.iter().map(|size| size.unwrap_or(width / known)).collect())
}

fn listed(dims: &[Dim]) -> String {
    let texts = dims.iter().map(|dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(name) => name.clone(),
        Dim::Free => "?".to_owned(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// One input with what it reads.
pub struct Source {
    /// Name of the input.
    pub input: String,
    /// Its dimensions for one row.
    pub dims: Vec<usize>,
    /// Its file; of a carried input the first state, without one zeros.
    pub feed: Option<Feed>,
    /// The output that is carried into it.
    pub carried: Option<String>,
}

/// What every input of the graph reads, in the graph's order.
pub fn sources(graph: &Graph, args: &ScoreArgs) -> Result<Vec<Source>> {
    let usage = |text: String| Error::new(Status::InvalidArgument, text);
    let (files, carries) = (pairs(&args.input, "--input", graph)?, pairs(&args.carry, "--carry", graph)?);
    let named = |input: &Value| files.iter().find(|(name, _)| *name == input.name).map(|(_, path)| Path::new(*path));
    let carried = |input: &Value| carries.iter().find(|(name, _)| *name == input.name).map(|(_, output)| (*output).to_owned());
    let left: Vec<&str> = graph.inputs.iter().filter(|input| named(input).is_none() && carried(input).is_none()).map(|input| input.name.as_str()).collect();
    match (left.as_slice(), &args.rows) {
        ([_], Some(_)) | ([], None) => {}
        ([], Some(rows)) => return Err(usage(format!("{}: --input and --carry name every input of the graph already", rows.display()))),
        (left, _) => return Err(usage(format!("the inputs {} have no file: name each with --input NAME=FILE", left.join(", ")))),
    }
    let mut sources = Vec::new();
    for input in &graph.inputs {
        let feed = match (named(input), carried(input), &args.rows) {
            (Some(path), ..) => Some(Feed::read(path)?),
            (None, None, Some(rows)) => Some(Feed::read_plain(rows, args)?),
            _ => None,
        };
        let feed = feed.map(|feed| feed.settle(input));
        let dims = feed.as_ref().map(|feed| feed.fit(input)).transpose()?.unwrap_or_default();
        sources.push(Source { input: input.name.clone(), dims, feed, carried: carried(input) });
    }
    if sources.iter().all(|source| source.carried.is_some()) {
        return Err(usage("no input reads rows: every one is carried, or the graph has none".to_owned()));
    }
    open_states(graph, &mut sources)?;
    Ok(sources)
}

/// `NAME=VALUE` by input: of --carry, which is written `OUTPUT=INPUT`, the input comes second.
fn pairs<'a>(given: &'a [String], option: &str, graph: &Graph) -> Result<Vec<(&'a str, &'a str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for text in given {
        let wrong = |what: &str| Error::new(Status::InvalidArgument, format!("{option} {text}: {what}"));
        let (left, right) = text.split_once('=').ok_or_else(|| wrong("a = is missing"))?;
        let (input, other) = if option == "--carry" { (right, left) } else { (left, right) };
        if !graph.inputs.iter().any(|known| known.name == input) {
            let names: Vec<&str> = graph.inputs.iter().map(|known| known.name.as_str()).collect();
            return Err(wrong(&format!("the graph has no input {input}; its inputs are {}", names.join(", "))));
        }
        if pairs.iter().any(|(known, _)| *known == input) {
            return Err(wrong(&format!("the input {input} is named twice")));
        }
        pairs.push((input, other));
    }
    Ok(pairs)
}

/// Dimensions of the states that start from zeros: those that the graph fixes, and where it names one, what other inputs have
/// there.
fn open_states(graph: &Graph, sources: &mut [Source]) -> Result<()> {
    let known: Vec<(String, usize)> = graph.inputs.iter().zip(&*sources).flat_map(|(input, source)| named_dims(input, &source.dims)).collect();
    for (input, source) in graph.inputs.iter().zip(sources).filter(|(_, source)| source.feed.is_none()) {
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => Some(*size),
            Dim::Named(name) => known.iter().find(|(known, _)| known == name).map(|(_, size)| *size),
            Dim::Free => None,
        };
        let dims = input.dims.as_ref().and_then(|dims| dims.iter().map(size).collect());
        source.dims = dims.ok_or_else(|| {
            let text = format!("the graph leaves dimensions of {0} open: give its first state with --input {0}=FILE, one row", input.name);
            Error::new(Status::Shape, text)
        })?;
    }
    Ok(())
}

fn named_dims(input: &Value, sizes: &[usize]) -> Vec<(String, usize)> {
    let named = |(dim, size): (&Dim, &usize)| if let Dim::Named(name) = dim { Some((name.clone(), *size)) } else { None };
    input.dims.iter().flatten().zip(sizes).filter_map(named).collect()
}

/// How many rows there are: files of one row serve every row.
pub fn rows(sources: &[Source]) -> Result<usize> {
    let feeds = || sources.iter().filter_map(|source| source.feed.as_ref().map(|feed| (source, feed)));
    if let Some((source, feed)) = feeds().find(|(source, feed)| source.carried.is_some() && feed.count != 1) {
        return Err(feed.wrong(&format!("{} rows; the first state of {} is one row", feed.count, source.input)));
    }
    let Some((_, longest)) = feeds().filter(|(source, _)| source.carried.is_none()).max_by_key(|(_, feed)| feed.count) else { return Ok(0) };
    match feeds().find(|(_, feed)| feed.count != 1 && feed.count != longest.count) {
        None => Ok(longest.count),
        Some((_, feed)) => Err(feed.wrong(&format!("{} rows, {} has {}", feed.count, longest.path.display(), longest.count))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(dims: &[Dim]) -> Value {
        Value { name: "x".into(), elem_type: 1, dims: Some(dims.to_vec()) }
    }

    fn feed(dims: &[usize]) -> Feed {
        let array = Array { dims: dims.to_vec(), values: (0..dims.iter().product()).map(|at| at as f32).collect(), names: Vec::new() };
        Feed::of(Path::new("x.npy"), array)
    }

    #[test]
    fn rows_fit_the_dimensions_of_the_graph() {
        let (free, named) = (Dim::Free, Dim::Named("N".into()));
        let fixed = |size| Dim::Fixed(size);
        for (rows, dims, expected) in [
            (vec![9, 5], vec![named.clone(), fixed(5)], Some(vec![1, 5])),
            (vec![9, 4, 5], vec![named.clone(), fixed(4), fixed(5)], Some(vec![1, 4, 5])),
            (vec![9, 20], vec![named.clone(), fixed(4), fixed(5)], Some(vec![1, 4, 5])),
            (vec![9, 4, 5], vec![named.clone(), fixed(20)], Some(vec![1, 20])),
            (vec![9, 20], vec![named.clone(), free.clone(), fixed(5)], Some(vec![1, 4, 5])),
            (vec![9, 4, 5], vec![named.clone(), free.clone(), free.clone()], Some(vec![1, 4, 5])),
            (vec![9, 2, 1, 8], vec![fixed(2), named.clone(), fixed(8)], Some(vec![2, 1, 8])),
            (vec![9, 6], vec![named.clone(), fixed(5)], None),
            (vec![9, 20], vec![named.clone(), free.clone(), free.clone()], None),
            (vec![9, 20], vec![named, fixed(0), fixed(5)], None),
        ] {
            let (feed, input) = (feed(&rows), input(&dims));
            assert_eq!(feed.fit(&input).ok(), expected, "{rows:?} in {}", listed(&dims));
        }
    }

    #[test]
    fn a_list_is_one_row_or_rows_of_one_value() {
        let settled = |dims: &[Dim]| feed(&[3]).settle(&input(dims));
        let one = settled(&[Dim::Free, Dim::Fixed(3)]);
        assert_eq!((one.count, one.row(7)), (1, &[0.0, 1.0, 2.0][..]));
        let many = settled(&[Dim::Free, Dim::Fixed(1)]);
        assert_eq!((many.count, many.row(2)), (3, &[2.0][..]));
    }

    #[test]
    fn windows_slide_and_rows_take_other_shapes() {
        let windows = feed(&[5, 2]).slide(3).ok().unwrap();
        assert_eq!((windows.count, windows.row(2)), (3, &[4.0, 5.0, 6.0, 7.0, 8.0, 9.0][..]));
        assert!(feed(&[2, 2]).slide(3).is_err_and(|error| error.text().contains("2 rows are no window of 3")));
        assert!(feed(&[2, 2, 2]).slide(1).is_err_and(|error| error.text().contains("needs a table")));
        assert_eq!(feed(&[2, 6]).reshape(&[3, 2]).ok().unwrap().dims, [3, 2]);
        assert!(feed(&[2, 6]).reshape(&[usize::MAX, 2]).is_err_and(|error| error.text().contains("6 values")));
    }
}
