//! `backend.lock`: for each member the backend, and the way down its trees, that were measured and chosen for it, beside the manifest and
//! outside its digest.
//!
//! It is read once, when the bundle is opened. `foretick model tune` writes it; whoever removes it has the fixed choice again.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::bundle::files::read_file;
use crate::config::text::{Problems, Section, parse};
use crate::error::{Error, Result, Status};
use crate::model::choice::Choice;
use crate::model::manifest::{BackendChoice, MemberSpec, hex};

/// Its name in a bundle's folder.
pub const FILE: &str = "backend.lock";
/// The format that is read and written.
pub const FORMAT: i64 = 1;

const REMEDY: &str = "run `foretick model tune` again, or remove the file";

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Digest of the bundle that was measured.
    pub bundle: String,
    /// The version of foretick that measured it.
    pub foretick: String,
    /// The processor, and the instructions that native kernels used.
    pub measured_on: String,
    /// What runs each member, by its name.
    pub members: Vec<(String, Choice)>,
}

impl Lock {
    /// Reads the file of a bundle's folder; `None` when there is none.
    ///
    /// # Errors
    /// `IO`; `MANIFEST`, `FORMAT_VERSION` with every problem.
    pub fn read(folder: &Path) -> Result<Option<Lock>> {
        if std::fs::symlink_metadata(folder.join(FILE)).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let bytes = read_file(folder, FILE)?;
        Lock::parse(crate::config::utf8(&bytes, FILE)?, Sha256::digest(&bytes).into()).map(Some)
    }

    fn parse(source: &str, sha256: [u8; 32]) -> Result<Lock> {
        let table = parse(source).map_err(|error| Error::new(Status::Manifest, format!("{FILE}: {}; {REMEDY}", error.text())))?;
        let problems = Problems::default();
        let mut root = Section::root(source, &table, &problems);
        let format = root.need::<i64>("format").unwrap_or(FORMAT);
        if format != FORMAT {
            return Err(Error::new(Status::FormatVersion, format!("{FILE}: format {format}, this version reads {FORMAT}; {REMEDY}")));
        }
        let mut text = |key: &str| root.need::<String>(key).unwrap_or_default();
        let (bundle, foretick, measured_on) = (text("bundle"), text("foretick"), text("measured_on"));
        let mut members = Vec::new();
        if let Some(mut section) = root.need_table("members") {
            for name in section.keys() {
                let choice = section.choice(&name, 0, &Choice::NAMED.map(|(name, _)| name));
                members.push((name, Choice::NAMED[choice].1));
            }
            section.finish();
        }
        root.finish();
        problems.into_result(&format!("{FILE} ({REMEDY})"), Some(Status::Manifest))?;
        Ok(Lock { sha256, bundle, foretick, measured_on, members })
    }

    /// Passes a lock that was measured for these members of this bundle.
    ///
    /// # Errors
    /// `DIGEST` for another bundle's; `MANIFEST` for members that are not there or whose backend the manifest names.
    pub fn check(&self, digest: &[u8; 32], members: &[MemberSpec]) -> Result<()> {
        if self.bundle != hex(digest) {
            let text = format!("{FILE}: it was measured for the bundle of digest {}, this one has {}; {REMEDY}", self.bundle, hex(digest));
            return Err(Error::new(Status::Digest, text));
        }
        let problem = |(name, choice): &(String, Choice)| match members.iter().find(|member| member.name == *name) {
            None => Some(format!("{name} is no member of the bundle")),
            Some(member) if ![BackendChoice::Default, choice.backend].contains(&member.backend) => {
                Some(format!("{name} has backend = \"{}\" in the manifest, \"{}\" here", Choice::from(member.backend).name(), choice.name()))
            }
            Some(_) => None,
        };
        let problems: Vec<String> = self.members.iter().filter_map(problem).collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Error::problems(Status::Manifest, &format!("{FILE} ({REMEDY})"), &problems)),
        }
    }

    /// What runs a member that is listed.
    #[must_use]
    pub fn choice(&self, member: &str) -> Option<Choice> {
        self.members.iter().find(|(name, _)| name == member).map(|(_, choice)| *choice)
    }

    /// Why a listed member runs where it does.
    #[must_use]
    pub fn why(&self) -> String {
        format!("{FILE} says so (measured by foretick {} on {})", self.foretick, self.measured_on)
    }
}

/// An error of a bundle that opens by a lock, with the way out of it.
pub(super) fn blamed(error: Error) -> Error {
    Error::new(error.status(), format!("{}\n  backends are those of {FILE}: {REMEDY}", error.text()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::native::Descent;

    const GOOD: &str = "format = 1\nbundle = \"ab\"\nforetick = \"0.1.0\"\nmeasured_on = \"a CPU\"\n[members]\nlr = \"native\" # 37 ns\nlstm = \"ort\"\nxgb = \"native/gathers\"\n";

    #[test]
    fn a_lock_is_read() {
        let lock = Lock::parse(GOOD, [7; 32]).unwrap();
        assert_eq!((lock.choice("lr"), lock.choice("lstm"), lock.choice("rf")), (Some(BackendChoice::Native.into()), Some(BackendChoice::Ort.into()), None));
        assert_eq!(lock.choice("xgb"), Some(Choice::descending(Descent::Gathers)));
        assert!(lock.why().contains("foretick 0.1.0 on a CPU"));
    }

    #[test]
    fn every_problem_is_named_with_the_remedy() {
        for (from, to, status, text) in [
            ("format = 1", "format = 2", Status::FormatVersion, "format 2"),
            ("format = 1\n", "", Status::Manifest, "format is missing"),
            ("\"ort\"", "\"tvm\"", Status::Manifest, "\"tvm\" is none of native, ort, rten"),
            ("[members]", "speed = 3\n[members]", Status::Manifest, "speed"),
            ("[members]", "[models]", Status::Manifest, "[members] is missing"),
            ("\"ort\"", "\"ort", Status::Manifest, "line 7"),
        ] {
            let error = Lock::parse(&GOOD.replace(from, to), [0; 32]).unwrap_err();
            assert_eq!(error.status(), status, "{error}");
            assert!(error.text().contains(text) && error.text().contains("backend.lock") && error.text().contains("model tune"), "{error}");
        }
    }
}
