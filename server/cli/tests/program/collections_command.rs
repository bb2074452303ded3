//! `guestpass collections`, and the declarations in the file of `--config`

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestpass_server::Collections;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::database::Database;
use crate::support::guest::Guest;
use crate::support::process::{Process, guestpass, run};

/// A directory with a file of declarations.
struct Declarations(TempDir);

impl Declarations {
    fn new(text: &str) -> Self {
        let declarations = Self(tempfile::tempdir().unwrap());
        declarations.write(text);
        declarations
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("guestpass.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = guestpass();
        command.args(arguments).arg("--config").arg(self.file());
        command
    }

    fn serve(&self, database: &Database) -> Process {
        Process::spawn_on(self.command(&["serve"]).stderr(Stdio::null()), &database.store())
    }

    /// Runs `guestpass collections check`. Returns exit code, standard output and standard error.
    fn check(&self, database: &Database, flags: &[&str]) -> (Option<i32>, String, String) {
        let mut command = self.command(&["collections", "check"]);
        text_of(command.args(flags).env("GUESTPASS_STORE", database.store()))
    }

    /// The reports of `guestpass collections check --json`, by collection.
    fn reports(&self, database: &Database) -> Value {
        let (_, reports, _) = self.check(database, &["--json"]);
        let reports = reports.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        reports.map(|report| (report["collection"].as_str().unwrap().to_owned(), report)).collect::<Value>()
    }
}

fn text_of(command: &mut Command) -> (Option<i32>, String, String) {
    let output = run(command);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Sends a request about the data of a guest. Returns the status and the body, null if it is empty.
async fn send(server: &Process, guest: &Guest, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let token = if path.starts_with("/me/export") || !path.starts_with("/me") { &guest.refresh } else { &guest.access };
    let mut request = server.http.request(method, format!("{}{path}", server.url)).bearer_auth(token);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    let (status, body) = (response.status(), response.text().await.unwrap());
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn put(server: &Process, guest: &Guest, path: &str, value: Value) {
    let (status, body) = send(server, guest, Method::PUT, path, Some(value)).await;
    assert!(status.is_success(), "{path}: {status} {body}");
}

/// The keys of a collection, in alphabetical order.
async fn keys(server: &Process, guest: &Guest, collection: &str) -> Vec<String> {
    let (status, page) = send(server, guest, Method::GET, &format!("/me/{collection}"), None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    keys_in(&page["entries"])
}

fn keys_in(entries: &Value) -> Vec<String> {
    let keys = entries.as_array().into_iter().flatten().map(|entry| entry["key"].as_str().unwrap().to_owned());
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    keys
}

#[test]
fn the_declarations_in_effect_are_printed_in_the_form_in_which_they_are_declared() {
    let (code, defaults, error) = text_of(guestpass().arg("collections"));
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        defaults.starts_with(
            "# Default collections, which are not declared otherwise: cart, favorites, history, preferences\n"
        ),
        "{defaults}"
    );
    assert_eq!(Collections::from_toml(&defaults, Path::new("")), Ok(Collections::default()));

    let text = "access-ttl = '5m'\n[collections]\nhistory = false\n[collections.cart]\nentries = 7\n[collections.notes]\nschema = 'notes.json'\n";
    let declarations = Declarations::new(text);
    std::fs::write(declarations.0.path().join("notes.json"), "{ \"type\": \"string\" }").unwrap();
    let (code, printed, error) = text_of(&mut declarations.command(&["collections"]));

    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        printed.starts_with("# Default collections, which are not declared otherwise: favorites, preferences\n"),
        "{printed}"
    );
    assert!(
        printed.contains("\nhistory = false\n") && printed.contains("\nschema = { type = \"string\" }\n"),
        "{printed}"
    );
    let declared = Collections::from_toml(text, declarations.0.path()).unwrap();
    assert_eq!(Collections::from_toml(&printed, Path::new("")), Ok(declared));
}

#[test]
fn a_wrong_declaration_stops_the_commands_that_need_it_with_its_place() {
    let database = Database::new();
    drop(Process::start_on(&database.store()));
    let declarations = Declarations::new("access-ttl = '5m'\n\n[collections.cart]\nentrys = 100\n");
    let store = database.store();
    let on_store = |command: &[&str]| {
        let mut command = declarations.command(command);
        text_of(command.env("GUESTPASS_STORE", &store))
    };

    for command in [&["serve"][..], &["sweep"], &["openapi"], &["collections"], &["collections", "check"]] {
        let (code, stdout, error) = on_store(command);

        assert_eq!((code, stdout.as_str(), error.lines().count()), (Some(2), "", 1), "{command:?}: {error}");
        let expected = format!(
            "guestpass: {}, line 4: collections.cart.entrys: there is no such member; did you mean entries?",
            declarations.file().display()
        );
        assert!(error.starts_with(&expected), "{command:?}: {error}");
    }
    let (code, _, error) = on_store(&["keys", "list"]);
    assert_eq!(code, Some(0), "a command without collections does not read them: {error}");
}

#[test]
fn the_contract_of_declared_collections_is_printed() {
    let declarations = Declarations::new(
        "[collections]\ncart = false\n[collections.notes]\nschema = { type = 'string', maxLength = 9 }\n",
    );

    let (code, printed, error) = text_of(&mut declarations.command(&["openapi"]));

    assert_eq!((code, error.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&printed).unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/me/notes/{key}") && !paths.contains_key("/me/cart"), "{:?}", paths.keys());
    assert_eq!(document["components"]["schemas"]["NotesValue"]["maxLength"], 9);
}

const NOTES: &str = "[collections.notes]\nentries = 3\n";

#[tokio::test]
async fn s08_a_renamed_collection_loses_nothing() {
    let database = Database::new();
    let declarations = Declarations::new(NOTES);
    let server = declarations.serve(&database);
    let (member, guest) = (Guest::log_in(&server).await, Guest::log_in(&server).await);
    for key in ["a", "b"] {
        put(&server, &member, &format!("/me/notes/{key}"), json!({ "by": "member" })).await;
    }
    for key in ["b", "c"] {
        put(&server, &guest, &format!("/me/notes/{key}"), json!({ "by": "guest" })).await;
    }
    let credentials = json!({ "email": "ada@example.com", "password": "correct horse battery staple" });
    let (status, member) = send(&server, &member, Method::POST, "/register", Some(credentials.clone())).await;
    assert_eq!(status, StatusCode::OK);
    server.kill();

    // The collection has another name now.
    declarations.write("[collections.remarks]\n");
    let server = declarations.serve(&database);
    assert_eq!(send(&server, &guest, Method::GET, "/me/notes", None).await.0, StatusCode::NOT_FOUND);
    let (code, report, error) = declarations.check(&database, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(error, "guestpass: not everything fits the declarations: notes\n");
    let row =
        |name: &str| report.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    assert_eq!(row("notes"), ["notes", "no", "4", "2", "0", "0", "0", "0"], "{report}");
    assert_eq!(row("remarks"), ["remarks", "yes", "0", "0", "0", "0", "0", "0"], "{report}");
    let (_, export) = send(&server, &guest, Method::GET, "/me/export", None).await;
    assert_eq!(keys_in(&export["collections"]["notes"]), ["b", "c"], "{export}");
    // They are merged, too.
    let (status, tokens) = send(&server, &guest, Method::POST, "/login", Some(credentials)).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    server.kill();

    // The first name again.
    declarations.write(NOTES);
    let server = declarations.serve(&database);
    let text = |tokens: &Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    let account = Guest {
        id: text(&tokens, "id"),
        access: text(&tokens, "access_token"),
        refresh: text(&tokens, "refresh_token"),
    };
    assert_eq!(account.id, text(&member, "id"));
    assert_eq!(keys(&server, &account, "notes").await, ["a", "b", "c"]);
    let (_, newest) = send(&server, &account, Method::GET, "/me/notes/b", None).await;
    assert_eq!(newest, json!({ "by": "guest" }));
    let (code, report, error) = declarations.check(&database, &[]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{report}");
}

#[tokio::test]
async fn a_narrowed_collection_keeps_what_does_not_fit_and_the_check_names_it() {
    let database = Database::new();
    let declarations = Declarations::new("[collections.notes]\nentries = 10\n");
    let server = declarations.serve(&database);
    let guests = [Guest::log_in(&server).await, Guest::log_in(&server).await];
    for (key, value) in
        [("1", json!({ "size": 3 })), ("2", json!({ "size": 30 })), ("3", json!("text")), ("4", json!("x".repeat(60)))]
    {
        put(&server, &guests[0], &format!("/me/notes/{key}"), value).await;
    }
    put(&server, &guests[1], "/me/notes/1", json!({ "size": 1 })).await;
    put(&server, &guests[1], "/me/cart/mug", json!({ "quantity": 2 })).await;
    let reports = declarations.reports(&database);
    assert_eq!((&reports["notes"]["entries"], &reports["notes"]["guests"]), (&json!(5), &json!(2)), "{reports}");

    // The check runs beside the server, which still has the wide declaration.
    declarations.write("[collections.notes]\nentries = 2\nvalue_bytes = 50\nbounds = { size = [1, 9] }\n");
    let (code, report, error) = declarations.check(&database, &[]);
    assert_eq!(
        (code, error.as_str()),
        (Some(1), "guestpass: not everything fits the declarations: notes\n"),
        "{report}"
    );
    let id = guests[0].id.strip_prefix("anonymous_").unwrap();
    assert!(report.contains("2 of 1 guests"), "{report}");
    assert!(
        report.contains(&format!("user {id}, key \"2\", at /size: the value must be a number from 1 to 9\n")),
        "{report}"
    );
    assert!(report.contains(&format!("user {id}, key \"3\": the value must be an object\n")), "{report}");
    assert!(report.contains(&format!("user {id}, key \"4\": the value has 62 bytes, and at most 50\n")), "{report}");
    assert!(report.contains(&format!("user {id}: 4 entries, and at most 2\n")), "{report}");
    let reports = declarations.reports(&database);
    let notes = &reports["notes"];
    let counted = ["entries", "guests_over_limit", "entries_over_limit", "too_long", "invalid", "bad_keys"]
        .map(|name| notes[name].as_u64().unwrap());
    assert_eq!(counted, [5, 1, 2, 1, 2, 0], "{notes}");
    assert_eq!(notes["is_declared"], true);
    assert_eq!((&reports["cart"]["entries"], &reports["cart"]["problems"]), (&json!(1), &json!([])));
    server.kill();

    // A server with the narrow declaration still has all of them, and refuses others.
    let server = declarations.serve(&database);
    assert_eq!(keys(&server, &guests[0], "notes").await, ["1", "2", "3", "4"]);
    let (_, value) = send(&server, &guests[0], Method::GET, "/me/notes/3", None).await;
    assert_eq!(value, "text");
    let (status, full) = send(&server, &guests[0], Method::PUT, "/me/notes/5", Some(json!({ "size": 1 }))).await;
    assert_eq!((status, &full["code"]), (StatusCode::CONFLICT, &json!("collection_full")));
    let (status, invalid) = send(&server, &guests[0], Method::PUT, "/me/notes/2", Some(json!({ "size": 10 }))).await;
    assert_eq!((status, &invalid["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("/size")));
}

/// Earlier versions had preferences with any name.
#[tokio::test]
async fn a_key_that_no_request_can_have_is_counted() {
    let database = Database::new();
    let declarations = Declarations::new("");
    let server = declarations.serve(&database);
    let guest = Guest::log_in(&server).await;
    put(&server, &guest, "/me/preferences/theme", json!("dark")).await;
    server.kill();
    database.execute("UPDATE entry SET key = '..'");

    let (code, report, _) = declarations.check(&database, &[]);

    assert_eq!(code, Some(1));
    assert!(report.contains("key \"..\": a key must not be . or .."), "{report}");
    assert_eq!(declarations.reports(&database)["preferences"]["bad_keys"], 1);
}
