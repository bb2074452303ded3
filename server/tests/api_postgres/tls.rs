//! TLS to the database, with certificates that `openssl` makes

use std::path::{Path, PathBuf};
use std::process::Command;

use guestpass_server::{Config, Guestpass, StoreLocation};
use tempfile::TempDir;

use crate::support::postgres::Postgres;

/// A folder that a PostgreSQL server of another user can read.
fn folder() -> TempDir {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Makes `NAME.pem` and `NAME.key`: a self-signed certificate for `db.example`, which is a CA certificate, as `openssl` makes them.
fn self_signed(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem -subj /CN={name} \
             -addext subjectAltName=DNS:db.example"
        ),
    );
}

/// A PostgreSQL server with this certificate, reachable at the name `db.example`.
struct Secured {
    _server: Postgres,
    /// The location without the parameters of TLS.
    location: String,
}

impl Secured {
    fn start(folder: &Path, name: &str) -> Self {
        let file = |extension: &str| folder.join(format!("{name}.{extension}"));
        let settings = [
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", file("pem").display()),
            format!("ssl_key_file={}", own_key(&file("key")).display()),
        ];
        let server = Postgres::start(&settings.each_ref().map(String::as_str));
        let url = server.database().url.replace("@127.0.0.1:", "@db.example:");
        Self { _server: server, location: format!("{url}?hostaddr=127.0.0.1") }
    }

    async fn open(&self, parameters: &str) -> Result<(), String> {
        let store: StoreLocation = format!("{}{parameters}", self.location).parse().unwrap();
        let guestpass =
            Guestpass::open(Config { store, ..Config::default() }).await.map_err(|error| error.to_string())?;
        guestpass.close().await.map_err(|error| error.to_string())
    }
}

/// PostgreSQL wants a key that belongs to the user of the server or to root. As root, `scripts/private-postgres` runs it as
/// another user.
fn own_key(key: &Path) -> PathBuf {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
    if std::fs::metadata(key).unwrap().uid() == 0 {
        let id = |flag| {
            let of = |user| Command::new("id").args([flag, user]).output().unwrap();
            let output = Some(of("postgres")).filter(|output| output.status.success()).unwrap_or_else(|| of("nobody"));
            String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
        };
        chown(key, Some(id("-u")), Some(id("-g"))).unwrap();
    }
    key.to_owned()
}

fn root(folder: &Path, name: &str) -> String {
    format!("&sslrootcert={}", folder.join(format!("{name}.pem")).display())
}

#[tokio::test]
async fn a_certificate_of_another_machine_is_checked_by_default() {
    let folder = folder();
    let folder = folder.path();
    // A CA, and a certificate that it signed.
    self_signed(folder, "ca");
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=server",
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:db.example").unwrap();
    openssl(folder, "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.pem");
    self_signed(folder, "other");
    let database = Secured::start(folder, "server");

    let error = database.open("").await.unwrap_err();
    assert!(error.contains("UnknownIssuer") && error.contains("sslrootcert=FILE"), "{error}");
    let error = database.open(&root(folder, "other")).await.unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    database.open(&root(folder, "ca")).await.unwrap();
    database.open(&format!("&sslmode=verify-full{}", root(folder, "ca"))).await.unwrap();
    for mode in ["disable", "prefer", "require"] {
        database.open(&format!("&sslmode={mode}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_self_signed_certificate_in_sslrootcert_is_accepted_for_its_host() {
    let folder = folder();
    let folder = folder.path();
    self_signed(folder, "own");
    let database = Secured::start(folder, "own");

    database.open(&root(folder, "own")).await.unwrap();
    database.open(&format!("&sslmode=verify-full{}", root(folder, "own"))).await.unwrap();
    let elsewhere = Secured { location: database.location.replace("@db.example:", "@db2.example:"), ..database };
    let error = elsewhere.open(&root(folder, "own")).await.unwrap_err();
    assert!(error.contains("not valid for name") || error.contains("NotValidForName"), "{error}");
}

#[tokio::test]
async fn an_unencrypted_database_on_another_machine_is_refused_with_the_way_out() {
    let server = Postgres::start(&[]);
    let url = server.database().url.replace("@127.0.0.1:", "@db.example:");
    let database = Secured { _server: server, location: format!("{url}?hostaddr=127.0.0.1") };

    let error = database.open("").await.unwrap_err();

    assert!(error.contains("does not support TLS") && error.contains("sslmode=disable"), "{error}");
    database.open("&sslmode=disable").await.unwrap();
}
