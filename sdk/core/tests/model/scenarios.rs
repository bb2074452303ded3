//! The scenarios: some are explored completely, the others are walked at random.

use crate::scenario::{Budget, Scenario};
use crate::world::Browser;

const BROWSER: Browser = Browser { locks: true, sync_storage: true, stops: false, classic: false, challenged: false };
const LOCKLESS: Browser = Browser { locks: false, ..BROWSER };
const SLOW_STORAGE: Browser = Browser { sync_storage: false, ..BROWSER };
const STOPS: Browser = Browser { stops: true, ..BROWSER };
const SLOW_LOCKLESS: Browser = Browser { locks: false, sync_storage: false, ..BROWSER };
const CLASSIC: Browser = Browser { classic: true, ..BROWSER };
const CHALLENGED: Browser = Browser { challenged: true, ..BROWSER };
const CHALLENGED_LOCKLESS: Browser = Browser { locks: false, ..CHALLENGED };

const QUIET: Budget = Budget {
    calls: 1,
    expiries: 0,
    sign_outs: 0,
    permanent_sign_outs: 0,
    registrations: 0,
    logins: 0,
    denials: 0,
    erasures: 0,
    exports: 0,
    lids: 0,
    restores: 0,
    starts: 0,
    timers: 0,
    network: 0,
    storage: 0,
    recoveries: 0,
    clears: 0,
    lost_locks: 0,
    crashes: 0,
    closes: 0,
    revocations: 0,
    lost_messages: 0,
    refusals: 0,
    clocks: 0,
    offline: 0,
};

