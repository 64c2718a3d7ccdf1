//! Which backend runs a graph: a fixed function of the graph, the request and what is allowed, so that two hosts do not differ.

use std::sync::Arc;

use crate::config::Backends;
use crate::error::{Error, Result, Status};
use crate::model::backend::Backend;
use crate::model::manifest::BackendChoice;
use crate::model::native::{self, Descent, Kept, Level};
use crate::model::onnx_ir::Graph;
use crate::model::watchdog::RunLimit;

/// What is asked to run a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The backend.
    pub backend: BackendChoice,
    /// How trees descend; by default a fixed rule on their shape chooses. Native kernels alone can be told.
    pub descent: Option<Descent>,
}

impl From<BackendChoice> for Choice {
    fn from(backend: BackendChoice) -> Choice {
        Choice { backend, descent: None }
    }
}

impl Choice {
    /// All that `backend.lock` can name, and how.
    pub const NAMED: [(&'static str, Choice); 9] = [
        ("native", Choice { backend: BackendChoice::Native, descent: None }),
        ("ort", Choice { backend: BackendChoice::Ort, descent: None }),
        ("rten", Choice { backend: BackendChoice::Rten, descent: None }),
        ("native/blocks", Choice::descending(Descent::Blocks)),
        ("native/sweep", Choice::descending(Descent::Sweep)),
        ("native/ranks", Choice::descending(Descent::Ranks)),
        ("native/crown", Choice::descending(Descent::Crown)),
        ("native/chain", Choice::descending(Descent::Chain)),
        ("native/gathers", Choice::descending(Descent::Gathers)),
    ];

    /// Native kernels whose trees descend in this way.
    #[must_use]
    pub const fn descending(descent: Descent) -> Choice {
        Choice { backend: BackendChoice::Native, descent: Some(descent) }
    }

    /// Its name in `backend.lock`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Choice::NAMED.iter().find(|(_, known)| *known == self).map_or("default", |(name, _)| name)
    }
}

/// A backend with the reason for it.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// What runs the graph.
    pub backend: Arc<dyn Backend>,
    /// Why this one.
    pub why: String,
}

/// What is asked for a graph.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The model file.
    pub bytes: &'a [u8],
    /// Dimensions by input where the graph leaves them open; empty when nothing is known.
    pub shapes: &'a [Vec<usize>],
    /// What is asked for.
    pub asked: Choice,
}

/// The backend of a graph: the one asked for; by default a native kernel, else ONNX Runtime, else, where its library is absent or not
/// allowed, rten.
///
/// # Errors
/// `MODEL`, `EXTERNAL_DATA`, `OPERATOR` and `CONTRACT` of the graph; `UNSUPPORTED` for a backend that this build lacks or that
/// is not allowed; `RUNTIME_*` when ONNX Runtime is wanted and cannot be had, with the operator that wants it.
pub fn choose(request: &Request<'_>, allowed: &Backends, limit: &RunLimit) -> Result<Chosen> {
    let graph = Graph::parse(request.bytes)?;
    let asked = "asked for".to_owned();
    match request.asked.backend {
        BackendChoice::Native => native(request, &graph, allowed, &asked),
        BackendChoice::Ort => ort(request, &graph, allowed, limit, asked),
        BackendChoice::Rten => rten(request, &graph, allowed, limit, asked),
        BackendChoice::Default => by_default(request, &graph, allowed, limit),
    }
}

/// One step of a stateful model over rows of so many columns; `carry` as in [`native::compile_step`]. Native kernels alone run it.
///
/// # Errors
/// `MODEL`, `EXTERNAL_DATA` and `OPERATOR` of the graph; `UNSUPPORTED` where native kernels are not allowed.
pub fn choose_step(bytes: &[u8], columns: usize, carry: &[(String, String)], allowed: &Backends) -> Result<Chosen> {
    if !allowed.native {
        return Err(Error::new(Status::Unsupported, "native kernels are not allowed (models.backends), and they alone carry a state"));
    }
    let backend = native::compile_step(&Graph::parse(bytes)?, columns, carry)?;
    Ok(Chosen { backend, why: "native kernels carry its state".to_owned() })
}

