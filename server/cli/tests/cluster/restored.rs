//! A PostgreSQL database that was restored from a dump, with the script of the example, `server/examples/postgres`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client::Tokens;
use crate::nodes::Node;
use crate::postgres::{self, Database};

/// A program of PostgreSQL, which Debian does not put on the PATH.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut programs: Vec<_> = versions.map(|version| version.unwrap().path().join("bin").join(name)).collect();
    programs.sort();
    programs.into_iter().rev().find(|program| program.exists()).unwrap_or_else(|| name.into())
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn take_over(old: &Database, new: &Database) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/postgres/take-over.sh");
    let mut command = Command::new("sh");
    command.arg(script).env("OLD", &old.url).env("NEW", &new.url);
    command
}

#[tokio::test]
async fn s15_revocations_erasures_and_leaked_keys_hold_after_a_restore_of_postgresql() {
    let (old, new) = (postgres::database(), postgres::database());
    let dump = tempfile::tempdir().unwrap();
    let dump = dump.path().join("dump");
    let node = Node::start(&old.url);
    let client = node.client();
    let (guest, revoked, erased) = (client.login().await, client.login().await, client.login().await);
    let rotated = client.login().await;
    succeed(Command::new(program("pg_dump")).args(["--format=custom", "--file"]).arg(&dump).arg(&old.url));
    client.revoke(&revoked.refresh).await;
    assert_eq!(client.erase(&erased.refresh).await.status, 204);
    let current = client.refresh(&rotated.refresh).await.tokens();
    let current = client.refresh(&current.refresh).await.tokens();
    let guestpass = Path::new(env!("CARGO_BIN_EXE_guestpass"));
    succeed(Command::new(guestpass).args(["keys", "rotate", "--leaked", "access"]).env("GUESTPASS_STORE", &old.url));
    let later = client.login().await;
    drop(node);

    succeed(Command::new(program("pg_restore")).args(["--no-owner", "--dbname", &new.url]).arg(&dump));
    succeed(&mut take_over(&old, &new));

    let node = Node::start(&new.url);
    let client = node.client();
    assert!(!client.accepts(&guest.access).await, "the access token of a leaked key is accepted");
    assert_eq!(client.refresh(&guest.refresh).await.status, 200, "a guest is lost");
    for ended in [&revoked, &erased, &later] {
        assert_eq!(client.refresh(&ended.refresh).await.status, 400);
        assert!(!client.accepts(&ended.access).await);
    }
    let current = client.refresh(&current.refresh).await.tokens();
    // The use of an old refresh token is noticed, and ends the session.
    assert_eq!(client.refresh(&rotated.refresh).await.status, 400);
    assert_eq!(client.refresh(&current.refresh).await.status, 400);
    assert_eq!(new.value::<i64>("SELECT count(*) FROM anonymous_user"), 3);
    // The audit trail goes on: with the revocation after the backup, the erasure, and the reuse after the restore.
    let entries = |guest: &Tokens| {
        let id = guest.id.rsplit('_').next().unwrap();
        new.value::<i64>(&format!("SELECT count(*) FROM audit_entry WHERE subject = '{id}'"))
    };
    assert_eq!((entries(&revoked), entries(&erased), entries(&rotated)), (1, 0, 1));
}

#[test]
fn s15_nothing_is_taken_over_from_a_database_of_another_store() {
    let (old, new) = (postgres::database(), postgres::database());
    drop((Node::start(&old.url), Node::start(&new.url)));
    let before: String = new.value("SELECT kid FROM signing_key");

    let output = take_over(&old, &new).output().unwrap();

    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not a later state of the same store"), "{output:?}");
    assert_eq!(new.value::<String>("SELECT kid FROM signing_key"), before);
}
