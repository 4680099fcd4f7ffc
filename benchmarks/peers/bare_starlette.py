"""The barest durable upload: write the body to a file, sync it, answer. No identity, database or checks."""

import os
import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

FOLDER = Path(os.environ["PEER_FOLDER"])


async def upload(request: Request) -> JSONResponse:
    body = await request.body()
    descriptor = os.open(FOLDER / secrets.token_hex(8), os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(descriptor, body)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return JSONResponse({"code": 0, "des": "uploadup ok"})


app = Starlette(routes=[Route("/upload", upload, methods=["POST"])])
