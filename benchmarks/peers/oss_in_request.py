"""The published order of work: save the picture, copy it to object storage, and only then answer."""

import asyncio
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.peers.oss_loop import make_bucket

FOLDER = Path(os.environ["PEER_FOLDER"])

_bucket = make_bucket()


def _save_and_copy(name: str, body: bytes) -> None:
    path = FOLDER / f"{name}.png"
    path.write_bytes(body)
    _bucket.put_object_from_file(f"images/{name}.png", str(path))


async def upload(request: Request) -> JSONResponse:
    body = await request.body()
    await asyncio.to_thread(_save_and_copy, request.headers["name-pic"], body)
    return JSONResponse({"code": 0, "des": "uploadup ok"})


app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
