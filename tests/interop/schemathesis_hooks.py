"""What Schemathesis cannot know from the contract: where refresh tokens come from, what is there when a request comes, and
what every answer has."""

from secrets import token_urlsafe

import requests
import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, object]) -> None:
    """Rightly made requests get what makes them right: a refresh token that is good, a condition that holds, and a key that
    has not been used for anything else."""
    if case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if case.path == "/me/cart" and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = token_urlsafe()
    if case.path == "/token":
        login = requests.post(f"{origin(case)}/anonymous-login", json={"refresh": True}, timeout=10)
        case.body["refresh_token"] = login.json()["refresh_token"]


@schemathesis.check
def problem_tells_its_status(context: CheckContext, response: Response, case: Case) -> None:
    """RFC 9457 §3.1.2"""
    if response.headers.get("content-type") == ["application/problem+json"]:
        assert response.json()["status"] == response.status_code


@schemathesis.check
def security_headers(context: CheckContext, response: Response, case: Case) -> None:
    assert response.headers["x-content-type-options"] == ["nosniff"]
    assert response.headers["referrer-policy"] == ["no-referrer"]


def origin(case: Case) -> str:
    scheme, _, rest = case.operation.base_url.partition("://")
    return f"{scheme}://{rest.split('/')[0]}"
