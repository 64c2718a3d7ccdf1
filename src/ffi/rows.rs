//! Rows in the caller's memory: read a stride apart, written one after the other.

use std::ffi::c_void;

use super::error::{Fail, Outcome};
use super::pointer::sound;
use crate::error::{Error, Status};

/// Where the caller has rows, and wants what they give.
pub struct Places {
    /// The first row.
    pub rows: *const c_void,
    /// Rows, at least one.
    pub count: usize,
    /// Bytes from one row to the next, 0 when they stand one after the other.
    pub stride: usize,
    /// Room for what they give.
    pub out: *mut f32,
    /// Values that there is room for.
    pub cap: usize,
}

impl Places {
    /// Rows of `width` values each, which begin at least `least` values apart, and room elsewhere for `outputs` values a row.
    ///
    /// # Safety
    /// Until the last use of the answer: when not NULL, `rows` is readable for every row and nobody writes there, and `out` is
    /// writable for `cap` values.
    #[inline]
    pub unsafe fn of<T>(&self, width: usize, least: usize, outputs: usize) -> Outcome<(Rows<T>, OutRows)> {
        let (stride, bytes) = self.extent::<T>(width, least)?;
        let values = self.count.checked_mul(outputs).filter(|values| *values <= isize::MAX as usize / size_of::<f32>());
        let values = values.ok_or(wrong(Status::Shape, "out", TOO_MANY))?;
        if self.cap < values {
            let text = format!("out: there is room for {} values, {} rows of {outputs} need {values}", self.cap, self.count);
            return Err(Error::new(Status::BufferTooSmall, text).into());
        }
        sound(self.rows.cast::<T>(), "rows")?;
        sound(self.out, "out")?;
        let (rows, out) = (self.rows.addr(), self.out.addr());
        if out < rows + bytes && rows < out + values * size_of::<f32>() {
            return Err(wrong(Status::InvalidArgument, "out", "overlaps the rows: give it memory of its own"));
        }
        Ok((Rows { first: self.rows.cast(), count: self.count, width, stride }, OutRows { first: self.out, count: self.count, width: outputs }))
    }

    /// Bytes from one row to the next, and from the first row's begin to the last one's end.
    #[inline]
    fn extent<T>(&self, width: usize, least: usize) -> Outcome<(usize, usize)> {
        let row = width.checked_mul(size_of::<T>()).ok_or(wrong(Status::Shape, "rows", TOO_MANY))?;
        let stride = if self.stride == 0 { row } else { self.stride };
        if stride / size_of::<T>() < least {
            return Err(wrong(Status::Shape, "stride", "is shorter than a row of values"));
        }
        if !stride.is_multiple_of(align_of::<T>()) {
            return Err(wrong(Status::Alignment, "stride", "is no multiple of a value's size"));
        }
        let bytes = self.count.checked_sub(1).and_then(|before| before.checked_mul(stride)?.checked_add(row));
        let bytes = bytes.filter(|bytes| *bytes <= isize::MAX as usize).ok_or(wrong(Status::Shape, "rows", TOO_MANY))?;
        Ok((stride, bytes))
    }
}

const TOO_MANY: &str = "the count is more than memory can hold";

fn wrong(status: Status, name: &'static str, rule: &'static str) -> Fail {
    Fail::Argument(status, name, rule)
}

/// Rows of equal length that are only read; made by [`Places::of`], whose contract stands.
pub struct Rows<T> {
    first: *const T,
    count: usize,
    width: usize,
    stride: usize,
}

impl<T> Rows<T> {
    /// The rows. Each is a slice of its own: what stands between them is not ours to look at.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.count).map(|at| {
            // SAFETY: row `at` lies within the memory that `of` measured and its contract makes readable.
            unsafe { std::slice::from_raw_parts(self.first.byte_add(at * self.stride), self.width) }
        })
    }
}

/// Room for rows that are written one after the other; made by [`Places::of`], whose contract stands.
pub struct OutRows {
    first: *mut f32,
    count: usize,
    width: usize,
}

