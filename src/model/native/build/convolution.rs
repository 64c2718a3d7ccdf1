//! Convolution and pooling along a sequence: `[1, channels, steps]`, or with further dimensions of 1.

use super::{Builder, Kernel, Node, Result, Slot, attrs, faulty, shown, unable};
use crate::model::native::conv::Conv;
use crate::model::native::matrix::Matrix;
use crate::model::native::pool::{Pool, Pooling};

/// How windows slide along a sequence.
struct Sliding {
    kernel: usize,
    stride: usize,
    dilation: usize,
    pads: (usize, usize),
    windows: usize,
}

/// A sequence in rows of channels, and the axis of its rows in the graph's shape.
struct Sequence {
    rows: Slot,
    axis: usize,
    shape: Vec<usize>,
}

impl<'a> Builder<'a> {
    pub(super) fn convolution(&mut self, node: &'a Node) -> Result<()> {
        let weights = self.stored(node, 1)?;
        let values = weights.as_f32().ok_or_else(|| unable("Conv has weights that are not float32"))?;
        let sequence = self.sequence(node)?;
        let (steps, channels) = (sequence.rows.shape()[0], sequence.rows.shape()[1]);
        let [filters, depth, spatial @ ..] = weights.dims.as_slice() else {
            return Err(faulty(format!("Conv has weights with dimensions {:?}", weights.dims)));
        };
        let groups = usize::try_from(attrs::int(node, "group", 1)?).ok().filter(|groups| (1..=channels).contains(groups));
        let groups = groups.filter(|groups| channels == depth * groups && *filters > 0 && filters.is_multiple_of(*groups));
        let groups = groups.ok_or_else(|| faulty(format!("Conv has weights with dimensions {:?} for {channels} channels", weights.dims)))?;
        let sliding = sliding(node, &sequence, spatial, steps)?;
        let bias = self.optional(node, 2)?;
        let bias = bias.as_ref().map(|bias| bias.as_f32().filter(|bias| bias.len() == *filters).ok_or_else(|| faulty("Conv has a bias of another size")));
        let bias = bias.transpose()?.unwrap_or(&[]);
        let (per_group, kernel) = (filters / groups, sliding.kernel);
        let group = |group: usize| {
            let weight = |input: usize, output: usize| values[((group * per_group + output) * depth + input % depth) * kernel + input / depth];
            Matrix::new((kernel * depth, per_group), weight, |output| bias.get(group * per_group + output).copied().unwrap_or(0.0), "Conv")
        };
        let groups = (0..groups).map(group).collect::<Result<Vec<_>>>()?;
        let Sliding { stride, dilation, pads, windows, .. } = sliding;
        let conv = Conv { groups, rows: steps, channels, kernel, stride, dilation, pads, windows };
        let slot = self.push(Kernel::Conv(conv), &sequence.rows, vec![windows, *filters])?;
        self.name(node, 0, sequence.restored(&slot));
        Ok(())
    }

    pub(super) fn pool(&mut self, node: &'a Node) -> Result<()> {
        let sequence = self.sequence(node)?;
        let (rows, columns) = (sequence.rows.shape()[0], sequence.rows.shape()[1]);
        let kernel = attrs::ints(node, "kernel_shape")?.iter().map(|dim| usize::try_from(*dim).unwrap_or(0)).collect::<Vec<_>>();
        let Sliding { kernel, stride, dilation, pads, windows } = sliding(node, &sequence, &kernel, rows)?;
        if node.outputs.get(1).is_some_and(|name| !name.is_empty()) || attrs::int(node, "storage_order", 0)? != 0 {
            return Err(unable("MaxPool that gives the places of its maxima"));
        }
        let pooling = if node.op == "MaxPool" { Pooling::Max } else { Pooling::Mean };
        let count_padding = attrs::int(node, "count_include_pad", 0)? != 0;
        let pool = Pool { pooling, rows, columns, kernel, stride, dilation, pads, count_padding, windows };
        let slot = self.push(Kernel::Pool(pool), &sequence.rows, vec![windows, columns])?;
        self.name(node, 0, sequence.restored(&slot));
        Ok(())
    }

    /// The node's input in rows of channels.
    fn sequence(&mut self, node: &Node) -> Result<Sequence> {
        let value = self.value(node, 0)?;
        let shape = value.shape().to_vec();
        let spatial = shape.get(2..).unwrap_or_default();
        let long = spatial.iter().filter(|dim| **dim != 1).count();
        if shape.len() < 3 || shape[0] != 1 || long > 1 {
            return Err(unable(format!("{} of a value with dimensions {shape:?} where one sequence of channels is wanted", shown(&node.title()))));
        }
        // Without a long axis, the one along which the kernel is long counts.
        let kernel = self.constant(node, 1).map_or_else(Vec::new, |weights| weights.dims.get(2..).unwrap_or_default().to_vec());
        let axis =
            spatial.iter().position(|dim| *dim != 1).or_else(|| kernel.iter().take(spatial.len()).position(|dim| *dim != 1)).unwrap_or(spatial.len() - 1);
        let rows = self.ordered(&value.seen(value.view.permuted(&[axis + 2, 1])))?;
        Ok(Sequence { rows, axis: axis + 2, shape })
    }
}

