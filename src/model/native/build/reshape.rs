//! Operators that only rename a value or change its dimensions, and `Concat`.

use super::{Builder, FLOAT, Kernel, Node, Place, Result, Slot, attrs, shape, shown, unable};

impl<'a> Builder<'a> {
    pub(super) fn reshaping(&mut self, node: &'a Node) -> Result<()> {
        let slot = match node.op.as_str() {
            "Concat" => self.concat(node)?,
            op => {
                let value = self.slot(node, 0)?;
                let shape = self.reshaped(op, node, &value.shape)?;
                Slot { shape, ..value }
            }
        };
        self.name(node, 0, slot);
        Ok(())
    }

    fn reshaped(&self, op: &str, node: &Node, from: &[usize]) -> Result<Vec<usize>> {
        match op {
            "Cast" => cast(node).map(|()| from.to_vec()),
            "Flatten" => flatten(node, from),
            "Reshape" => {
                let to = self.stored(node, 1)?.to_i64().ok_or_else(|| unable("Reshape to dimensions that are no integers"))?;
                shape::reshape(from, &to, attrs::int(node, "allowzero", 0)? != 0)
            }
            "Squeeze" => squeeze(from, self.axes(node)?.as_deref()),
            "Unsqueeze" => unsqueeze(from, &self.axes(node)?.unwrap_or_default()),
            _ => Ok(from.to_vec()),
        }
    }

    /// Axes are an attribute before operator set 13 and an input since.
    fn axes(&self, node: &Node) -> Result<Option<Vec<i64>>> {
        if node.inputs.get(1).is_some_and(|name| !name.is_empty()) {
            let axes = self.stored(node, 1)?.to_i64();
            return axes.map(Some).ok_or_else(|| unable(format!("{} has axes that are no integers", shown(&node.title()))));
        }
        let axes = attrs::ints(node, "axes")?;
        Ok((!axes.is_empty()).then(|| axes.to_vec()))
    }

    /// Values of one row behind one another: nothing but dimensions of 1 stands before the axis.
    fn concat(&mut self, node: &'a Node) -> Result<Slot> {
        let parts = (0..node.inputs.len()).map(|input| self.slot(node, input)).collect::<Result<Vec<_>>>()?;
        let Some(first) = parts.first() else { return Err(unable("Concat of nothing")) };
        let axis = shape::axis(attrs::int(node, "axis", 1)?, first.shape.len(), "Concat")?;
        let fits =
            |part: &Slot| part.shape.len() == first.shape.len() && shape::width(&part.shape[..axis]) == 1 && part.shape[axis + 1..] == first.shape[axis + 1..];
        if !parts.iter().all(fits) {
            return Err(unable(format!("Concat along axis {axis} of values that are not rows")));
        }
        let mut joined = first.shape.clone();
        joined[axis] = parts.iter().map(|part| part.shape[axis]).sum();
        let start = self.next;
        for part in &parts {
            self.push(Kernel::Copy, part, part.shape.clone())?;
        }
        Ok(Slot { place: Place::Scratch(start), shape: joined })
    }
}

fn cast(node: &Node) -> Result<()> {
    match attrs::int(node, "to", 0)? {
        to if to == i64::from(FLOAT) => Ok(()),
        to => Err(unable(format!("Cast of a value to the element type {to}; export in float32"))),
    }
}

fn flatten(node: &Node, from: &[usize]) -> Result<Vec<usize>> {
    let axis = attrs::int(node, "axis", 1)?;
    let at = if axis == from.len() as i64 { from.len() } else { shape::axis(axis, from.len(), "Flatten")? };
    Ok(vec![shape::width(&from[..at]), shape::width(&from[at..])])
}

fn squeeze(from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>> {
    let Some(axes) = axes else { return Ok(from.iter().copied().filter(|dim| *dim != 1).collect()) };
    let axes = axes.iter().map(|axis| shape::axis(*axis, from.len(), "Squeeze")).collect::<Result<Vec<_>>>()?;
    if axes.iter().any(|axis| from[*axis] != 1) {
        return Err(unable(format!("Squeeze of {from:?} along {axes:?}")));
    }
    Ok(from.iter().enumerate().filter(|(index, _)| !axes.contains(index)).map(|(_, dim)| *dim).collect())
}

fn unsqueeze(from: &[usize], axes: &[i64]) -> Result<Vec<usize>> {
    let rank = from.len() + axes.len();
    let axes = axes.iter().map(|axis| shape::axis(*axis, rank, "Unsqueeze")).collect::<Result<Vec<_>>>()?;
    let mut rest = from.iter().copied();
    let shape: Vec<usize> = (0..rank).map(|index| if axes.contains(&index) { 1 } else { rest.next().unwrap_or(1) }).collect();
    if shape::width(&shape) == shape::width(from) { Ok(shape) } else { Err(unable(format!("Unsqueeze of {from:?} along {axes:?}"))) }
}
