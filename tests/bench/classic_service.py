"""A service as many teams write it: FastAPI, python-jose and one shared secret. It stores nothing about a guest.

`BENCH_SECRET` is the secret that the workers share.
"""

import os
import time
import uuid
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer
from jose import JWTError, jwt

SECRET = os.environ["BENCH_SECRET"]
LIFETIME = 30 * 24 * 60 * 60

app = FastAPI()
bearer = OAuth2PasswordBearer(tokenUrl="anonymous-login")


async def visitor(token: Annotated[str, Depends(bearer)]) -> str:
    try:
        return jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    except JWTError:
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"}) from None


@app.post("/anonymous-login")
async def anonymous_login() -> dict[str, str]:
    subject = f"anonymous_{uuid.uuid4()}"
    token = jwt.encode({"sub": subject, "exp": int(time.time()) + LIFETIME}, SECRET, algorithm="HS256")
    return {"access_token": token, "token_type": "bearer", "anonymous_id": subject}


@app.get("/guest")
async def guest(_: Annotated[str, Depends(visitor)]) -> dict[str, str | int]:
    return {"name": "A shop", "items": 12}
