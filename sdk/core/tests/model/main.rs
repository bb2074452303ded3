//! The production machine, model-checked: every interleaving of tabs, storage, lock, channel, network and server.
//!
//! A bounded run by default. `MODEL=deep` explores further; `MODEL=<scenario>` runs one. On a counterexample the path
//! to it is printed, action by action.

mod checks;
mod diagram;
#[path = "../support/handles.rs"]
mod handles;
mod scenario;
mod scenarios;
mod server;
mod tab;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use stateright::{Checker, Model, UniformChooser};

use crate::checks::PROPERTIES;
use crate::scenario::{Action, Scenario};

#[test]
fn every_interleaving_keeps_the_invariants() {
    let deep = asked() == "deep";
    let most = if deep { 2_000_000 } else { 400_000 };
    let explored: usize =
        scenarios::all(deep).into_iter().filter(is_asked).map(|scenario| explore(scenario, most)).sum();
    println!("{explored} distinct states in all");
    look_at_the_diagram();
}

#[test]
fn long_lives_keep_the_invariants() {
    let deep = asked() == "deep";
    let seed = match std::env::var("MODEL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if deep => std::process::id().into(),
        Err(_) => 1,
    };
    let most = if deep { 1_000_000 } else { 100_000 };
    for scenario in scenarios::lives().into_iter().filter(is_asked) {
        walk(scenario, seed, most);
    }
    look_at_the_diagram();
}

/// The last of the tests knows all that was seen.
fn look_at_the_diagram() {
    static TESTS: AtomicUsize = AtomicUsize::new(2);
    if TESTS.fetch_sub(1, Ordering::SeqCst) > 1 || !matches!(asked().as_str(), "" | "deep") {
        return;
    }
    let differences = diagram::differences();
    assert!(differences.is_empty(), "the diagram in docs/session-states.md:\n{}", differences.join("\n"));
}

/// What `MODEL` names.
fn asked() -> String {
    std::env::var("MODEL").unwrap_or_default()
}

fn is_asked(scenario: &Scenario) -> bool {
    let asked = asked();
    asked.is_empty() || asked == "deep" || asked == scenario.name
}

/// Explores a scenario breadth first, so that a counterexample is the shortest; answers with the distinct states.
fn explore(scenario: Scenario, most: usize) -> usize {
    let name = scenario.name;
    let start = Instant::now();
    let checker = scenario.checker().threads(2).target_state_count(most).spawn_bfs().join();
    let states = checker.unique_state_count();
    let whole = if checker.state_count() < most { "all" } else { "the first" };
    println!("{name}: {whole} {states} distinct states, depth {}, in {:.1?}", checker.max_depth(), start.elapsed());
    report(name, &checker);
    states
}

/// Walks through a scenario at random, again and again.
fn walk(scenario: Scenario, seed: u64, steps: usize) {
    let name = scenario.name;
    let start = Instant::now();
    println!("{name}: seed {seed} (MODEL_SEED={seed} walks the same ways)");
    let checker = scenario.checker().target_state_count(steps).spawn_simulation(seed, UniformChooser).join();
    println!(
        "{name}: {} steps, up to {} in one life, in {:.1?}",
        checker.state_count(),
        checker.max_depth(),
        start.elapsed()
    );
    report(name, &checker);
}

/// Prints the shortest way to each thing that was found wrong, action by action.
fn report(name: &str, checker: &impl Checker<Scenario>) {
    let found: BTreeMap<_, _> = checker.discoveries().into_iter().collect();
    for (property, path) in &found {
        println!("{name}: {property} does not hold");
        let actions = shrink(checker.model(), property, path.clone().into_actions());
        for action in &actions {
            println!("  {action:?}");
        }
        println!("  => {}", replay(checker.model(), property, &actions).unwrap_or_default());
    }
    assert!(found.is_empty(), "{name}: of {PROPERTIES:?} some do not hold");
}

/// Leaves out whatever is not needed to break the property. A walk at random does much that is beside the point.
fn shrink(scenario: &Scenario, property: &str, mut actions: Vec<Action>) -> Vec<Action> {
    loop {
        let before = actions.len();
        for index in (0..before).rev() {
            let mut fewer = actions.clone();
            fewer.remove(index);
            if replay(scenario, property, &fewer).is_some() {
                actions = fewer;
            }
        }
        if actions.len() == before {
            return actions;
        }
    }
}

/// Takes the actions that are possible when their turn comes; answers with what is wrong with the property then.
fn replay(scenario: &Scenario, property: &str, actions: &[Action]) -> Option<String> {
    let mut state = scenario.init_states().pop()?;
    for action in actions {
        let mut possible = Vec::new();
        scenario.actions(&state, &mut possible);
        if possible.contains(action) {
            state = scenario.next_state(&state, *action)?;
        }
    }
    state.world.wrong.get(property).cloned()
}
