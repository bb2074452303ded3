//! `guestpass audit`: prints the audit trail of a store.

use std::io::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use clap::Args;
use guestpass_server::{AuditEntry, AuditEvent, AuditFilter, AuditTrail, Clock, SystemClock, Timestamp};
use ipnet::IpNet;
use uuid::Uuid;

use crate::CommandError;
use crate::config::{StoreArgs, duration};
use crate::settings::Sources;
use crate::table::table;
use crate::users::{UserArg, id_of, session_id};

/// Shows who changed what about users, sessions and keys, and when; and in number, which attempts failed.
///
/// This command reads the store; servers may be running on it. The trail has registrations, logins to accounts, ended
/// sessions, erasures, and the commands of operators. Failed attempts to sign in are counted by hour, account and network.
/// Logins of guests are not in the trail: `guestpass users show` shows when, where and with which browser each session was
/// opened. An erased user is named by a pseudonym; --subject with the id finds it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_help = EXAMPLES)]
pub(crate) struct AuditArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// Only entries about this user: the id, the subject of a token (anonymous_… or user_…), or the e-mail address.
    #[arg(long, value_name = "USER", value_parser = UserArg::parse)]
    subject: Option<UserArg>,

    /// Only entries about this session.
    #[arg(long, value_name = "ID", value_parser = session_id)]
    session: Option<Uuid>,

    /// Only entries of clients in this network: an IPv4 address, or an IPv6 address or its /64. Other networks are refused.
    #[arg(long, value_name = "ADDRESS", value_parser = client_network)]
    network: Option<IpNet>,

    /// Only this event: registered, logged_in, session_ended, erased, account_unlocked, keys_rotated, keys_replaced,
    /// keys_encrypted, keys_decrypted, login_failed, registration_failed or link_failed.
    #[arg(long, value_name = "EVENT")]
    event: Option<AuditEvent>,

    /// Only entries since then: a time such as 2027-01-15T08:00:00Z, or how long ago, such as 2h or 7d.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,

    /// Only entries before then, written as for --since.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,

    /// The greatest number of entries. The newest are shown, the oldest of them first.
    #[arg(long, value_name = "COUNT", default_value = "1000")]
    limit: u32,

    /// Prints each entry as one line with a JSON object, with all its members.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  guestpass audit --since 24h --event login_failed
  guestpass audit --subject ada@example.com
  guestpass audit --json --limit 1000000 > trail.jsonl";

pub(crate) fn run(args: AuditArgs, sources: &Sources) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::Running(format!("tokio could not be started: {error}")))?;
    runtime.block_on(audit(args, sources))
}

async fn audit(args: AuditArgs, sources: &Sources) -> Result<(), CommandError> {
    let AuditArgs { store, subject, session, network, event, since, until, limit, json } = args;
    let subject = match subject {
        Some(user) => Some(id_of(&store, user, sources).await?),
        None => None,
    };
    let trail = AuditTrail::open(&store.store).await.map_err(|error| CommandError::opening(&error, sources))?;
    let filter = AuditFilter { subject, session, network, event, since, until, limit };
    let entries = trail.entries(filter).await;
    trail.close().await;
    let entries = entries.map_err(|error| CommandError::Running(format!("the trail could not be read: {error}")))?;
    let text = if json { lines(&entries)? } else { for_people(&entries) };
    // A closed standard output does not change the exit code.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

fn lines(entries: &[AuditEntry]) -> Result<String, CommandError> {
    let mut text = String::new();
    for entry in entries {
        let line = serde_json::to_string(entry);
        text += &line.map_err(|error| CommandError::Running(format!("an entry is no JSON: {error}")))?;
        text.push('\n');
    }
    Ok(text)
}

/// One entry a line, in columns.
fn for_people(entries: &[AuditEntry]) -> String {
    let dash = || "-".to_owned();
    let id = |id: Option<Uuid>| id.map_or_else(dash, |id| id.to_string());
    let rows = entries.iter().map(|entry| {
        let detail = [
            entry.attempts.map(|count| format!("{count} ×")),
            entry.detail.clone(),
            entry.guest.map(|guest| format!("guest {guest}")),
        ];
        [
            entry.at.rfc3339(),
            entry.event.name().to_owned(),
            detail.into_iter().flatten().collect::<Vec<_>>().join(" "),
            entry.actor.name().to_owned(),
            entry.network.clone().unwrap_or_else(dash),
            entry.label.clone().unwrap_or_else(dash),
            id(entry.subject),
            id(entry.session),
        ]
    });
    table(["TIME", "EVENT", "DETAIL", "BY", "NETWORK", "LABEL", "SUBJECT", "SESSION"], rows)
}

/// Reads the network of a client. An entry names its client by an IPv4 address or the /64 of an IPv6 address, and is found by
/// that network only.
fn client_network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
    let is_client = |network: &IpNet| network.prefix_len() >= if network.addr().is_ipv4() { 32 } else { 64 };
    network.filter(is_client).ok_or_else(|| {
        "expected an IPv4 address such as 203.0.113.7, or an IPv6 address or its /64 such as 2001:db8:1:2::/64; entries are not \
         searched by other networks"
            .to_owned()
    })
}

/// Reads a time, or how long ago it was.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = duration(text) {
        return Ok(SystemClock.now() - ago);
    }
    let since_epoch =
        humantime::parse_rfc3339_weak(text).ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let expected = || "expected a time such as 2027-01-15T08:00:00Z, or how long ago, such as 2h or 7d".to_owned();
    let millis = i64::try_from(since_epoch.ok_or_else(expected)?.as_millis()).map_err(|_| expected())?;
    Ok(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_network_is_that_of_one_client() {
        for network in ["203.0.113.7", "203.0.113.7/32", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"] {
            assert!(client_network(network).is_ok(), "{network}");
        }
        for wrong in ["127.0.0.0/8", "0.0.0.0/0", "203.0.113.0/31", "2001:db8::/32", "::/63", "home", ""] {
            assert!(client_network(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_is_absolute_or_ago() {
        assert_eq!(time("2027-01-15T08:00:00Z").map(Timestamp::rfc3339).as_deref(), Ok("2027-01-15T08:00:00.000Z"));
        assert_eq!(time("2027-01-15 08:00:00").map(Timestamp::rfc3339).as_deref(), Ok("2027-01-15T08:00:00.000Z"));
        let (before, ago) = (SystemClock.now() - Duration::from_secs(7200), time("2h").unwrap());
        assert!(before <= ago && ago <= SystemClock.now());
        for wrong in ["", "yesterday", "1969-12-31T23:59:59Z", "2027-13-01T00:00:00Z"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
