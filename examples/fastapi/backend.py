"""A backend-for-frontend: people sign in and start answers here, and their pages follow them through Envoy."""

import hmac
import json
import os
import time
from pathlib import Path
from typing import Annotated

import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fastapi import Cookie, Depends, FastAPI, Form, HTTPException, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

from streamsvc.client import Client
from streamsvc.errors import FieldInvalid, JobNotFound
from streamsvc.v1.job_pb2 import Job

KEY = Path(os.environ["SESSION_KEY"]).read_text()
PUBLIC = load_pem_private_key(KEY.encode(), None).public_key()
USERS: dict[str, str] = json.loads(os.environ["USERS"])
"""Names and passwords, for an example only: have your identity provider say who somebody is."""
HOURS = 8

app = FastAPI()
client = Client(os.environ["STREAMSVC_TARGET"])


class Asked(BaseModel):
    """A question."""

    prompt: str


def signed_in(session: Annotated[str, Cookie()] = "") -> str:
    """Return who calls. Envoy checks the same session before it lets a page read an answer (edge.py)."""
    try:
        return str(jwt.decode(session, PUBLIC, ["ES256"], audience="streamsvc", issuer="backend")["sub"])
    except jwt.InvalidTokenError:
        raise HTTPException(401, "TOKEN_INVALID") from None


User = Annotated[str, Depends(signed_in)]


@app.post("/api/login", status_code=204)
async def login(name: Annotated[str, Form()], password: Annotated[str, Form()], response: Response) -> None:
    if not hmac.compare_digest(USERS.get(name, "").encode(), password.encode()) or not password:
        raise HTTPException(401, "name or password is wrong")
    claims = {"sub": name, "iss": "backend", "aud": "streamsvc", "exp": int(time.time()) + HOURS * 3600}
    session = jwt.encode(claims, KEY, "ES256")
    response.set_cookie("session", session, max_age=HOURS * 3600, secure=True, httponly=True, samesite="strict")


@app.post("/api/jobs")
async def start(asked: Asked, user: User) -> dict[str, str]:
    job = await client.start(asked.prompt, conversation_id=user, labels={"user": user})
    return {"id": job.id}


@app.get("/api/jobs")
async def mine(user: User) -> list[str]:
    return [job.id async for job in client.jobs(conversation_id=user) if job.labels["user"] == user]


@app.post("/api/jobs/{job_id}/cancel", status_code=204)
async def cancel(job_id: str, user: User) -> None:
    await client.cancel((await own(job_id, user)).id)


async def own(job_id: str, user: str) -> Job:
    """Return a job of this user. Somebody else's is as one that there is not."""
    try:
        job = (await client.state(job_id)).job
    except (FieldInvalid, JobNotFound):
        raise HTTPException(404, "JOB_NOT_FOUND") from None
    if job.labels["user"] != user:
        raise HTTPException(404, "JOB_NOT_FOUND")
    return job


app.mount("/", StaticFiles(directory=Path(__file__).with_name("dist"), html=True))
