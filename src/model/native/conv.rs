//! Convolutions along a sequence of rows of channels: products of overlapping stretches with the filters.

use super::matrix::{Lay, Matrix, Product, Walk};
use super::simd::Work;
use super::sums::Registers;

/// A convolution over rows of channels.
#[derive(Debug)]
pub(super) struct Conv {
    /// One for each group of channels: inputs tap by tap, channels within a tap.
    pub(super) groups: Vec<Matrix>,
    /// Rows of the sequence.
    pub(super) rows: usize,
    /// Channels of a row.
    pub(super) channels: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Rows of zeros before the sequence and behind it.
    pub(super) pads: (usize, usize),
    /// Rows of the result.
    pub(super) windows: usize,
}

impl Conv {
    /// Channels of the result.
    pub(super) fn filters(&self) -> usize {
        self.groups.iter().map(Matrix::outputs).sum()
    }

    /// The padded sequence, when it has to be padded.
    pub(super) fn scratch_len(&self) -> usize {
        if self.pads == (0, 0) { 0 } else { (self.pads.0 + self.rows + self.pads.1) * self.channels }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.groups.iter().map(Matrix::memory_bytes).sum()
    }
}

/// One run of a convolution.
pub(super) struct ConvRun<'a> {
    pub(super) conv: &'a Conv,
    pub(super) from: &'a [f32],
    pub(super) scratch: &'a mut [f32],
    pub(super) to: &'a mut [f32],
}

impl Work for ConvRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let ConvRun { conv, from, scratch, to } = self;
        let from = if conv.scratch_len() == 0 { from } else { conv.pad(from, scratch) };
        let (channels, filters) = (conv.channels / conv.groups.len(), conv.filters() / conv.groups.len());
        for (group, matrix) in conv.groups.iter().enumerate() {
            // Without gaps between taps or channels a row's taps are one stretch.
            let joined = conv.dilation == 1 && conv.groups.len() == 1;
            let walk = Walk {
                rows: conv.windows,
                stride: conv.stride * conv.channels,
                taps: if joined { 1 } else { conv.kernel },
                tap_stride: conv.dilation * conv.channels,
                start: group * channels,
            };
            let lay = Lay { stride: conv.filters(), start: group * filters };
            Product { matrix, from, walk, to, lay }.run::<R>();
        }
    }
}

impl Conv {
    fn pad<'a>(&self, from: &[f32], padded: &'a mut [f32]) -> &'a [f32] {
        let padded = &mut padded[..self.scratch_len()];
        padded.fill(0.0);
        padded[self.pads.0 * self.channels..][..from.len()].copy_from_slice(from);
        padded
    }
}
