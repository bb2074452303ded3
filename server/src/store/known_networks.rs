//! The networks from which members have signed in, so that wrong passwords from elsewhere do not lock a member out there.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::clock::Timestamp;

/// Remembers the networks of members.
#[async_trait]
pub(crate) trait KnownNetworkStore: fmt::Debug + Send + Sync {
    /// Stores a network, or the time at which it was used again. The oldest networks of the member beyond
    /// [`KNOWN_NETWORKS_PER_USER`] are deleted. Without effect if the member does not exist.
    async fn remember_network(&self, network: KnownNetwork, now: Timestamp) -> Result<(), StoreError>;

    /// Whether the network has been used at `since` or later.
    async fn is_known_network(&self, network: KnownNetwork, since: Timestamp) -> Result<bool, StoreError>;
}

/// A network from which a member has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownNetwork {
    pub(crate) user: Uuid,
    /// The SHA-256 of the member and the network.
    pub(crate) hash: [u8; 32],
}

/// The greatest number of networks of one member.
pub(crate) const KNOWN_NETWORKS_PER_USER: u32 = 10;
