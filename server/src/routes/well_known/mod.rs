//! `/.well-known/…`: the public keys and the metadata of the server.

pub(super) mod jwks;
pub(super) mod oauth_authorization_server;
pub(super) mod openid_configuration;

pub(super) use self::jwks::JWKS_PATH;
pub(super) use self::oauth_authorization_server::AUTHORIZATION_SERVER_PATH;
pub(super) use self::openid_configuration::OPENID_CONFIGURATION_PATH;
