//! The dimensions of a graph's input for one row.

use crate::error::{Error, Result, Status};
use crate::model::onnx_ir::{Dim, Value, shown};

/// The dimensions of an input: those that the graph fixes, the hint's where it does not, and 1 for a batch that nobody names.
///
/// # Errors
/// `CONTRACT` when a dimension stays unknown or the hint differs from what the graph fixes.
pub fn resolve(input: &Value, hint: Option<&[usize]>) -> Result<Vec<usize>> {
    let name = shown(&input.name);
    let refuse = |text: String| Error::new(Status::Contract, format!("input {name}: {text}"));
    let Some(dims) = &input.dims else {
        return hint.map(<[usize]>::to_vec).ok_or_else(|| refuse("the graph does not say its dimensions".to_owned()));
    };
    if let Some(hint) = hint.filter(|hint| hint.len() != dims.len()) {
        return Err(refuse(format!("the graph has {} dimensions ({}), the rows have {} ({hint:?})", dims.len(), listed(dims), hint.len())));
    }
    let resolved = dims.iter().enumerate().map(|(at, dim)| match (dim, hint.map(|hint| hint[at])) {
        (Dim::Fixed(fixed), Some(given)) if *fixed != given => {
            Err(refuse(format!("dimension {at} is {fixed} in the graph ({}), {given} in the rows ({:?})", listed(dims), hint.unwrap_or_default())))
        }
        (Dim::Fixed(fixed), _) => Ok(*fixed),
        (_, Some(given)) => Ok(given),
        (_, None) if at == 0 && dims.len() > 1 => Ok(1),
        (_, None) => Err(refuse(format!("dimension {at} of ({}) is not fixed by the graph, and nothing else says it", listed(dims)))),
    });
    resolved.collect()
}

fn listed(dims: &[Dim]) -> String {
    let texts = dims.iter().map(|dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(name) => shown(name),
        Dim::Free => "?".to_owned(),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(dims: &[Dim]) -> Value {
        Value { name: "x".into(), elem_type: 1, dims: Some(dims.to_vec()) }
    }

    #[test]
    fn the_graph_the_hint_and_a_batch_of_one_in_this_order() {
        let open = input(&[Dim::Named("N".into()), Dim::Free, Dim::Fixed(3)]);
        assert_eq!(resolve(&open, Some(&[1, 6, 3])), Ok(vec![1, 6, 3]));
        assert_eq!(resolve(&input(&[Dim::Free, Dim::Fixed(5)]), None), Ok(vec![1, 5]));
        for (hint, text) in [(&[1, 6, 4][..], "dimension 2 is 3"), (&[6, 3], "has 3 dimensions (")] {
            assert!(resolve(&open, Some(hint)).unwrap_err().text().contains(text));
        }
        assert!(resolve(&open, None).unwrap_err().text().contains("dimension 1"));
    }
}
