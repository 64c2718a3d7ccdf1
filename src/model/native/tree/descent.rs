//! The ways down an ensemble, for people and for `backend.lock`.

/// How the trees of an ensemble lie in memory and how a row descends them. All reach the same leaves, so the answers are the same to the
/// bit; which is fastest depends on the ensemble's shape and on the processor. See `crate::docs::performance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Descent {
    /// Top levels of 16 trees at once, then blocks of seven branches.
    Blocks,
    /// Every branch, those of 32 trees side by side.
    Sweep,
    /// The branches of a column by threshold, with the leaves that are left.
    Ranks,
    /// Top levels of 16 trees at once, then the nodes of eight trees in turns.
    Crown,
    /// The nodes of eight trees in turns.
    Chain,
    /// Top levels of 16 trees at once, then the nodes of 32 trees gathered.
    Gathers,
}

impl Descent {
    /// All of them.
    pub const ALL: [Descent; 6] = [Descent::Blocks, Descent::Sweep, Descent::Ranks, Descent::Crown, Descent::Chain, Descent::Gathers];

    /// What people are told, behind "the trees descend".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Descent::Blocks => "in blocks",
            Descent::Sweep => "in a sweep",
            Descent::Ranks => "by rank",
            Descent::Crown => "in crown and chain",
            Descent::Chain => "in a chain",
            Descent::Gathers => "by gathers",
        }
    }

    /// What an ensemble and a processor must have for it, beside no branch that tests for equality.
    #[must_use]
    pub fn needs(self) -> &'static str {
        match self {
            Descent::Blocks => "AVX-512, at most 64 columns, and trees that are nearly full or have at most four levels",
            Descent::Sweep => "AVX-512, at most 64 columns and at most 64 leaves a tree",
            Descent::Ranks => "trees of 17 to 32 leaves and at least 128 branches a column",
            Descent::Crown | Descent::Gathers => "AVX-512 and at most 64 columns",
            Descent::Chain => "nodes that fit into 8 bytes",
        }
    }
}