/// The scenarios that are explored. A cold one starts with an empty storage, a warm one with a guest in it. A deep run has larger
/// budgets.
pub(crate) fn all(deep: bool) -> Vec<Scenario> {
    let more = u8::from(deep);
    let cold =
        |name, tabs, browser, budget| Scenario { name, tabs, browser, budget, warm: false, one_without_storage: false };
    let warm =
        |name, tabs, browser, budget| Scenario { name, tabs, browser, budget, warm: true, one_without_storage: false };
    let beside =
        |name, browser, budget| Scenario { name, tabs: 2, browser, budget, warm: true, one_without_storage: true };
    vec![
        cold("first_visit", 3, BROWSER, Budget { lost_messages: 1, ..QUIET }),
        cold("first_visit_lockless", 3, LOCKLESS, Budget { lost_messages: more, ..QUIET }),
        cold("first_visit_network", 2, BROWSER, Budget { network: 2, timers: 1, ..QUIET }),
        cold("first_visit_network_lockless", 2, LOCKLESS, Budget { network: 1 + more, timers: 1, ..QUIET }),
        cold("first_visit_crash", 2, BROWSER, Budget { crashes: 2, calls: 2, network: more, ..QUIET }),
        cold("first_visit_crash_lockless", 2, LOCKLESS, Budget { crashes: 1 + more, calls: 2, ..QUIET }),
        cold("first_visit_storage", 2, BROWSER, Budget { storage: 1, calls: 2, sign_outs: more, ..QUIET }),
        cold("first_visit_slow_storage", 2, SLOW_STORAGE, Budget { calls: 1 + more, ..QUIET }),
        cold("first_visit_slow_storage_fails", 2, SLOW_STORAGE, Budget { storage: 1, timers: 1, ..QUIET }),
        cold("first_visit_slow_storage_lockless", 2, SLOW_LOCKLESS, Budget { network: more, ..QUIET }),
        cold("first_visit_revoked", 2, LOCKLESS, Budget { revocations: 1, refusals: more, ..QUIET }),
        cold("first_visit_sign_out", 2, BROWSER, Budget { sign_outs: 1 + more, ..QUIET }),
        cold("first_visit_proof", 2, CHALLENGED, Budget { network: 1, timers: 1, ..QUIET }),
        cold("first_visit_proof_lockless", 2, CHALLENGED_LOCKLESS, Budget { network: 1, timers: more, ..QUIET }),
        cold("first_visit_proof_sign_out", 2, CHALLENGED, Budget { sign_outs: 1, crashes: 1, closes: 1, ..QUIET }),
        warm("expiry", 3, BROWSER, Budget { expiries: 3, ..QUIET }),
        warm("expiry_lockless", 3, LOCKLESS, Budget { expiries: 3, ..QUIET }),
        warm("expiry_network", 2, BROWSER, Budget { expiries: 2, network: 2, timers: 1 + more, ..QUIET }),
        warm("expiry_network_lockless", 2, LOCKLESS, Budget { expiries: 2, network: 1 + more, timers: 1, ..QUIET }),
        warm(
            "expiry_lost_lock",
            2,
            BROWSER,
            Budget { expiries: 2, lost_locks: 1, timers: 1, lost_messages: more, ..QUIET },
        ),
        warm("expiry_crash", 2, BROWSER, Budget { expiries: 2, crashes: 2, calls: 2, ..QUIET }),
        warm("expiry_slow_storage", 2, SLOW_STORAGE, Budget { expiries: 2, lost_messages: more, ..QUIET }),
        warm("expiry_slow_storage_lockless", 2, SLOW_LOCKLESS, Budget { expiries: 2, network: more, ..QUIET }),
        warm("expiry_storage", 2, BROWSER, Budget { expiries: 2, storage: 1, calls: 2, timers: more, ..QUIET }),
        warm("refusal", 2, BROWSER, Budget { refusals: 2, calls: 2, network: 1 + more, ..QUIET }),
        warm("revocation", 2, BROWSER, Budget { revocations: 1, calls: 2, expiries: 1, lost_messages: more, ..QUIET }),
        warm("revocation_lockless", 2, LOCKLESS, Budget { revocations: 1, expiries: 1, network: more, ..QUIET }),
        warm("revocation_stops", 2, STOPS, Budget { revocations: 1, calls: 2, starts: 1, expiries: more, ..QUIET }),
        warm("sign_out", 2, BROWSER, Budget { sign_outs: 1, expiries: 1, lost_messages: 1, network: more, ..QUIET }),
        warm("sign_out_twice", 2, BROWSER, Budget { sign_outs: 2, calls: 1, network: more, ..QUIET }),
        warm("sign_out_lockless", 2, LOCKLESS, Budget { sign_outs: 1, expiries: 1, lost_messages: 1, ..QUIET }),
        warm(
            "sign_out_slow_storage",
            2,
            SLOW_STORAGE,
            Budget { sign_outs: 1, expiries: 1, lost_messages: more, ..QUIET },
        ),
        warm("sign_out_crash", 2, BROWSER, Budget { sign_outs: 1, crashes: 1, expiries: more, ..QUIET }),
        warm("clocks", 2, BROWSER, Budget { clocks: 2, network: more, ..QUIET }),
        warm("offline", 2, BROWSER, Budget { offline: 2, network: 1, expiries: 1 + more, ..QUIET }),
        warm("close", 2, BROWSER, Budget { closes: 1, expiries: 1, sign_outs: 1, ..QUIET }),
        cold("register", 2, BROWSER, Budget { registrations: 2, calls: more, ..QUIET }),
        warm("register_network", 2, BROWSER, Budget { registrations: 1, network: 1 + more, timers: 1, ..QUIET }),
        warm("register_lockless", 2, LOCKLESS, Budget { registrations: 1, expiries: 1, network: 1, ..QUIET }),
        warm("register_slow_storage", 2, SLOW_STORAGE, Budget { registrations: 1, expiries: more, ..QUIET }),
        warm("register_crash", 2, BROWSER, Budget { registrations: 1, crashes: 1, expiries: 1, ..QUIET }),
        warm("register_revoked", 2, BROWSER, Budget { registrations: 1, revocations: 1, calls: 1 + more, ..QUIET }),
        warm("register_stops", 2, STOPS, Budget { registrations: 1, revocations: 1, sign_outs: 1, ..QUIET }),
        warm("login", 2, BROWSER, Budget { logins: 2, expiries: more, denials: 1, ..QUIET }),
        warm("login_network", 2, BROWSER, Budget { logins: 1, network: 1, refusals: 1, timers: more, ..QUIET }),
        warm("login_lockless", 2, LOCKLESS, Budget { logins: 2, denials: more, ..QUIET }),
        warm("login_sign_out", 2, BROWSER, Budget { logins: 1, sign_outs: 1, calls: more, ..QUIET }),
        warm("login_or_register", 2, BROWSER, Budget { logins: 1, registrations: 1, network: 1, ..QUIET }),
        warm("permanent_sign_out", 2, BROWSER, Budget { permanent_sign_outs: 1, sign_outs: 1, calls: more, ..QUIET }),
        warm(
            "permanent_sign_out_start",
            2,
            BROWSER,
            Budget { permanent_sign_outs: 1, starts: 1, crashes: 1, lost_messages: more, ..QUIET },
        ),
        warm(
            "permanent_sign_out_login",
            2,
            BROWSER,
            Budget { permanent_sign_outs: 1, logins: 1, calls: more, ..QUIET },
        ),
        warm(
            "register_lost_answer",
            2,
            BROWSER,
            Budget { registrations: 1, network: 2, expiries: 1, calls: 2, ..QUIET },
        ),
        warm("register_lost_answer_lockless", 2, LOCKLESS, Budget { registrations: 1, network: 1, calls: 2, ..QUIET }),
        warm("register_lost_lock", 2, BROWSER, Budget { registrations: 1, lost_locks: 1, network: more, ..QUIET }),
        warm("register_sign_out_slow_storage", 2, SLOW_STORAGE, Budget { registrations: 1, sign_outs: 1, ..QUIET }),
        warm(
            "register_sign_out_lockless",
            2,
            LOCKLESS,
            Budget { registrations: 1, sign_outs: 1, lost_messages: 1, calls: more, ..QUIET },
        ),
        warm("closed_lid", 2, BROWSER, Budget { expiries: 2, lids: 1, network: 1, ..QUIET }),
        warm("closed_lid_lockless", 2, LOCKLESS, Budget { expiries: 2, lids: 1, network: 1, ..QUIET }),
        warm("closed_lid_crash", 2, BROWSER, Budget { expiries: 1, lids: 1, crashes: 1, calls: 2, ..QUIET }),
        warm("closed_lid_register", 2, BROWSER, Budget { expiries: 1, lids: 1, registrations: 1, network: 1, ..QUIET }),
        warm("export", 2, BROWSER, Budget { calls: 2, exports: 1, expiries: 2, network: more, ..QUIET }),
        warm("export_lockless", 2, LOCKLESS, Budget { calls: 2, exports: 1, expiries: 2, ..QUIET }),
        warm("restore", 2, BROWSER, Budget { restores: 1, expiries: 2, network: more, ..QUIET }),
        warm("restore_lockless", 2, LOCKLESS, Budget { restores: 1, expiries: 2, ..QUIET }),
        warm("classic", 2, CLASSIC, Budget { registrations: 1, exports: 1, expiries: 1, refusals: 1, ..QUIET }),
        warm("erase", 2, BROWSER, Budget { erasures: 1, network: 1, calls: more, ..QUIET }),
        warm("erase_lockless", 2, LOCKLESS, Budget { erasures: 2, calls: more, ..QUIET }),
        warm("erase_register", 2, BROWSER, Budget { erasures: 1, registrations: 1, calls: more, ..QUIET }),
        warm(
            "storage_recovers",
            2,
            BROWSER,
            Budget { expiries: 2, storage: 1, recoveries: 1, lids: 1, calls: 2, ..QUIET },
        ),
        warm(
            "storage_recovers_crash",
            2,
            BROWSER,
            Budget { expiries: 2, storage: 1, recoveries: 1, lids: 1, crashes: 1, calls: 2, ..QUIET },
        ),
        warm(
            "storage_recovers_lockless",
            2,
            LOCKLESS,
            Budget { expiries: 2, storage: 1, recoveries: 1, lids: 1, ..QUIET },
        ),
        warm(
            "slow_storage_recovers",
            2,
            SLOW_STORAGE,
            Budget { expiries: 2, storage: 1, recoveries: 1, lids: 1, timers: more, ..QUIET },
        ),
        cold("first_visit_storage_recovers", 2, BROWSER, Budget { storage: 1, recoveries: 1, calls: 2, ..QUIET }),
        warm("storage_recovers_sign_out", 2, BROWSER, Budget { storage: 1, recoveries: 1, sign_outs: 1, ..QUIET }),
        beside("beside_no_storage", BROWSER, Budget { expiries: 3, lids: 1, calls: 2, recoveries: more, ..QUIET }),
        beside("beside_no_storage_sign_out", BROWSER, Budget { expiries: 1, sign_outs: 1, ..QUIET }),
        warm("emptied", 2, BROWSER, Budget { expiries: 2, clears: 1, calls: 1 + more, ..QUIET }),
        warm("emptied_crash", 2, BROWSER, Budget { clears: 1, crashes: 1, calls: 2, ..QUIET }),
        warm("emptied_lockless", 2, LOCKLESS, Budget { expiries: 1, clears: 1, lids: more, ..QUIET }),
        warm("emptied_slow_storage", 2, SLOW_STORAGE, Budget { expiries: 1, clears: 1, ..QUIET }),
        warm("emptied_sign_out", 2, BROWSER, Budget { sign_outs: 1, clears: 1, lost_messages: more, ..QUIET }),
        warm("emptied_permanent_sign_out", 2, BROWSER, Budget { permanent_sign_outs: 1, clears: 1, ..QUIET }),
        warm("pending_revocation", 2, BROWSER, Budget { sign_outs: 1, network: 2, crashes: 1, ..QUIET }),
        warm(
            "pending_revocation_closes",
            2,
            BROWSER,
            Budget { sign_outs: 1, network: 1, closes: 1, calls: 2, ..QUIET },
        ),
        warm("pending_revocation_twice", 2, BROWSER, Budget { sign_outs: 2, network: 2, calls: 1 + more, ..QUIET }),
        warm("pending_revocation_lockless", 2, LOCKLESS, Budget { sign_outs: 1, network: 1, crashes: 1, ..QUIET }),
        warm("pending_revocation_slow_storage", 2, SLOW_STORAGE, Budget { sign_outs: 1, network: 1, ..QUIET }),
        warm("grandparent", 2, BROWSER, Budget { expiries: 3, lids: 1, network: 1, crashes: more, ..QUIET }),
        warm("everything", 2, BROWSER, EVERYTHING),
        warm("everything_lockless", 2, LOCKLESS, EVERYTHING),
        warm("everything_slow_storage", 2, SLOW_STORAGE, EVERYTHING),
    ]
}