fn by_default(request: &Request<'_>, graph: &Graph, allowed: &Backends, limit: &RunLimit) -> Result<Chosen> {
    let unable = match native(request, graph, allowed, "a native kernel exists for this graph") {
        Err(error) if is_lack(&error) => error,
        other => return other,
    };
    let why = format!("no native kernel: {}", unable.text());
    let both = |error: Error| Error::new(error.status(), format!("{}; {}", unable.text(), error.text()));
    let absent = match ort(request, graph, allowed, limit, why.clone()) {
        Err(error) if is_absence(&error, allowed) => error,
        other => return other.map_err(both),
    };
    rten(request, graph, allowed, limit, format!("{why}; {}", absent.text())).map_err(|error| {
        // What is wrong with the graph itself comes first; else ONNX Runtime is the remedy.
        let status = if is_lack(&error) { absent.status() } else { error.status() };
        both(Error::new(status, format!("{}; {}", absent.text(), error.text())))
    })
}

/// The backend cannot run this graph; another may.
fn is_lack(error: &Error) -> bool {
    matches!(error.status(), Status::Operator | Status::Unsupported)
}

/// ONNX Runtime is not there, and nobody says that it should be.
fn is_absence(error: &Error, allowed: &Backends) -> bool {
    error.status() == Status::Unsupported || error.status() == Status::RuntimeMissing && !is_named(allowed)
}

#[cfg(feature = "ort")]
fn is_named(allowed: &Backends) -> bool {
    crate::model::runtime_library::is_named(allowed.ort_library.as_deref())
}

#[cfg(not(feature = "ort"))]
fn is_named(_: &Backends) -> bool {
    false
}

/// A native kernel that keeps the graph's weights smaller.
///
/// # Errors
/// As of [`native::compile_kept`].
pub fn reduced(request: &Request<'_>, kept: Kept<'_>) -> Result<Arc<dyn Backend>> {
    native::compile_kept(&Graph::parse(request.bytes)?, window(request), Level::best(), kept)
}

/// Rows and columns of the windows that will be fed; `None` for rows, whose length the graph says.
fn window<'a>(request: &Request<'a>) -> Option<&'a [usize]> {
    request.shapes.first().and_then(|shape| if let [1, window @ ..] = shape.as_slice() { Some(window) } else { None }).filter(|window| window.len() == 2)
}

/// Dimensions of every input.
#[cfg(any(feature = "ort", feature = "rten"))]
fn dims(request: &Request<'_>, graph: &Graph) -> Result<Vec<Vec<usize>>> {
    let hint = |at: usize| request.shapes.get(at).map(Vec::as_slice);
    graph.inputs.iter().enumerate().map(|(at, input)| crate::model::shapes::resolve(input, hint(at))).collect()
}

fn native(request: &Request<'_>, graph: &Graph, allowed: &Backends, why: &str) -> Result<Chosen> {
    if !allowed.native {
        return Err(refused("native kernels are not allowed (models.backends)"));
    }
    let kept = Kept { descent: request.asked.descent, ..Kept::default() };
    Ok(Chosen { backend: native::compile_kept(graph, window(request), Level::best(), kept)?, why: why.to_owned() })
}

#[cfg(feature = "ort")]
fn ort(request: &Request<'_>, graph: &Graph, allowed: &Backends, limit: &RunLimit, why: String) -> Result<Chosen> {
    use crate::model::ort;

    if !allowed.ort {
        return Err(refused("ONNX Runtime is not allowed (models.backends)"));
    }
    let shapes = dims(request, graph)?;
    let runtime = ort::runtime(allowed.ort_library.as_deref())?;
    // ONNX Runtime's trees follow a missing value where the graph says so; nothing else that it runs does.
    let takes_missing = native::compile(graph, window(request)).is_ok_and(|backend| backend.accepts_missing());
    let backend = ort::Model::open(runtime, request.bytes, graph, &shapes, takes_missing, limit)?;
    Ok(Chosen { backend: Arc::new(backend), why })
}

#[cfg(not(feature = "ort"))]
fn ort(_: &Request<'_>, _: &Graph, _: &Backends, _: &RunLimit, _: String) -> Result<Chosen> {
    Err(refused("ONNX Runtime is not in this build (feature ort)"))
}

#[cfg(feature = "rten")]
fn rten(request: &Request<'_>, graph: &Graph, allowed: &Backends, limit: &RunLimit, why: String) -> Result<Chosen> {
    if !allowed.rten {
        return Err(refused("rten is not allowed (models.backends)"));
    }
    let backend = crate::model::rten::Model::open(request.bytes, graph, &dims(request, graph)?, limit)?;
    Ok(Chosen { backend: Arc::new(backend), why })
}

#[cfg(not(feature = "rten"))]
fn rten(_: &Request<'_>, _: &Graph, _: &Backends, _: &RunLimit, _: String) -> Result<Chosen> {
    Err(refused("rten is not in this build (feature rten)"))
}

fn refused(text: &str) -> Error {
    Error::new(Status::Unsupported, text)
}
