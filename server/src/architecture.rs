//! Tests of the order of the modules, which the documentation of the crate lists.

use std::path::{Path, PathBuf};

/// The modules in their order. Each may import only itself and the modules before it, so that there are no cycles.
const ORDER: [&str; 30] = [
    "clock",
    "shared_time",
    "secret",
    "shards",
    "http_client",
    "settings",
    "etag",
    "collections",
    "metrics",
    "actor",
    "store",
    "config",
    "activity",
    "sweep",
    "readiness",
    "auth",
    "catalogue",
    "recommend",
    "limits",
    "accounts",
    "failed_attempts",
    "open",
    "key_admin",
    "backup",
    "audit",
    "user_admin",
    "collection_admin",
    "server",
    "routes",
    "fuzz",
];

/// The crates of HTTP and OpenAPI, which only `routes` and the modules after it may use.
const HTTP_CRATES: [&str; 2] = ["axum", "utoipa"];

/// The files of the crate, each with the position of its module in [`ORDER`]. The root of the crate and this file have no
/// position.
fn files() -> Vec<(usize, PathBuf)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut directories = vec![src.clone()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = path.strip_prefix(&src).unwrap().components().next().unwrap().as_os_str();
                let module = module.to_str().unwrap().trim_end_matches(".rs");
                if ["lib", "architecture"].contains(&module) {
                    continue;
                }
                let position = ORDER.iter().position(|known| *known == module);
                files.push((position.unwrap_or_else(|| panic!("the module {module} is not in the order")), path));
            }
        }
    }
    files
}

/// The lines of code, without comments, and without the tests and the fuzzers at the end of a file.
fn code(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(str::to_owned).filter(|line| !line.trim_start().starts_with("//"));
    lines.take_while(|line| line != "#[cfg(test)]").collect()
}

/// The words that follow `prefix` in a line.
fn words_after<'a>(line: &'a str, prefix: &str) -> impl Iterator<Item = &'a str> {
    line.split(prefix).skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
}

#[test]
fn each_module_imports_only_the_modules_before_it() {
    let mut wrong = Vec::new();
    for (position, path) in files() {
        for line in code(&path) {
            for word in words_after(&line, "crate::") {
                if ORDER.iter().position(|module| *module == word).is_some_and(|imported| imported > position) {
                    wrong.push(format!("{}: {}", path.display(), line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_routes_use_the_crates_of_http() {
    let routes = ORDER.iter().position(|module| *module == "routes").unwrap();
    let mut wrong = Vec::new();
    for (_, path) in files().into_iter().filter(|(position, _)| *position < routes) {
        for line in code(&path) {
            if line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| HTTP_CRATES.contains(&word)) {
                wrong.push(format!("{}: {}", path.display(), line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
