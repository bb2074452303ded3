//! `/.well-known/…`: the public keys and the metadata of the server.

pub(super) mod jwks;
pub(super) mod oauth_authorization_server;
