//! The interface for the fuzzers in `server/fuzz`: every parser of input from the network, with the rules that must hold for
//! any input.
//!
//! Each function takes any bytes and panics if a rule is broken. The test below reads the corpus.

pub use crate::accounts::fuzz::{email, id_token};
pub use crate::auth::fuzz::{access_token, claims, refresh_token};
pub use crate::routes::fuzz::{
    accept_language, authorization, conditions, entry_bodies, entry_key, forwarded, idempotency_key, login_body,
    page_cursor, token_form,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    type Target = fn(&[u8]);

    const TARGETS: [(&str, Target); 15] = [
        ("accept_language", accept_language),
        ("access_token", access_token),
        ("authorization", authorization),
        ("claims", claims),
        ("conditions", conditions),
        ("email", email),
        ("entry_bodies", entry_bodies),
        ("entry_key", entry_key),
        ("forwarded", forwarded),
        ("id_token", id_token),
        ("idempotency_key", idempotency_key),
        ("login_body", login_body),
        ("page_cursor", page_cursor),
        ("refresh_token", refresh_token),
        ("token_form", token_form),
    ];

    fn names(directory: &Path) -> BTreeSet<String> {
        let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn s11_the_corpus_of_the_fuzzers_breaks_no_rule() {
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
