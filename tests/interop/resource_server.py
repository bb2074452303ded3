"""A service of somebody else's that takes the guests' tokens: it knows where the public keys are, and no secret."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

# What may be asked of a public key. Never HS256: there, who can verify can forge.
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
