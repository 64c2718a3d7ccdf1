//! How exactly a model's weights are kept.

/// How weights are kept in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// As the file stores them.
    #[default]
    F32,
    /// In half precision; what is multiplied and summed is f32.
    Fp16,
    /// A byte each, with a scale for every output; the rows that they are multiplied with are rounded too, to two bytes a value where they
    /// come from the caller and to one where they are states.
    Int8,
}

impl Precision {
    /// All, by the names of manifests.
    pub const NAMES: [(&str, Precision); 3] = [("f32", Precision::F32), ("fp16", Precision::Fp16), ("int8", Precision::Int8)];

    /// Bytes of a weight.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Precision::F32 => 4,
            Precision::Fp16 => 2,
            Precision::Int8 => 1,
        }
    }

    /// What to take where this is too coarse, for a message.
    #[must_use]
    pub const fn finer(self) -> &'static str {
        match self {
            Precision::Int8 => "precision = \"fp16\" or \"f32\"",
            Precision::F32 | Precision::Fp16 => "precision = \"f32\"",
        }
    }

    /// The name used in manifests: `"f32"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Fp16 => "fp16",
            Precision::Int8 => "int8",
        }
    }
}
