//! Where scores go: lines of standard output, or files.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use foretick::model::backend::Port;
use foretick::{Error, Result, Status};

use super::npy;
use super::session::{Scores, columns};
use crate::cli::files::Output;
use crate::cli::write_text;

/// One file, or standard output, with the outputs that it takes.
struct Target {
    path: Option<PathBuf>,
    /// Where the outputs' values stand in a row.
    ports: Vec<(Port, std::ops::Range<usize>)>,
}

/// Where scores go.
pub struct Sink(Vec<Target>);

/// Stands for an output's name in the name of a file.
const OUTPUT: &str = "{output}";

impl Sink {
    /// A file for each output when the name holds `{output}`; else one for all that are not carried, side by side.
    pub fn plan(out: Option<&Path>, ports: &[Port], carried: impl Fn(&str) -> bool) -> Result<Sink> {
        let mut start = 0;
        let place = |port: &Port| {
            start += port.width();
            (port.clone(), start - port.width()..start)
        };
        let places: Vec<_> = ports.iter().map(place).collect();
        let kept = || places.iter().filter(|(port, _)| !carried(&port.name)).cloned().collect();
        let Some(path) = out else { return Ok(Sink(vec![Target { path: None, ports: kept() }])) };
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !["npy", "csv"].contains(&extension) {
            return Err(Error::new(Status::InvalidArgument, format!("--out {}: scores are written as .npy or .csv", path.display())));
        }
        let text = path.to_string_lossy();
        if !text.contains(OUTPUT) {
            return Ok(Sink(vec![Target { path: Some(path.to_owned()), ports: kept() }]));
        }
        let of = |place: &(Port, std::ops::Range<usize>)| Target {
            path: Some(PathBuf::from(text.replace(OUTPUT, &file_name(&place.0.name)))),
            ports: vec![place.clone()],
        };
        Ok(Sink(places.iter().map(of).collect()))
    }

    /// The files.
    pub fn files(&self) -> Vec<&Path> {
        self.0.iter().filter_map(|target| target.path.as_deref()).collect()
    }

    /// Names of the values, when they go side by side.
    pub fn columns(&self) -> Vec<String> {
        self.0.iter().flat_map(|target| columns(&target.ports.iter().map(|(port, _)| port.clone()).collect::<Vec<_>>())).collect()
    }

    /// Writes the scores; a file has its name only when it is complete.
    pub fn write(&self, scores: &Scores) -> Result<()> {
        self.0.iter().try_for_each(|target| target.write(scores))
    }
}

/// An output's name without what a file's name cannot hold.
fn file_name(name: &str) -> String {
    name.chars().map(|letter| if letter.is_alphanumeric() || "._-".contains(letter) { letter } else { '_' }).collect()
}

impl Target {
    fn write(&self, scores: &Scores) -> Result<()> {
        let Some(path) = &self.path else { return self.csv(scores, write_text) };
        let mut file = Output::create(path)?;
        if path.extension().is_some_and(|extension| extension == "csv") {
            self.csv(scores, |text| file.write(text))?;
        } else {
            let values: Vec<f32> = self.rows(scores).flatten().copied().collect();
            file.write_bytes(&npy::encode(&self.dims(scores.rows), &values))?;
        }
        file.finish()
    }

    /// The values of each row.
    fn rows<'s>(&'s self, scores: &'s Scores) -> impl Iterator<Item = impl Iterator<Item = &'s f32>> {
        let width = scores.values.len().checked_div(scores.rows).unwrap_or(0);
        (0..scores.rows).map(move |row| self.ports.iter().flat_map(move |(_, place)| &scores.values[row * width..][place.clone()]))
    }

    /// [N, an output's own dimensions], or [N, values] of several side by side.
    fn dims(&self, rows: usize) -> Vec<usize> {
        let row = match self.ports.as_slice() {
            [(port, _)] => port.dims.strip_prefix(&[1]).unwrap_or(&port.dims).to_vec(),
            several => vec![several.iter().map(|(port, _)| port.width()).sum()],
        };
        std::iter::once(rows).chain(row).collect()
    }

    fn csv(&self, scores: &Scores, mut write: impl FnMut(&str) -> Result<()>) -> Result<()> {
        let ports: Vec<Port> = self.ports.iter().map(|(port, _)| port.clone()).collect();
        let mut text = columns(&ports).join(",") + "\n";
        for row in self.rows(scores) {
            for (at, value) in row.enumerate() {
                let _ = write!(text, "{}{value:?}", if at == 0 { "" } else { "," });
            }
            text.push('\n');
            if text.len() > 1 << 16 {
                write(&text)?;
                text.clear();
            }
        }
        write(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> Vec<Port> {
        [("y", vec![1, 2]), ("h/1", vec![2, 1, 3])].map(|(name, dims)| Port { name: name.into(), dims }).to_vec()
    }

    #[test]
    fn one_file_takes_all_side_by_side_or_each_has_its_own() {
        let both = Sink::plan(Some(Path::new("o.npy")), &ports(), |_| false).unwrap();
        assert_eq!((both.0[0].dims(7), both.columns().len()), (vec![7, 8], 8));
        let kept = Sink::plan(Some(Path::new("o.npy")), &ports(), |name| name == "h/1").unwrap();
        assert_eq!((kept.0[0].dims(7), kept.columns()), (vec![7, 2], vec!["y[0]".to_owned(), "y[1]".to_owned()]));
        let each = Sink::plan(Some(Path::new("o.{output}.npy")), &ports(), |name| name == "h/1").unwrap();
        assert_eq!(each.files(), [Path::new("o.y.npy"), Path::new("o.h_1.npy")]);
        assert_eq!((each.0[0].dims(7), each.0[1].dims(7)), (vec![7, 2], vec![7, 2, 1, 3]));
        assert!(Sink::plan(Some(Path::new("o.txt")), &ports(), |_| false).is_err());
    }
}
