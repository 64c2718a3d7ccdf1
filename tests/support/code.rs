//! Rust source as its words, and the paths that it names: as much as the architecture's rules need.

/// Words of the code: names, `::`, texts with their quotes, single marks. Comments and test modules are left out.
pub fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(len) = quoted(rest) {
            len
        } else if is_name(first) {
            rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !rest.starts_with("//") && !rest.starts_with("/*") {
            tokens.push(&rest[..len]);
        }
        rest = rest[len..].trim_start();
    }
    without_tests(&tokens)
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let step = match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => 1,
            [b'*', b'/', ..] => -1,
            _ => 0,
        };
        depth += step;
        at += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a text or a character at the start; a lifetime is neither.
fn quoted(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#', '\''])))?;
    let rest = &text[prefix.len()..];
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let body = &rest[hashes..];
    if prefix.ends_with('r') && body.starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(prefix.len() + hashes + 1 + body[1..].find(&end)? + end.len());
    }
    let quote = body.chars().next().filter(|quote| hashes == 0 && (*quote == '"' || is_character(body)))?;
    let mut escaped = false;
    let end = body.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    })?;
    Some(prefix.len() + end.0 + 1)
}

fn is_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\''))
}

/// Without the modules that only a test build has.
fn without_tests<'a>(tokens: &[&'a str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at += match test_module(&tokens[at..]) {
            0 => {
                kept.push(tokens[at]);
                1
            }
            len => len,
        };
    }
    kept
}

/// Length of `#[cfg(test)] mod name { ... }` at the start, also with more conditions; 0 where there is none.
fn test_module(tokens: &[&str]) -> usize {
    let ["#", "[", "cfg", ..] = tokens else { return 0 };
    let Some(end) = tokens.iter().position(|token| *token == "]") else { return 0 };
    if !tokens[..end].contains(&"test") || tokens[..end].contains(&"not") {
        return 0;
    }
    let ["mod", _, "{", ..] = tokens[end + 1..] else { return 0 };
    end + 3 + block(&tokens[end + 3..])
}

/// Length of the block that begins here.
fn block(tokens: &[&str]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        depth == 0
    });
    end.map_or(tokens.len(), |end| end + 1)
}

/// Every path that the code of a module names, from the root of the crate or of another one: `use crate::{a, b::c}` is `a` and
/// `b::c`; `super::d` in `a::b` is `a::d`.
pub fn paths(module: &[&str], tokens: &[&str]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    // Modules inside the file, with the depth of braces at which each ends.
    let (mut inner, mut depth): (Vec<(&str, i32)>, i32) = (Vec::new(), 0);
    let mut at = 0;
    while at < tokens.len() {
        depth += i32::from(tokens[at] == "{") - i32::from(tokens[at] == "}");
        inner.retain(|(_, opened)| depth >= *opened);
        if let ["mod", name, "{", ..] = tokens[at..] {
            inner.push((name, depth + 1));
        }
        let is_inside = at > 1 && tokens[at - 1] == "::" && (is_path_name(tokens[at - 2]) || tokens[at - 2] == ">");
        let is_start = is_path_name(tokens[at]) && tokens.get(at + 1) == Some(&"::");
        // `use {a, b}`, and `use a;`.
        let is_use = tokens[at] == "use" && tokens.get(at + 1) != Some(&"::");
        if is_use || (is_start && !is_inside) {
            let here = module.iter().copied().chain(inner.iter().map(|(name, _)| *name));
            let start = if is_use { at + 1 } else { at };
            let mut trees = Vec::new();
            let len = tree(&tokens[start..], &mut Vec::new(), &mut trees);
            found.extend(trees.into_iter().map(|path| absolute(here.clone(), &path)));
            // Braces of a tree are balanced.
            at = start + len.max(1);
        } else {
            at += 1;
        }
    }
    found
}

/// Whether a word may be a part of a path.
fn is_path_name(token: &str) -> bool {
    token.chars().all(is_name) && !["as", "dyn", "else", "if", "in", "let", "match", "mut", "return", "use", "while"].contains(&token)
}

/// Reads one tree of a path; answers how many words it took.
fn tree<'a>(tokens: &[&'a str], prefix: &mut Vec<&'a str>, found: &mut Vec<Vec<&'a str>>) -> usize {
    let (mut at, before) = (0, prefix.len());
    loop {
        match tokens.get(at) {
            Some(&"{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| *token != "}") {
                    at += if tokens[at] == "," { 1 } else { tree(&tokens[at..], prefix, found).max(1) };
                }
                at += 1;
                break;
            }
            Some(name) if name.chars().all(is_name) => prefix.push(name),
            _ => {
                found.push(prefix.clone());
                break;
            }
        }
        at += 1;
        if tokens.get(at) != Some(&"::") {
            found.push(prefix.clone());
            // `name as other`.
            at += if tokens.get(at) == Some(&"as") { 2 } else { 0 };
            break;
        }
        at += 1;
    }
    prefix.truncate(before);
    at
}

/// The path from a root: `crate` and `super` are resolved, another crate's name stays.
fn absolute<'a>(module: impl Iterator<Item = &'a str>, path: &[&str]) -> Vec<String> {
    let mut whole: Vec<&str> = if path.first().is_some_and(|first| ["self", "super"].contains(first)) { module.collect() } else { Vec::new() };
    for name in path {
        match *name {
            "crate" => whole.clear(),
            "self" => {}
            "super" => {
                whole.pop();
            }
            name => whole.push(name),
        }
    }
    // A path that began with `crate` or `super` says so, so that a module is not taken for a crate.
    let is_own = path.first().is_some_and(|first| ["crate", "self", "super"].contains(first));
    is_own.then_some("crate").into_iter().chain(whole).map(str::to_owned).collect()
}