impl OutRows {
    /// Writes one row.
    pub fn put(&self, at: usize, values: &[f32]) {
        assert!(at < self.count && values.len() == self.width, "a row that there is room for");
        // SAFETY: row `at` lies within the memory that `of` measured and its contract makes writable; `values` is ours.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.first.add(at * self.width), self.width) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status<T>(places: &Places, width: usize, outputs: usize) -> Option<Status> {
        // SAFETY: nothing is read or written.
        unsafe { places.of::<T>(width, width, outputs) }.err().map(|fail| fail.status())
    }

    #[test]
    fn rows_stand_a_stride_apart() {
        let (values, mut out): (Vec<f64>, _) = ((0..7).map(f64::from).collect(), [9f32; 4]);
        let mut places = Places { rows: values.as_ptr().cast(), count: 3, stride: 0, out: out.as_mut_ptr(), cap: 4 };
        // SAFETY: three rows of two lie in seven values, three outputs in four.
        let (rows, to) = unsafe { places.of::<f64>(2, 2, 1) }.ok().unwrap();
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
        rows.iter().enumerate().for_each(|(at, row)| to.put(at, &[row[0] as f32]));
        assert_eq!(out, [0.0, 2.0, 4.0, 9.0]);
        places.stride = 24;
        // SAFETY: as above, with two values between the rows.
        let (rows, _) = unsafe { places.of::<f64>(1, 1, 1) }.ok().unwrap();
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0.0], [3.0], [6.0]]);
        places.stride = 8;
        // SAFETY: windows of three values slide by one.
        let (rows, _) = unsafe { places.of::<f64>(3, 1, 1) }.ok().unwrap();
        assert_eq!(rows.iter().last(), Some(&[2.0, 3.0, 4.0][..]));
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let (values, mut out) = ([0f64; 4], [0f32; 4]);
        let mut places = |count: usize, stride: usize| Places { rows: values.as_ptr().cast(), count, stride, out: out.as_mut_ptr(), cap: 4 };
        for (count, width, stride, expected) in [
            (2, 2, 8, Status::Shape),
            (2, 1, 12, Status::Alignment),
            (2, usize::MAX, 0, Status::Shape),
            (usize::MAX, 2, 0, Status::Shape),
            (usize::MAX, 2, usize::MAX & !7, Status::Shape),
            (2, 2, isize::MAX as usize & !7, Status::Shape),
            (5, 1, 0, Status::BufferTooSmall),
        ] {
            assert_eq!(status::<f64>(&places(count, stride), width, 1), Some(expected), "{count} {width} {stride}");
        }
        assert_eq!(status::<f64>(&places(2, 0), 2, usize::MAX), Some(Status::Shape));
        assert_eq!(status::<f64>(&Places { rows: std::ptr::null(), ..places(1, 0) }, 1, 1), Some(Status::NullPointer));
        assert_eq!(status::<f64>(&Places { out: std::ptr::null_mut(), ..places(1, 0) }, 1, 1), Some(Status::NullPointer));
        let odd = places(1, 0).rows.wrapping_byte_add(4);
        assert_eq!((status::<f64>(&Places { rows: odd, ..places(1, 0) }, 1, 1), status::<f32>(&places(1, 0), 1, 1)), (Some(Status::Alignment), None));
    }

    #[test]
    fn outputs_need_memory_of_their_own() {
        let mut values = [0f32; 8];
        let first = values.as_mut_ptr();
        // Two rows of two values, twelve bytes apart: the values 0, 1 and 3, 4.
        let of = |out: usize| Places { rows: first.cast_const().cast(), count: 2, stride: 12, out: first.wrapping_add(out), cap: 2 };
        assert_eq!([5, 6].map(|out| status::<f32>(&of(out), 2, 1)), [None; 2]);
        assert_eq!([0, 2, 4].map(|out| status::<f32>(&of(out), 2, 1)), [Some(Status::InvalidArgument); 3]);
    }
}
