//! NumPy's `.npy` files, read and written.
//!
//! The header is a dictionary written as Python. A general reader of such literals follows any nesting and trusts the sizes in
//! them; what `numpy.save` writes is three keys on one line, so that is what is read here, and sizes are checked first.

use super::array::{Array, narrow};

const MAGIC: &[u8] = b"\x93NUMPY";

/// How numbers stand in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F32,
    F64,
    I32,
    I64,
}

impl Kind {
    fn of(descr: &str) -> Result<Kind, String> {
        match descr {
            "<f4" => Ok(Kind::F32),
            "<f8" => Ok(Kind::F64),
            "<i4" => Ok(Kind::I32),
            "<i8" => Ok(Kind::I64),
            other => Err(format!("dtype {other}: float32, float64, int32 and int64, little-endian, are read; save it with .astype('<f4')")),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Kind::F32 | Kind::I32 => 4,
            Kind::F64 | Kind::I64 => 8,
        }
    }
}

/// Reads a file's bytes; numbers that f32 cannot hold are refused.
pub fn decode(bytes: &[u8]) -> Result<Array, String> {
    let (header, data) = split(bytes)?;
    let dims = shape(header)?;
    let kind = Kind::of(quoted(value(header, "descr")?)?)?;
    match value(header, "fortran_order")? {
        rest if rest.starts_with("False") => {}
        _ => return Err("it is in Fortran order; save numpy.ascontiguousarray of it".to_owned()),
    }
    let count = dims.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
    let wanted = count.and_then(|count| count.checked_mul(kind.bytes())).ok_or_else(|| format!("its shape {dims:?} is more than memory can hold"))?;
    if data.len() != wanted {
        return Err(format!("its shape {dims:?} needs {wanted} bytes of numbers, {} are there: the file is damaged", data.len()));
    }
    let values = numbers(kind, data).map_err(|(at, number)| Array::says_place(&dims, at, &format!("{number} does not fit float32 exactly")))?;
    Ok(Array { dims, values, names: Vec::new() })
}

/// Header and numbers.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let damaged = || "its header is damaged".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no .npy file: it does not begin as one")?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(damaged)?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk().map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        2 | 3 => rest.split_first_chunk().map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        other => return Err(format!("it is of version {other} of the format; versions 1 to 3 are read")),
    }
    .ok_or_else(damaged)?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(damaged)?;
    Ok((std::str::from_utf8(header).map_err(|_| damaged())?, data))
}

/// What follows a key of the header.
fn value<'h>(header: &'h str, key: &str) -> Result<&'h str, String> {
    let missing = || format!("its header has no {key}");
    let rest = header.split_once(&format!("'{key}'")).ok_or_else(missing)?.1;
    rest.trim_start().strip_prefix(':').map(str::trim_start).ok_or_else(missing)
}

fn quoted(text: &str) -> Result<&str, String> {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    inner.map(|(text, _)| text).ok_or_else(|| "its numbers are records with fields; save a plain array of float32".to_owned())
}

