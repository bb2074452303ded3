//! The modes of the files of a database: they contain the signing keys, so that only the user of the server should read them.

use std::fs::{Permissions, metadata, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The permission bits of the group and of all other users.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// Logs a warning if users other than the owner can read or write the database. A server does not refuse such a file, because
/// some file systems have no modes, and because some volumes of containers give each file to a group.
pub(super) fn warn(database: &Path) {
    let Some(mode) = mode(database) else { return };
    let file = database.display();
    if mode & OTHERS != 0 {
        tracing::warn!(
            "every user of this machine can read {file} (mode {mode:o}), and can forge tokens with the keys in it; run: \
             chmod 600 {file}"
        );
    } else if mode & GROUP != 0 {
        tracing::info!(
            "the group of {file} can read it (mode {mode:o}), and can forge tokens with the keys in it; if the group has other \
             members than the server and its backup, run: chmod 600 {file}"
        );
    }
}

/// Removes, from a file beside the database, the permissions that the database does not give.
pub(super) fn limit(file: &Path, database: &Path) {
    let (Some(mode), Some(permitted)) = (mode(file), mode(database)) else { return };
    if mode & !permitted != 0
        && let Err(error) = set_permissions(file, Permissions::from_mode(mode & permitted))
    {
        tracing::warn!(%error, "more users can read {file} than the database; run: chmod 600 {file}", file = file.display());
    }
}

fn mode(file: &Path) -> Option<u32> {
    metadata(file).ok().map(|file| file.permissions().mode() & 0o777)
}
