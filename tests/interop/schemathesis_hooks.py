"""Hooks for Schemathesis: they give valid requests the values that the contract cannot describe, such as refresh tokens, and add
checks for each response."""

from secrets import token_urlsafe

import requests
import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, object]) -> None:
    """Removes the header of the proof of work: the server of the test does not require it, and ignores it."""
    login = raw_schema["paths"]["/anonymous-login"]["post"]
    login["parameters"] = [parameter for parameter in login["parameters"] if parameter["name"] != "Proof-Of-Work"]


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, object]) -> None:
    """Completes valid requests: a valid refresh token, a condition that holds, an unused idempotency key, a valid address, and a
    password instead of the response of a passkey, which cannot be generated."""
    if case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if case.path.startswith("/me/") and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = token_urlsafe()
    if case.headers.get("Authorization") == "Bearer replaced-by-the-hooks":
        case.headers["Authorization"] = f"Bearer {new_refresh_token(case)}"
    if "Idempotency-Key" in case.headers and case.path in ("/register", "/login", "/link"):
        case.headers["Idempotency-Key"] = token_urlsafe()
    if case.path in ("/register", "/login"):
        case.body = {"email": f"{token_urlsafe(8)}@example.com", "password": "correct horse battery staple"}
    if case.path == "/register/options" and isinstance(case.body, dict) and "email" in case.body:
        case.body["email"] = "ada@example.com"
    if case.path == "/token":
        case.body["refresh_token"] = new_refresh_token(case)


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