fn shape(header: &str) -> Result<Vec<usize>, String> {
    let wrong = || "the shape in its header is damaged".to_owned();
    let inner = value(header, "shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(wrong)?.0;
    let dims = inner.split(',').map(str::trim).filter(|dim| !dim.is_empty()).map(|dim| dim.parse().map_err(|_| wrong()));
    dims.collect()
}

/// The numbers as f32, or the place and text of the first that f32 cannot hold. Fractions are rounded to the nearest f32.
fn numbers(kind: Kind, data: &[u8]) -> Result<Vec<f32>, (usize, String)> {
    fn all<const N: usize>(data: &[u8], turn: impl Fn([u8; N]) -> Result<f32, String>) -> Result<Vec<f32>, (usize, String)> {
        data.as_chunks::<N>().0.iter().enumerate().map(|(at, bytes)| turn(*bytes).map_err(|number| (at, number))).collect()
    }
    let whole = |number: i64| if (number as f32) as i64 == number { Ok(number as f32) } else { Err(number.to_string()) };
    match kind {
        Kind::F32 => all(data, |bytes| Ok(f32::from_le_bytes(bytes))),
        Kind::F64 => all(data, |bytes| narrow(f64::from_le_bytes(bytes)).ok_or_else(|| format!("{:?}", f64::from_le_bytes(bytes)))),
        Kind::I32 => all(data, |bytes| whole(i64::from(i32::from_le_bytes(bytes)))),
        Kind::I64 => all(data, |bytes| whole(i64::from_le_bytes(bytes))),
    }
}

/// A file of f32 in C order.
pub fn encode(dims: &[usize], values: &[f32]) -> Vec<u8> {
    let shape: String = dims.iter().map(|dim| format!("{dim}, ")).collect();
    let shape = if dims.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    // Numbers begin at a multiple of 64 bytes, behind the magic, two bytes of version and two of length; the header ends a line.
    let before = MAGIC.len() + 4;
    let padding = (before + header.len() + 1).next_multiple_of(64) - (before + header.len() + 1);
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
    }

    fn of(descr: &str, shape: &str, data: &[u8]) -> Result<Array, String> {
        decode(&file(&format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data))
    }

    #[test]
    fn what_is_written_is_read_again() {
        for dims in [vec![3], vec![2, 3], vec![1, 2, 3], vec![0, 5]] {
            let values: Vec<f32> = (0..dims.iter().product()).map(|at| at as f32 - 1.5).collect();
            let bytes = encode(&dims, &values);
            assert_eq!((bytes.len() - values.len() * 4) % 64, 0);
            let array = decode(&bytes).unwrap();
            assert_eq!((array.dims, array.values), (dims, values));
        }
    }

    #[test]
    fn numbers_of_four_kinds_are_read() {
        let f64s: Vec<u8> = [0.1f64, f64::NAN].iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = of("<f8", "(2,)", &f64s).unwrap();
        assert!(array.values[0] == 0.1 && array.values[1].is_nan());
        let i64s: Vec<u8> = [-3i64, 1 << 40].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(of("<i8", "(1, 2)", &i64s).unwrap().values, [-3.0, (1u64 << 40) as f32]);
        assert_eq!(of("<i4", "(1, 1)", &7i32.to_le_bytes()).unwrap().values, [7.0]);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let four = 1f32.to_le_bytes();
        for (result, part) in [
            (decode(b"PK\x03\x04"), "no .npy file"),
            (decode(MAGIC), "damaged"),
            (decode(b"\x93NUMPY\x01\x00\xff\xff{"), "damaged"),
            (decode(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"), "damaged"),
            (decode(b"\x93NUMPY\x09\x00\x01\x00{"), "version 9"),
            (of("<f4", "(2,)", &four), "needs 8 bytes of numbers, 4"),
            (of("<f4", "(1,)", &[0; 5]), "needs 4 bytes of numbers, 5"),
            (of("<f4", "(4611686018427387904, 4)", &four), "more than memory"),
            (of("<f4", "(99999999999999999999,)", &four), "shape"),
            (of("<f4", "(-1,)", &four), "shape"),
            (of("<f4", "((((1", &four), "shape"),
            (of(">f4", "(1,)", &four), "dtype >f4"),
            (of("|O", "(1,)", &four), "dtype |O"),
            (of("<f8", "(1, 1)", &1e39f64.to_le_bytes()), "row 0, column 0: 1e39 does not fit"),
            (of("<i8", "(1, 1)", &16_777_217i64.to_le_bytes()), "16777217 does not fit"),
            (decode(&file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", &four)), "records"),
            (decode(&file("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", &four)), "ascontiguousarray"),
            (decode(&file("{'descr': '<f4', 'shape': (1,), }", &four)), "no fortran_order"),
        ] {
            assert!(result.as_ref().is_err_and(|text| text.contains(part)), "{part}: {result:?}");
        }
        let whole = encode(&[2, 2], &[1.0; 4]);
        (0..whole.len()).for_each(|end| assert!(decode(&whole[..end]).is_err(), "cut at {end}"));
    }
}
