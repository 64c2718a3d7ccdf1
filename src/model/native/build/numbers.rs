//! Arithmetic of constants while a graph is compiled.

use super::{Node, Result, Tensor, faulty, shown, unable};
use crate::model::onnx_ir::Data;

/// The values of a constant.
pub(super) enum Numbers {
    Whole(Vec<i64>),
    Float(Vec<f32>),
}

/// The operators of [`function`].
pub(super) fn is_function(op: &str) -> bool {
    let of_two = matches!(op, "Add" | "Sub" | "Mul" | "Div" | "Mod" | "Min" | "Max" | "Pow" | "Sum");
    let compares = matches!(op, "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or");
    of_two || compares || matches!(op, "Not" | "Neg" | "Abs" | "Sqrt" | "Reciprocal")
}

impl Numbers {
    /// Truth values count as 0 and 1.
    pub(super) fn of(node: &Node, tensor: &Tensor) -> Result<Numbers> {
        let values = tensor.as_f32().map(|values| Numbers::Float(values.to_vec())).or_else(|| tensor.to_i64().map(Numbers::Whole));
        values.ok_or_else(|| unable(format!("{} has a constant that is neither float32 nor of whole numbers", shown(&node.title()))))
    }

    pub(super) fn to_f32(&self) -> Vec<f32> {
        match self {
            Numbers::Whole(values) => values.iter().map(|value| *value as f32).collect(),
            Numbers::Float(values) => values.clone(),
        }
    }

    /// Towards zero.
    pub(super) fn to_i64(&self) -> Vec<i64> {
        match self {
            Numbers::Whole(values) => values.clone(),
            Numbers::Float(values) => values.iter().map(|value| *value as i64).collect(),
        }
    }

    /// 1 where a value is not zero.
    pub(super) fn to_bool(&self) -> Vec<u8> {
        match self {
            Numbers::Whole(values) => values.iter().map(|value| u8::from(*value != 0)).collect(),
            Numbers::Float(values) => values.iter().map(|value| u8::from(*value != 0.0)).collect(),
        }
    }
}

/// A function of inputs of one shape.
pub(super) fn function(node: &Node, inputs: Vec<Numbers>) -> Result<Data> {
    let op = node.op.as_str();
    let mut inputs = inputs.into_iter();
    let first = inputs.next().ok_or_else(|| faulty(format!("{} lacks an input", shown(&node.title()))))?;
    if matches!(op, "Not" | "Neg" | "Abs" | "Sqrt" | "Reciprocal") {
        return of_one(node, first);
    }
    let rest: Vec<Numbers> = inputs.collect();
    if let ("Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or", [second]) = (op, rest.as_slice()) {
        return Ok(Data::U8(compared(op, &first, second)));
    }
    let result = rest.iter().try_fold(first, |joined, next| of_two(node, &joined, next))?;
    Ok(match result {
        Numbers::Whole(values) => Data::I64(values),
        Numbers::Float(values) => Data::F32(values),
    })
}

fn of_one(node: &Node, values: Numbers) -> Result<Data> {
    let op = node.op.as_str();
    match values {
        Numbers::Whole(values) => match op {
            "Not" => Ok(Data::U8(values.iter().map(|value| u8::from(*value == 0)).collect())),
            "Neg" => Ok(Data::I64(values.iter().map(|value| value.wrapping_neg()).collect())),
            "Abs" => Ok(Data::I64(values.iter().map(|value| value.wrapping_abs()).collect())),
            _ => Err(unable(format!("{} of whole numbers", shown(&node.title())))),
        },
        Numbers::Float(values) => {
            let function: fn(f32) -> f32 = match op {
                "Neg" => |x| -x,
                "Abs" => f32::abs,
                "Sqrt" => f32::sqrt,
                "Reciprocal" => |x| 1.0 / x,
                _ => return Err(unable(format!("{} of floats", shown(&node.title())))),
            };
            Ok(Data::F32(values.into_iter().map(function).collect()))
        }
    }
}

fn compared(op: &str, a: &Numbers, b: &Numbers) -> Vec<u8> {
    fn each<T: Copy>(a: &[T], b: &[T], holds: impl Fn(T, T) -> bool) -> Vec<u8> {
        a.iter().zip(b).map(|(a, b)| u8::from(holds(*a, *b))).collect()
    }
    fn ordered<T: Copy + PartialOrd>(op: &str, a: &[T], b: &[T]) -> Vec<u8> {
        match op {
            "Equal" => each(a, b, |a, b| a == b),
            "Less" => each(a, b, |a, b| a < b),
            "LessOrEqual" => each(a, b, |a, b| a <= b),
            "Greater" => each(a, b, |a, b| a > b),
            _ => each(a, b, |a, b| a >= b),
        }
    }
    match (op, a, b) {
        ("And", ..) => each(&a.to_bool(), &b.to_bool(), |a, b| a & b != 0),
        ("Or", ..) => each(&a.to_bool(), &b.to_bool(), |a, b| a | b != 0),
        (_, Numbers::Whole(a), Numbers::Whole(b)) => ordered(op, a, b),
        _ => ordered(op, &a.to_f32(), &b.to_f32()),
    }
}

fn of_two(node: &Node, a: &Numbers, b: &Numbers) -> Result<Numbers> {
    let refuse = || unable(format!("{} of constants overflows, divides by 0 or is not known", shown(&node.title())));
    let op = node.op.as_str();
    if let (Numbers::Whole(a), Numbers::Whole(b)) = (a, b) {
        let values: Option<Vec<i64>> = a.iter().zip(b).map(|(a, b)| whole(op, *a, *b)).collect();
        return values.map(Numbers::Whole).ok_or_else(refuse);
    }
    let values: Option<Vec<f32>> = a.to_f32().into_iter().zip(b.to_f32()).map(|(a, b)| float(op, a, b)).collect();
    values.map(Numbers::Float).ok_or_else(refuse)
}

fn whole(op: &str, a: i64, b: i64) -> Option<i64> {
    match op {
        "Add" | "Sum" => a.checked_add(b),
        "Sub" => a.checked_sub(b),
        "Mul" => a.checked_mul(b),
        "Div" => a.checked_div(b),
        "Mod" => a.checked_rem_euclid(b).filter(|_| b > 0),
        "Min" => Some(a.min(b)),
        "Max" => Some(a.max(b)),
        _ => None,
    }
}

fn float(op: &str, a: f32, b: f32) -> Option<f32> {
    match op {
        "Add" | "Sum" => Some(a + b),
        "Sub" => Some(a - b),
        "Mul" => Some(a * b),
        "Div" => Some(a / b),
        "Min" => Some(if b < a || b.is_nan() { b } else { a }),
        "Max" => Some(if b > a || b.is_nan() { b } else { a }),
        "Pow" => Some(libm::pow(f64::from(a), f64::from(b)) as f32),
        _ => None,
    }
}
