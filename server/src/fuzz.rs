//! The door for the fuzzers in `server/fuzz`: every parser that faces the network, with what must hold whatever it reads.
//!
//! Each function takes any bytes and panics where a rule is broken. The test below reads the corpus again.

pub use crate::accounts::fuzz::{email, id_token};
pub use crate::auth::fuzz::{access_token, authorization, claims, refresh_token};
pub use crate::etag::fuzz::conditions;
pub use crate::limits::fuzz::forwarded;
pub use crate::routes::fuzz::{cart_bodies, idempotency_key, login_body, page_cursor, preferences, token_form};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// One header per line, as far as HTTP lets it be one.
pub(crate) fn header_lines<'a>(name: &HeaderName, lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    lines.filter_map(|line| HeaderValue::from_bytes(line).ok()).map(|value| (name.clone(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 14] = [
        ("access_token", access_token),
        ("authorization", authorization),
        ("cart_bodies", cart_bodies),
        ("claims", claims),
        ("conditions", conditions),
        ("email", email),
        ("forwarded", forwarded),
        ("id_token", id_token),
        ("idempotency_key", idempotency_key),
        ("login_body", login_body),
        ("page_cursor", page_cursor),
        ("preferences", preferences),
        ("refresh_token", refresh_token),
        ("token_form", token_form),
    ];

    fn names(directory: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn s11_what_the_fuzzers_have_found_is_read_without_breaking_a_rule() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        assert_eq!(names(&corpus), TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());

        for (name, target) in TARGETS {
            let seeds = names(&corpus.join(name));
            assert!(!seeds.is_empty(), "{name} has no corpus");
            for seed in seeds {
                // Shown when the target panics.
                println!("{name}/{seed}");
                target(&std::fs::read(corpus.join(name).join(seed)).unwrap());
            }
        }
    }
}
