"""Hooks for Schemathesis: they give valid requests the values that the contract cannot describe, such as refresh tokens, and add
checks for each response."""

import json
from secrets import token_urlsafe
from unicodedata import category
from urllib.parse import unquote

import requests
import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response

# The shortest limit of the default collections.
MAX_VALUE_BYTES = 256


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, object]) -> None:
    """Removes the header of the proof of work: the server of the test does not require it, and ignores it."""
    login = raw_schema["paths"]["/anonymous-login"]["post"]
    login["parameters"] = [parameter for parameter in login["parameters"] if parameter["name"] != "Proof-Of-Work"]


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, object]) -> None:
    """Completes valid requests: a valid refresh token, no condition, an unused idempotency key, a valid address, a value
    that the declaration of its collection allows, and a password instead of the response of a passkey, which cannot be generated."""
    if case.path.startswith("/me/") and case.method != "GET":
        # Whether a condition holds depends on the entries that there are.
        for condition in ("If-Match", "If-None-Match"):
            case.headers.pop(condition, None)
    if case.path in ("/anonymous-login", "/register/options") and case.body is None:
        # The server takes null for no body, as simple clients mean it. The contract leaves it out, because generators of clients
        # cannot express it.
        case.body = []
    if case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if case.path.endswith("/{key}"):
        complete_entry(case)
    # An empty header is malformed.
    if case.headers.get("Authorization") == "":
        del case.headers["Authorization"]
    # Made by the server.
    if "after" in case.query:
        del case.query["after"]
    if case.headers.get("Authorization") == "Bearer replaced-by-the-hooks":
        case.headers["Authorization"] = f"Bearer {new_refresh_token(case)}"
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = token_urlsafe()
    if case.path in ("/register", "/login"):
        case.body = {"email": f"{token_urlsafe(8)}@example.com", "password": "correct horse battery staple"}
    if case.path == "/register/options" and isinstance(case.body, dict) and "email" in case.body:
        case.body["email"] = "ada@example.com"
    if case.path == "/token":
        case.body["refresh_token"] = new_refresh_token(case)


def complete_entry(case: Case) -> None:
    """A key without control characters. A short value: the contract does not limit its bytes. A patch and an addition after which
    the collection allows the value."""
    if any(category(character) == "Cc" for character in unquote(case.path_parameters["key"])):
        case.path_parameters["key"] = "mug"
    is_too_long = case.method == "PUT" and len(json.dumps(case.body)) > MAX_VALUE_BYTES
    if case.method == "PATCH" or is_too_long:
        case.body = "dark" if case.path.startswith("/me/preferences/") else {"quantity": 2}
    if case.method == "POST":
        case.body = {"add": {"quantity": 2}}


@schemathesis.check
def problem_tells_its_status(context: CheckContext, response: Response, case: Case) -> None:
    """RFC 9457 §3.1.2"""
    if response.headers.get("content-type") == ["application/problem+json"]:
        assert response.json()["status"] == response.status_code


@schemathesis.check
def security_headers(context: CheckContext, response: Response, case: Case) -> None:
    assert response.headers["x-content-type-options"] == ["nosniff"]
    assert response.headers["referrer-policy"] == ["no-referrer"]


def new_refresh_token(case: Case) -> str:
    login = requests.post(f"{origin(case)}/anonymous-login", json={"refresh": True}, timeout=10)
    return login.json()["refresh_token"]


def origin(case: Case) -> str:
    scheme, _, rest = case.operation.base_url.partition("://")
    return f"{scheme}://{rest.split('/')[0]}"
