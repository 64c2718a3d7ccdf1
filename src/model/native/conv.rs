//! Convolutions along a sequence of rows of channels: products of overlapping stretches with the filters.

use std::ops::Range;

use super::matrix::{Lay, Matrix, Product, Walk};
use super::simd::Work;
use super::sums::Registers;
use crate::model::params::Visit;

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
        // All groups have as many.
        self.groups.first().map_or(0, Matrix::outputs) * self.groups.len()
    }

    /// The rows of the sequence that a row of the result reads, padding apart.
    pub(super) fn reads(&self, window: usize) -> impl Iterator<Item = usize> {
        let taps = (0..self.kernel).map(move |tap| window * self.stride + tap * self.dilation);
        taps.filter_map(|row| row.checked_sub(self.pads.0)).filter(|row| *row < self.rows)
    }

    /// The padded sequence, when it has to be padded.
    pub(super) fn scratch_len(&self) -> usize {
        if self.pads == (0, 0) { 0 } else { (self.pads.0 + self.rows + self.pads.1) * self.channels }
    }

    /// Shows its parameters.
    pub(super) fn params(&mut self, visit: &mut Visit<'_>) {
        self.groups.iter_mut().for_each(|group| group.params(visit));
    }
}

/// One run of a convolution, for some rows of the result.
pub(super) struct ConvRun<'a> {
    pub(super) conv: &'a Conv,
    pub(super) windows: Range<usize>,
    /// The whole sequence.
    pub(super) from: &'a [f32],
    pub(super) scratch: &'a mut [f32],
    /// Those rows.
    pub(super) to: &'a mut [f32],
}

impl Work for ConvRun<'_> {
    #[inline(always)]
    fn run<R: Registers>(self) {
        let ConvRun { conv, windows, from, scratch, to } = self;
        let first = windows.start * conv.stride;
        let from = if conv.scratch_len() == 0 { &from[first * conv.channels..] } else { conv.pad(from, &windows, scratch) };
        let (channels, filters) = (conv.channels / conv.groups.len(), conv.filters() / conv.groups.len());
        for (group, matrix) in conv.groups.iter().enumerate() {
            // Without gaps between taps or channels a row's taps are one stretch.
            let joined = conv.dilation == 1 && conv.groups.len() == 1;
            let walk = Walk {
                rows: windows.len(),
                stride: conv.stride * conv.channels,
                taps: if joined { 1 } else { conv.kernel },
                tap_stride: conv.dilation * conv.channels,
                start: group * channels,
            };
            let lay = Lay { stride: conv.filters(), start: group * filters };
            R::part(Product { matrix, from, walk, to, lay });
        }
    }
}

impl Conv {
    /// The padded sequence as far as these rows of the result read it.
    fn pad<'a>(&self, from: &[f32], windows: &Range<usize>, padded: &'a mut [f32]) -> &'a [f32] {
        let first = windows.start * self.stride;
        let end = windows.end.saturating_sub(1) * self.stride + (self.kernel - 1) * self.dilation + 1;
        let padded = &mut padded[..(end - first) * self.channels];
        padded.fill(0.0);
        let (start, stop) = (first.max(self.pads.0), end.min(self.pads.0 + self.rows));
        if start < stop {
            let part = &from[(start - self.pads.0) * self.channels..(stop - self.pads.0) * self.channels];
            padded[(start - first) * self.channels..][..part.len()].copy_from_slice(part);
        }
        padded
    }
}