/// Scenarios with every fault. They have too many states to explore, so they are walked at random.
pub(crate) fn walks() -> Vec<Scenario> {
    let budget = Budget {
        calls: 20,
        expiries: 12,
        sign_outs: 3,
        permanent_sign_outs: 1,
        registrations: 3,
        logins: 3,
        denials: 2,
        erasures: 1,
        exports: 2,
        lids: 2,
        restores: 0,
        starts: 4,
        timers: 6,
        network: 8,
        storage: 2,
        recoveries: 2,
        clears: 1,
        lost_locks: 3,
        crashes: 3,
        closes: 1,
        revocations: 2,
        lost_messages: 4,
        refusals: 3,
        clocks: 2,
        offline: 2,
    };
    let walk = |name, browser| Scenario { name, tabs: 3, browser, budget, warm: false, one_without_storage: false };
    vec![
        walk("walk", BROWSER),
        walk("walk_lockless", LOCKLESS),
        walk("walk_slow_storage", SLOW_STORAGE),
        walk("walk_slow_storage_lockless", SLOW_LOCKLESS),
        walk("walk_stops", STOPS),
        walk("walk_proof", CHALLENGED),
    ]
}

const EVERYTHING: Budget = Budget {
    calls: 2,
    expiries: 2,
    sign_outs: 1,
    permanent_sign_outs: 1,
    registrations: 1,
    logins: 1,
    denials: 1,
    erasures: 1,
    exports: 1,
    lids: 1,
    restores: 0,
    starts: 1,
    timers: 1,
    network: 1,
    storage: 1,
    recoveries: 1,
    clears: 0,
    lost_locks: 1,
    crashes: 1,
    closes: 1,
    revocations: 1,
    lost_messages: 1,
    refusals: 1,
    clocks: 1,
    offline: 1,
};
