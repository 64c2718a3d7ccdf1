//! The C interface as a compiled thing: a shim made of a header, which `abidiff` compares with another header's.
//!
//! `abidiff` on the Rust library itself does not see a changed field; a library that a C compiler makes of the header has every
//! type in its debug information.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::capi::succeed;

/// What a header declares.
#[derive(Default)]
struct Declared {
    /// Prototypes.
    functions: Vec<String>,
    /// Names of types.
    types: Vec<String>,
    /// Fields of structs by the struct's name.
    structs: BTreeMap<String, Vec<String>>,
    /// Texts of macros by their name; the compiler's choice may have several.
    macros: BTreeMap<String, Vec<String>>,
}

impl Declared {
    fn of(header: &str) -> Declared {
        let text = without_comments(header).replace("\\\n", " ");
        let (directives, code): (Vec<&str>, Vec<&str>) = text.lines().map(str::trim).partition(|line| line.starts_with('#'));
        let mut declared = Declared::default();
        directives.iter().filter_map(|line| line.strip_prefix("#define FORETICK_")).for_each(|line| declared.add_macro(line));
        let code = code.into_iter().filter(|line| *line != "extern \"C\" {" && *line != "}").collect::<Vec<_>>().join("\n");
        statements(&code).iter().for_each(|statement| declared.add(statement));
        declared
    }

    fn add_macro(&mut self, line: &str) {
        let end = line.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(line.len());
        let (name, text) = line.split_at(end);
        // A name that ends so is the header's own.
        if !name.ends_with('_') && !["H", "NODISCARD"].contains(&name) {
            self.macros.entry(format!("FORETICK_{name}")).or_default().push(one_line(text));
        }
    }

    fn add(&mut self, statement: &str) {
        if let Some((name, rest)) = statement.strip_prefix("typedef struct ").and_then(|rest| rest.split_once('{')) {
            let (fields, alias) = rest.rsplit_once('}').expect("a struct ends");
            self.structs.insert(name.trim().to_owned(), fields.split(';').map(one_line).filter(|field| !field.is_empty()).collect());
            self.types.push(alias.trim().to_owned());
        } else if let Some(rest) = statement.strip_prefix("typedef ") {
            let pointer = rest.split_once("(*").and_then(|(_, rest)| rest.split_once(')')).map(|(name, _)| name);
            self.types.push(pointer.or_else(|| rest.split_whitespace().last()).expect("a type's name").to_owned());
        } else if !statement.starts_with("FORETICK_ASSERT_(") {
            assert!(statement.contains("foretick_") && statement.ends_with(')'), "no declaration that is known here: {statement}");
            self.functions.push(one_line(statement.trim_start_matches("FORETICK_NODISCARD")));
        }
    }
}

fn without_comments(header: &str) -> String {
    let mut text = String::new();
    let mut rest = header;
    while let Some(at) = rest.find("/*").into_iter().chain(rest.find("//")).min() {
        text.push_str(&rest[..at]);
        let end = if rest[at..].starts_with("/*") { rest[at..].find("*/").map(|end| end + 2) } else { rest[at..].find('\n') };
        rest = end.map_or("", |end| &rest[at + end..]);
    }
    text + rest
}

/// What stands between semicolons, those inside braces aside.
fn statements(code: &str) -> Vec<String> {
    let mut depth = 0;
    let split = code.split(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ';' && depth == 0
    });
    split.map(|statement| statement.trim().to_owned()).filter(|statement| !statement.is_empty()).collect()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `abidiff` is installed; says so when it is not.
pub fn has_abidiff() -> bool {
    let found = Command::new("abidiff").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no abidiff (Debian's abigail-tools)");
    }
    found
}

/// What a program that was compiled with one header finds changed or gone in another one. Additions are none: functions, types,
/// constants, and fields at the end of a struct that says its size.
pub fn breaks(old: &str, new: &str) -> Vec<String> {
    let (before, after) = (Declared::of(old), Declared::of(new));
    let mut found = macro_breaks(&before, &after);
    let folder = tempfile::tempdir().expect("a folder");
    let first = shim(&folder.path().join("old"), old, &before);
    let second = shim(&folder.path().join("new"), &without_tails(new, &before, &after), &after);
    let mut abidiff = Command::new("abidiff");
    let output = abidiff.args(["--no-added-syms", "--harmless"]).args([first, second]).output().expect("abidiff runs");
    if !output.status.success() {
        found.push(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr));
    }
    found
}

/// Macros that are gone or are not what they were: `abidiff` does not see them.
fn macro_breaks(before: &Declared, after: &Declared) -> Vec<String> {
    let changed = before.macros.iter().filter(|(name, texts)| after.macros.get(*name).is_none_or(|now| !is_kept(name, texts, now)));
    changed.map(|(name, texts)| format!("{name} was {texts:?} and is {:?}", after.macros.get(name))).collect()
}

fn is_kept(name: &str, before: &[String], after: &[String]) -> bool {
    let version = |texts: &[String]| texts.first().and_then(|text| text.parse::<u32>().ok());
    match name {
        // The minor version grows with what is added.
        "FORETICK_ABI_VERSION" => version(before).zip(version(after)).is_some_and(|(old, new)| old >> 16 == new >> 16 && old <= new),
        // A struct that says its size may have more values at its end.
        _ => before == after || (before.len() == after.len() && before.iter().zip(after).all(|(old, new)| is_grown_init(old, new))),
    }
}

fn is_grown_init(old: &str, new: &str) -> bool {
    old == new || (old.starts_with("{ (uint32_t)sizeof(") && old.strip_suffix(" }").is_some_and(|values| new.starts_with(&format!("{values}, "))))
}

/// The newer header without the fields that structs with a `struct_size` got at their ends.
fn without_tails(new: &str, before: &Declared, after: &Declared) -> String {
    let mut text = without_comments(new);
    for (name, fields) in &before.structs {
        let Some(now) = after.structs.get(name) else { continue };
        let is_sized = fields.first().is_some_and(|field| field == "uint32_t struct_size");
        if is_sized && now.len() > fields.len() && now.starts_with(fields) {
            let start = text.find(&format!("typedef struct {name} {{")).expect("the struct stands there");
            let end = start + text[start..].find('}').expect("and ends");
            let kept: String = fields.iter().map(|field| format!("{field};\n")).collect();
            text.replace_range(start..end, &format!("typedef struct {name} {{\n{kept}"));
        }
    }
    text
}

/// A library with every function of the header, empty, and a variable of every type.
fn shim(folder: &Path, header: &str, declared: &Declared) -> PathBuf {
    let bodies = declared.functions.iter().map(|function| format!("{function} {{ __builtin_trap(); }}\n"));
    let uses = declared.types.iter().map(|name| format!("{name} use_of_{name};\n"));
    let code: String = std::iter::once("#include \"foretick.h\"\n".to_owned()).chain(bodies).chain(uses).collect();
    let (source, library) = (folder.join("shim.c"), folder.join("libshim.so"));
    std::fs::create_dir(folder).expect("a folder");
    std::fs::write(folder.join("foretick.h"), header).expect("the folder can be written");
    std::fs::write(&source, code).expect("the folder can be written");
    // C99 has no assertions: the header's own would refuse a layout before it is compared.
    succeed(Command::new("cc").args(["-std=c99", "-g", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source));
    library
}
