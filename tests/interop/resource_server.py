"""A service on another origin that accepts the access tokens of guests. It verifies them with the public keys of the server."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

# The algorithms with public keys. Not HS256: its key verifies and signs.
ALGORITHMS = ["EdDSA", "ES256", "RS256"]

app = FastAPI()
keys = jwt.PyJWKClient(os.environ["JWKS_URL"])


def guest(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
    token = credentials.credentials
    try:
        decoded = jwt.decode_complete(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=ALGORITHMS,
            issuer=os.environ["ISSUER"],
            audience=os.environ["AUDIENCE"],
            options={"require": ["iss", "aud", "exp", "sub"]},
        )
        if decoded["header"].get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("not an access token")
        return decoded["payload"]["sub"]
    except jwt.PyJWTError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'}) from None


@app.get("/whoami")
def whoami(sub: Annotated[str, Depends(guest)]) -> dict[str, str]:
    return {"sub": sub}
