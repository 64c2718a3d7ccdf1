//! Rows from CSV: a row a line, with or without a line of names.

use std::path::Path;

use foretick::{Error, Result, Status};

use super::array::{Array, narrow};

/// Reads a table; empty cells are missing values (NaN). `columns` names those that are used, in their order.
pub fn decode(path: &Path, bytes: &[u8], columns: Option<&str>) -> Result<Array> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let (mut names, mut chosen, mut values, mut rows) = (Vec::new(), None, Vec::new(), 0);
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|error| Error::new(Status::Corrupt, format!("{}: {error}", path.display())))?;
        let line = record.position().map_or(0, csv::Position::line);
        let at_line = |text: String| Error::new(Status::Corrupt, format!("{}:{line}: {text}", path.display()));
        if index == 0 && record.iter().any(|cell| !cell.is_empty() && cell.parse::<f64>().is_err()) {
            names = record.iter().map(str::to_owned).collect();
        }
        let (width, wanted) = match &chosen {
            Some(known) => known,
            None => chosen.insert((record.len(), choose(path, columns, &names, record.len())?)),
        };
        if record.len() != *width {
            return Err(at_line(format!("{} columns, the lines before have {width}", record.len())));
        }
        if index == 0 && !names.is_empty() {
            continue;
        }
        for column in wanted {
            values.push(number(&record[*column]).map_err(|what| at_line(format!("column {} {what}", title(*column, &names))))?);
        }
        rows += 1;
    }
    let (_, wanted) = chosen.ok_or_else(|| Error::new(Status::Corrupt, format!("{}: the file is empty", path.display())))?;
    let names = wanted.iter().filter_map(|column| names.get(*column).cloned()).collect();
    Ok(Array { dims: vec![rows, wanted.len()], values, names })
}

fn number(cell: &str) -> Result<f32, String> {
    if cell.is_empty() {
        return Ok(f32::NAN);
    }
    // Parsed as f32, so that it is rounded once.
    let value: f32 = cell.parse().map_err(|_| format!("\"{cell}\" is no number"))?;
    let beyond = value.is_infinite() && cell.parse().is_ok_and(|wide: f64| narrow(wide).is_none());
    if beyond { Err(format!("{cell} does not fit float32")) } else { Ok(value) }
}

fn title(column: usize, names: &[String]) -> String {
    names.get(column).map_or(format!("{column}:"), |name| format!("{column} ({name}):"))
}

/// Places of the columns that are used: all, or those of a list of names, numbers from 0 and ranges such as `2-5`.
fn choose(path: &Path, columns: Option<&str>, names: &[String], width: usize) -> Result<Vec<usize>> {
    let Some(list) = columns else { return Ok((0..width).collect()) };
    let mut chosen = Vec::new();
    for item in list.split(',').map(str::trim) {
        let place = names.iter().position(|name| name == item);
        let range = || match item.split_once('-') {
            Some((first, last)) => Some(first.parse().ok()?..=last.parse().ok()?),
            None => item.parse().ok().map(|at: usize| at..=at),
        };
        let places = place.map(|at| at..=at).or_else(range).filter(|places| places.start() <= places.end() && *places.end() < width);
        chosen.extend(places.ok_or_else(|| {
            let known = if names.is_empty() { "the file has no names".to_owned() } else { format!("it has {}", names.join(", ")) };
            Error::new(Status::InvalidArgument, format!("{}: --columns: \"{item}\" is none of its {width} columns; {known}", path.display()))
        })?);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, columns: Option<&str>) -> Result<Array> {
        decode(Path::new("t.csv"), text.as_bytes(), columns)
    }

    #[test]
    fn a_line_of_names_is_optional() {
        let (with, without) = (read("a, b\n1,2\n3,\n", None).unwrap(), read("1,2\n3,nan\n", None).unwrap());
        assert_eq!((&with.dims, with.values.len(), with.names), (&vec![2, 2], 4, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!((without.dims, &without.values[..3]), (vec![2, 2], &[1.0, 2.0, 3.0][..]));
        assert!(with.values[3].is_nan() && without.values[3].is_nan());
        assert_eq!(read("a,b\n", None).unwrap().dims, [0, 2]);
    }

    #[test]
    fn columns_are_chosen_by_name_number_and_range() {
        let text = "t,a,b,2\n9,1,2,3\n";
        for (list, values) in [("a,b", vec![1.0, 2.0]), ("b,1", vec![2.0, 1.0]), ("1-3", vec![1.0, 2.0, 3.0]), ("2", vec![3.0])] {
            assert_eq!(read(text, Some(list)).unwrap().values, values, "{list}");
        }
        for list in ["c", "4", "3-1", "1-9", ""] {
            let error = read(text, Some(list)).unwrap_err();
            assert!(error.text().contains("none of its 4 columns; it has t, a, b, 2"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_line_and_column() {
        for (text, part) in [
            ("a,b\n1,2\n3\n", "t.csv:3: 1 columns, the lines before have 2"),
            ("a,b\n1,x\n", "t.csv:2: column 1 (b): \"x\" is no number"),
            ("1,2\n1,1e39\n", "t.csv:2: column 1: 1e39 does not fit float32"),
            ("", "the file is empty"),
        ] {
            assert!(read(text, None).is_err_and(|error| error.text().contains(part)), "{part}");
        }
        assert!(read("inf\n", None).unwrap().values[0].is_infinite(), "said later, with its row");
    }
}
