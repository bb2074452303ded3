//! `GET /public-data`: data that needs no token.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::{AcceptLanguage, Language};
use crate::server::Guestpass;

/// Data that needs no token.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicData {
    /// One sentence about the data, in English or Chinese.
    #[schema(example = "This data is public: it needs no token.")]
    message: &'static str,
    /// The name of the catalogue.
    name: String,
    /// The number of items in the catalogue.
    items: usize,
}

/// Data that needs no token
#[utoipa::path(get, path = "/public-data", tag = "shop",
    params(AcceptLanguage),
    responses(
        (status = 200, description = "The data, without anything personal.", body = PublicData, headers(
            ("Content-Language" = String, description = "`en` or `zh`: the language of the message."),
        )),
    ),
)]
pub(super) async fn public_data(language: Language, State(Guestpass { inner }): State<Guestpass>) -> impl IntoResponse {
    let message = match language {
        Language::English => "This data is public: it needs no token.",
        Language::Chinese => "这是公开数据，不需要令牌。",
    };
    let catalogue = inner.catalogue.load();
    (language.headers(), Json(PublicData { message, name: catalogue.name.clone(), items: catalogue.len() }))
}
