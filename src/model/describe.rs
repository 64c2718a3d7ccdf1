//! A bundle as people and tools see it.

use serde_json::{Value, json};

use crate::features::spec::FeatureSpec;
use crate::model::bundle::{Bundle, Member};
use crate::model::lock::Lock;
use crate::model::manifest::{InputShape, Manifest, MemberRead, hex};
use crate::model::member_set::MemberSet;
use crate::types::Phase;
use crate::types::prediction::backend;

impl Bundle {
    /// The bundle as JSON: manifest, digest, features, members with backend and why, sets by phase.
    #[must_use]
    pub fn describe(&self) -> Value {
        let features: Vec<Value> = self.schema.features.iter().map(|feature| self.describe_feature(feature)).collect();
        let members: Vec<Value> = self.members.iter().map(|member| member.describe(&self.manifest)).collect();
        json!({
            "name": self.manifest.name, "version": self.manifest.version, "digest": hex(&self.digest), "schema_hash": hex(&self.schema_hash),
            "ready": self.schema.ready(), "features": features, "members": members, "sets": self.describe_sets(),
            "policy": self.manifest.json["policy"], "takes_rows": self.refuses_rows.is_none(),
            "warnings": self.warnings(), "backend_lock": self.lock.as_ref().map(describe_lock), "manifest": self.manifest.json,
        })
    }

    fn describe_feature(&self, feature: &FeatureSpec) -> Value {
        json!({
            "name": feature.name, "op": feature.op.name, "role": self.schema.roles[feature.params.role], "needs": feature.op.input.name(),
            "scale": feature.scale.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "first": feature.first_scaled(), "ready": feature.ready(),
        })
    }

    /// Names of the members by phase, of the phases that have a set of their own.
    fn describe_sets(&self) -> Value {
        self.sets().map(|(phase, names)| (phase.name().to_owned(), Value::from(names))).collect()
    }

    /// The phases that have a set of their own, with the names of its members.
    pub fn sets(&self) -> impl Iterator<Item = (Phase, Vec<&str>)> {
        let own = [Phase::Ranging, Phase::Trending, Phase::Volatile].into_iter().map(|phase| (phase, self.manifest.ensemble.set_in(phase)));
        let names =
            |set: MemberSet| self.members.iter().enumerate().filter(move |(number, _)| set.contains(*number)).map(|(_, member)| member.spec.name.as_str());
        own.filter(|(_, set)| *set != MemberSet::ALL).map(move |(phase, set)| (phase, names(set).collect()))
    }

    /// What a person should know before trading with it.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for feature in &self.schema.features {
            let raw_price = ["sma", "macd", "atr", "std", "range", "price_change", "momentum", "open", "high", "low", "close"].contains(&feature.op.name);
            if raw_price && feature.scale.is_empty() {
                warnings.push(format!("{} is fed to the models in raw price units: it drifts with the price level", feature.name));
            }
        }
        if self.manifest.stats.is_none() {
            warnings.push("no stats: inputs outside the trained range are not noticed".to_owned());
        }
        warnings
    }
}

fn describe_lock(lock: &Lock) -> Value {
    let members: Vec<&str> = lock.members.iter().map(|(name, _)| name.as_str()).collect();
    json!({ "sha256": hex(&lock.sha256), "foretick": lock.foretick, "measured_on": lock.measured_on, "members": members })
}

impl Member {
    fn describe(&self, manifest: &Manifest) -> Value {
        let outputs: Vec<Value> = self.backend.outputs().iter().map(|port| json!({ "tensor": port.name, "values": port.width() })).collect();
        let mut description = json!({
            "name": self.spec.name, "outputs": outputs, "file": self.spec.file.file, "family": self.backend.family(), "summary": self.backend.summary(),
            "input": self.spec.input.name(), "backend": backend::name(self.backend.bits()), "why": self.why, "enabled": self.spec.enabled,
            "memory_bytes": self.backend.memory_bytes(), "golden_checked": self.worst.checked, "golden_worst_share": self.worst.share,
        });
        if self.is_stateful() {
            let values: usize = self.backend.carries().iter().map(|carry| carry.to.len()).sum();
            description["state"] = json!({ "at_swap": self.spec.state.name(), "values": values });
        }
        description["precision"] = self.spec.precision.name().into();
        if let Some(error) = self.precision_error {
            (description["precision_error"], description["precision_error_allowed"]) = (error.into(), self.spec.precision_error.into());
        }
        if self.spec.input == InputShape::Members {
            description["reads"] = self.reads(manifest).into();
        }
        description
    }

    /// Names of the values that a meta-model reads, in its input's order.
    #[must_use]
    pub fn reads(&self, manifest: &Manifest) -> Vec<String> {
        let name = |read: &MemberRead| format!("{}.{}", manifest.members[read.member].name, manifest.outputs[read.output].name);
        self.spec.reads.iter().map(name).collect()
    }
}
