"""What Schemathesis cannot know from the contract: where refresh tokens come from, and what every answer has."""

import requests
import schemathesis
from schemathesis import Case, CheckContext, GenerationMode, HookContext, Response


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, object]) -> None:
    """Rightly made requests to the token endpoint get a refresh token that is good."""
    if case.path == "/token" and case.meta.generation.mode is GenerationMode.POSITIVE:
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
