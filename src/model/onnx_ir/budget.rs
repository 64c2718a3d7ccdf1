//! Counts the messages of a file before any is decoded.
//!
//! An empty message is two bytes in a file and some hundred in memory, so a file of empty messages would grow a hundredfold.
//! The walk here allocates nothing; what it cannot follow is refused, so that the decoder sees nothing that was not counted.

use prost::encoding::decode_varint;

use super::bad;
use crate::error::Result;

/// The most messages that are read. Large models have thousands: trees and weights lie in arrays, not in messages.
const MOST: usize = 1 << 20;
/// The decoder's own limit of nested messages; deeper ones it refuses without building them.
const DEEPEST: usize = 100;

/// Kinds of message whose fields can be messages.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    Value,
    Type,
    TensorType,
    Shape,
    /// Nothing below it is a message that is read.
    Plain,
}

/// The kind of a field's message, `None` for fields that are no messages or are skipped.
fn kind(of: Kind, field: u64) -> Option<Kind> {
    Some(match (of, field) {
        (Kind::Model, 7) | (Kind::Training, 1 | 2) | (Kind::Attribute, 6 | 11) => Kind::Graph,
        (Kind::Model, 20) => Kind::Training,
        (Kind::Model, 25) => Kind::Function,
        (Kind::Function, 7) | (Kind::Graph, 1) => Kind::Node,
        (Kind::Function, 11) | (Kind::Node, 5) => Kind::Attribute,
        (Kind::Graph, 5) | (Kind::Attribute, 5 | 10) | (Kind::Sparse, 1 | 2) => Kind::Tensor,
        (Kind::Graph, 11 | 12) => Kind::Value,
        (Kind::Graph, 15) | (Kind::Attribute, 22 | 23) => Kind::Sparse,
        (Kind::Value, 2) => Kind::Type,
        (Kind::Type, 1) => Kind::TensorType,
        (Kind::TensorType, 2) => Kind::Shape,
        (Kind::Model, 8) | (Kind::Shape, 1) | (Kind::Tensor, 3 | 13) => Kind::Plain,
        _ => return None,
    })
}

/// Refuses a file with too many messages, or one whose structure cannot be followed.
pub(super) fn check(file: &[u8]) -> Result<()> {
    let mut count = 0;
    walk(file, Kind::Model, 0, &mut count)
}

fn walk(mut rest: &[u8], of: Kind, depth: usize, count: &mut usize) -> Result<()> {
    if depth > DEEPEST {
        return Err(bad(format!("the file nests messages beyond the recursion limit of {DEEPEST}")));
    }
    while !rest.is_empty() {
        let key = varint(&mut rest)?;
        let content = match key & 7 {
            0 => varint(&mut rest).map(|_| None)?,
            1 => take(&mut rest, 8).map(|_| None)?,
            2 => {
                let len = varint(&mut rest)?;
                Some(take(&mut rest, len)?)
            }
            5 => take(&mut rest, 4).map(|_| None)?,
            _ => return Err(damaged()),
        };
        if let (Some(content), Some(kind)) = (content, kind(of, key >> 3)) {
            *count += 1;
            if *count > MOST {
                return Err(bad(format!("the file has more than {MOST} messages")));
            }
            walk(content, kind, depth + 1, count)?;
        }
    }
    Ok(())
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    decode_varint(rest).map_err(|_| damaged())
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8]> {
    let (taken, after) = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len)).ok_or_else(damaged)?;
    *rest = after;
    Ok(taken)
}

fn damaged() -> crate::error::Error {
    bad("not an ONNX file, or a damaged one: its fields cannot be followed")
}
