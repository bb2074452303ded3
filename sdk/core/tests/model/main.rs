//! The model checker: explores every interleaving of tabs, storage, lock, messages, network and server. Each tab runs the session
//! machine of production; the rest of the world is a model.
//!
//! The run is bounded. `MODEL=deep` explores more states; `MODEL=<scenario>` runs one scenario. If a property does not hold, the
//! shortest path to the violation is printed, action by action.

mod checks;
mod diagram;
mod early_login;
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
    let deep = selection() == "deep";
    let limit = if deep { 2_000_000 } else { 400_000 };
    let explored: usize =
        scenarios::all(deep).into_iter().filter(is_selected).map(|scenario| explore(scenario, limit)).sum();
    println!("{explored} distinct states in all");
    check_the_diagram();
}

#[test]
fn long_random_walks_keep_the_invariants() {
    let deep = selection() == "deep";
    let seed = match std::env::var("MODEL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) if deep => std::process::id().into(),
        Err(_) => 1,
    };
    let limit = if deep { 1_000_000 } else { 100_000 };
    for scenario in scenarios::walks().into_iter().filter(is_selected) {
        walk(scenario, seed, limit);
    }
    check_the_diagram();
}

/// Runs after the last of the tests, when all transitions have been recorded.
fn check_the_diagram() {
    static TESTS: AtomicUsize = AtomicUsize::new(2);
    if TESTS.fetch_sub(1, Ordering::SeqCst) > 1 || !matches!(selection().as_str(), "" | "deep") {
        return;
    }
    let differences = diagram::differences();
    assert!(differences.is_empty(), "the diagram in docs/session-states.md:\n{}", differences.join("\n"));
}

/// The value of `MODEL`.
fn selection() -> String {
    std::env::var("MODEL").unwrap_or_default()
}

fn is_selected(scenario: &Scenario) -> bool {
    let selection = selection();
    selection.is_empty() || selection == "deep" || selection == scenario.name
}

/// Explores a scenario breadth first, so that a counterexample is the shortest. Returns the number of distinct states.
fn explore(scenario: Scenario, limit: usize) -> usize {
    let name = scenario.name;
    let start = Instant::now();
    let checker = scenario.checker().threads(2).target_state_count(limit).spawn_bfs().join();
    let states = checker.unique_state_count();
    let whole = if checker.state_count() < limit { "all" } else { "the first" };
    println!("{name}: {whole} {states} distinct states, depth {}, in {:.1?}", checker.max_depth(), start.elapsed());
    report(name, &checker);
    states
}

/// Takes random walks through a scenario, `steps` in all.
fn walk(scenario: Scenario, seed: u64, steps: usize) {
    let name = scenario.name;
    let start = Instant::now();
    println!("{name}: seed {seed} (MODEL_SEED={seed} repeats these walks)");
    let checker = scenario.checker().target_state_count(steps).spawn_simulation(seed, UniformChooser).join();
    println!(
        "{name}: {} steps, up to {} in one walk, in {:.1?}",
        checker.state_count(),
        checker.max_depth(),
        start.elapsed()
    );
    report(name, &checker);
}

/// Prints the shortest path to each violation, action by action.
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
    assert!(found.is_empty(), "{name}: some of {PROPERTIES:?} do not hold");
}

/// Removes the actions that the violation does not need. A random walk has many.
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

/// Takes each action that is possible, in turn. Returns the violation of the property at the end.
fn replay(scenario: &Scenario, property: &str, actions: &[Action]) -> Option<String> {
    let mut state = scenario.init_states().pop()?;
    for action in actions {
        let mut possible = Vec::new();
        scenario.actions(&state, &mut possible);
        if possible.contains(action) {
            state = scenario.next_state(&state, *action)?;
        }
    }
    state.world.violations.get(property).cloned()
}
