"""An API with anonymous logins as many teams write it: a guest is a signed token, and a new token is a new guest.

There is no refresh and no `expires_in`: a 401 shows the client that its token has expired. `TOKEN_LIFETIME` is in seconds.
"""

import os
import secrets
import time
import uuid
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer

SECRET = secrets.token_hex(32)
LIFETIME = int(os.environ["TOKEN_LIFETIME"])

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
bearer = OAuth2PasswordBearer(tokenUrl="anonymous-login")


def visitor(token: Annotated[str, Depends(bearer)]) -> str:
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"}) from None


@app.post("/anonymous-login")
def anonymous_login() -> dict[str, str]:
    claims = {"sub": f"anonymous_{uuid.uuid4()}", "exp": int(time.time()) + LIFETIME}
    return {"access_token": jwt.encode(claims, SECRET, algorithm="HS256"), "token_type": "bearer"}


@app.get("/items/")
def items(sub: Annotated[str, Depends(visitor)]) -> dict[str, object]:
    return {"visitor": sub, "items": [{"id": 1, "name": "Teapot"}]}


@app.get("/public-data")
def public_data() -> dict[str, str]:
    return {"name": "A classic shop"}
