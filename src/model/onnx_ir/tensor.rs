//! Tensors stored in the file: their dimensions checked against their data before anything is built from them.

use super::{bad, proto, shown};
use crate::error::Result;

/// The values of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `FLOAT`.
    F32(Vec<f32>),
    /// `DOUBLE`.
    F64(Vec<f64>),
    /// `INT64`.
    I64(Vec<i64>),
    /// `INT32`.
    I32(Vec<i32>),
    /// `UINT8` and `BOOL`.
    U8(Vec<u8>),
    /// An element type whose values are not read, by its ONNX number.
    Other(i32),
}

/// A tensor stored in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its dimensions; none for a scalar.
    pub dims: Vec<usize>,
    /// Its values, in row-major order.
    pub data: Data,
}

impl Tensor {
    /// How many values its dimensions say.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// It has no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as f64, when they are floating point. Exact: an f64 holds every f32.
    #[must_use]
    pub fn to_f64(&self) -> Option<Vec<f64>> {
        match &self.data {
            Data::F32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Data::F64(values) => Some(values.clone()),
            _ => None,
        }
    }

    /// The values, when they are f32.
    #[must_use]
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(values) => Some(values),
            _ => None,
        }
    }

    /// The values, when they are whole numbers.
    #[must_use]
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(values) => Some(values.clone()),
            Data::I32(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            Data::U8(values) => Some(values.iter().map(|value| i64::from(*value)).collect()),
            _ => None,
        }
    }
}

/// Reads a tensor; `what` names it in errors.
pub(super) fn decode(proto: &proto::Tensor, what: &str) -> Result<Tensor> {
    if proto.segment.is_some() {
        return Err(bad(format!("{what} is a segment of a tensor; export whole tensors")));
    }
    let dims = dims(&proto.dims, what)?;
    let count = dims
        .iter()
        .try_fold(1_usize, |product, dim| product.checked_mul(*dim))
        .ok_or_else(|| bad(format!("{what} has dimensions {:?}, whose product overflows", proto.dims)))?;
    Ok(Tensor { dims, data: data(proto, count, what)? })
}

fn dims(dims: &[i64], what: &str) -> Result<Vec<usize>> {
    let one = |dim: &i64| usize::try_from(*dim).map_err(|_| bad(format!("{what} has the dimension {dim}")));
    dims.iter().map(one).collect()
}

fn data(proto: &proto::Tensor, count: usize, what: &str) -> Result<Data> {
    let raw = proto.raw_data.as_deref();
    Ok(match proto.data_type.unwrap_or(0) {
        1 => Data::F32(values(raw, f32::from_le_bytes, &proto.float_data, count, what)?),
        11 => Data::F64(values(raw, f64::from_le_bytes, &proto.double_data, count, what)?),
        7 => Data::I64(values(raw, i64::from_le_bytes, &proto.int64_data, count, what)?),
        6 => Data::I32(values(raw, i32::from_le_bytes, &proto.int32_data, count, what)?),
        2 | 9 => Data::U8(bytes(raw, &proto.int32_data, count, what)?),
        0 => return Err(bad(format!("{what} has no element type"))),
        other => Data::Other(other),
    })
}

/// The values from `raw_data` or, when the file has none, from the typed field.
fn values<T: Copy, const N: usize>(raw: Option<&[u8]>, read: fn([u8; N]) -> T, typed: &[T], count: usize, what: &str) -> Result<Vec<T>> {
    let Some(raw) = raw else {
        same_count(count, typed.len(), what)?;
        return Ok(typed.to_vec());
    };
    let (words, rest) = raw.as_chunks::<N>();
    if !rest.is_empty() || !typed.is_empty() {
        return Err(bad(format!("{what} has {} bytes of data, which is no whole number of values, or data in two fields", raw.len())));
    }
    same_count(count, words.len(), what)?;
    Ok(words.iter().map(|word| read(*word)).collect())
}

/// One-byte elements; in the typed field each has 32 bits.
fn bytes(raw: Option<&[u8]>, typed: &[i32], count: usize, what: &str) -> Result<Vec<u8>> {
    if raw.is_some() {
        return values(raw, u8::from_le_bytes, &[], count, what);
    }
    same_count(count, typed.len(), what)?;
    let one = |value: &i32| u8::try_from(*value).map_err(|_| bad(format!("{what} has the byte {value}")));
    typed.iter().map(one).collect()
}

fn same_count(expected: usize, found: usize, what: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(bad(format!("{what} has dimensions for {expected} values and data for {found}; the file is damaged")))
}

/// How errors name the tensor.
pub(super) fn titled(proto: &proto::Tensor) -> String {
    format!("tensor {}", shown(proto.name.as_deref().unwrap_or_default()))
}