impl Sequence {
    /// Rows of channels in the graph's shape again.
    fn restored(&self, rows: &Slot) -> Slot {
        let mut view = rows.view.permuted(&[1, 0]);
        (0..self.shape.len()).filter(|axis| *axis != 1 && *axis != self.axis).for_each(|axis| view.with(axis));
        rows.seen(view)
    }
}

/// How a node's windows slide; `spatial` is its kernel.
fn sliding(node: &Node, sequence: &Sequence, spatial: &[usize], rows: usize) -> Result<Sliding> {
    let what = shown(&node.title());
    let (rank, along) = (sequence.shape.len() - 2, sequence.axis - 2);
    let numbers = |name: &str, len: usize, default: i64| match attrs::ints(node, name)? {
        [] => Ok(vec![default; len]),
        numbers if numbers.len() == len => Ok(numbers.to_vec()),
        numbers => Err(faulty(format!("{what} has {name} {numbers:?} for {rank} dimensions"))),
    };
    let (strides, dilations, pads) = (numbers("strides", rank, 1)?, numbers("dilations", rank, 1)?, numbers("pads", 2 * rank, 0)?);
    let across = (0..rank).filter(|axis| *axis != along);
    let named = attrs::ints(node, "kernel_shape")?;
    let agrees = spatial.len() == rank && (named.is_empty() || named.iter().map(|dim| usize::try_from(*dim).ok()).eq(spatial.iter().map(|dim| Some(*dim))));
    if !agrees || across.clone().any(|axis| spatial[axis] != 1 || pads[axis] != 0 || pads[axis + rank] != 0) {
        return Err(unable(format!("{what} has a kernel {spatial:?} on a value with dimensions {:?}; one sequence is wanted", sequence.shape)));
    }
    let size = |value: i64, least: i64| usize::try_from(value).ok().filter(|_| value >= least && value <= 1 << 20);
    let sizes = (size(strides[along], 1), size(dilations[along], 1), size(pads[along], 0), size(pads[along + rank], 0));
    let (Some(stride), Some(dilation), Some(before), Some(behind)) = sizes else {
        return Err(faulty(format!("{what} has strides {strides:?}, dilations {dilations:?} and pads {pads:?}")));
    };
    let kernel = spatial[along];
    let reach = kernel.checked_sub(1).and_then(|taps| taps.checked_mul(dilation)).map(|reach| reach + 1).filter(|reach| *reach <= 1 << 24);
    let reach = reach.ok_or_else(|| faulty(format!("{what} has a kernel of {kernel} in steps of {dilation}")))?;
    // A convolution has no such attribute: its last window must lie within what there is.
    let ceil = node.op != "Conv" && attrs::int(node, "ceil_mode", 0)? != 0;
    let pads = padding(attrs::text(node, "auto_pad", "NOTSET")?, (before, behind), (rows, reach, stride), &what)?;
    let padded = pads.0 + rows + pads.1;
    let Some(room) = padded.checked_sub(reach) else {
        return Err(faulty(format!("{what} has a kernel that reaches over {reach} of {padded} steps")));
    };
    let windows = windows(room, stride, ceil, pads.0 + rows);
    Ok(Sliding { kernel, stride, dilation, pads, windows })
}

/// Rows added before and behind.
fn padding(auto: &str, pads: (usize, usize), (rows, reach, stride): (usize, usize, usize), what: &str) -> Result<(usize, usize)> {
    let same = ((rows.div_ceil(stride) - 1) * stride + reach).saturating_sub(rows);
    match auto {
        "NOTSET" => Ok(pads),
        "VALID" => Ok((0, 0)),
        "SAME_UPPER" => Ok((same / 2, same - same / 2)),
        "SAME_LOWER" => Ok((same - same / 2, same / 2)),
        other => Err(unable(format!("{what} has the auto_pad {}", shown(other)))),
    }
}

/// How many windows fit; rounded up, the last one must still begin before the padding behind.
fn windows(room: usize, stride: usize, ceil: bool, end: usize) -> usize {
    let floor = room / stride + 1;
    let more = ceil && !room.is_multiple_of(stride) && floor * stride < end;
    floor + usize::from(more)
}
