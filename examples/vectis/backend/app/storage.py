"""Uploaded files: POST /uploads, GET /uploads/{name}."""

import logging
import re
import secrets
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from app import auth, config
from app.errors import PublicError

log = logging.getLogger("app.storage")
router = APIRouter()

# No SVG or HTML: served from this origin they could run scripts.
CONTENT_TYPES = {
    "avif": "image/avif",
    "csv": "text/csv; charset=utf-8",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "webp": "image/webp",
    "bin": "application/octet-stream",
}
_NAME = re.compile(rf"[0-9a-f]{{32}}\.(?:{'|'.join(CONTENT_TYPES)})")


def public_url(name: str) -> str:
    """Return the URL a browser reads the file at."""
    return f"{config.current().public_origin}/uploads/{name}"


def stored_path(name: str) -> Path | None:
    """Return where a stored file is; None unless the name is one this module gave out."""
    return config.current().file_storage_dir / name if _NAME.fullmatch(name) else None


def _refuse(status: int, message: str) -> JSONResponse:
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    # The rest of the body has not been read: this connection cannot be used again.
    return JSONResponse({"error": message}, status, headers | {"connection": "close"})


async def _store(request: Request) -> JSONResponse:
    from app.upload_stream import FileReceiver, boundary_of, safe_extension

    settings = config.current()
    boundary = boundary_of(request.headers.get("content-type", ""))
    directory = settings.file_storage_dir
    directory.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(16)
    partial = directory / f".partial-{token}"
    try:
        with partial.open("xb") as target:
            receiver = FileReceiver(boundary, target, settings.max_upload_bytes)
            await receiver.receive(request.stream())
        extension = safe_extension(receiver.filename or "", frozenset(CONTENT_TYPES))
        name = f"{token}.{extension}"
        partial.rename(directory / name)
    finally:
        partial.unlink(missing_ok=True)
    log.info("stored upload %s, %d bytes", name, receiver.size)
    answer = {"name": name, "url": public_url(name), "size": receiver.size}
    return JSONResponse(answer | {"contentType": CONTENT_TYPES[extension]}, 201)


@router.post("/uploads")
async def upload(request: Request) -> Response:
    """Store the file of a multipart body, for an administrator."""
    try:
        auth.require_admin(request.headers.get("authorization"))
    except PublicError as error:
        return _refuse(403 if error.extensions["code"] == "FORBIDDEN" else 401, str(error))
    from python_multipart.exceptions import FormParserError

    from app.upload_stream import OVERHEAD_BYTES, NotAnUpload, TooLarge

    limit = config.current().max_upload_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > limit + OVERHEAD_BYTES:
        return _refuse(413, f"A file may have at most {limit} bytes.")
    try:
        return await _store(request)
    except TooLarge:
        return _refuse(413, f"A file may have at most {limit} bytes.")
    except NotAnUpload as error:
        return _refuse(400, str(error))
    except FormParserError:
        return _refuse(400, "The body is not valid multipart/form-data.")
    except OSError as error:
        log.error("the upload cannot be stored in FILE_STORAGE_DIR: %s", error.strerror)
        return _refuse(507, "The file cannot be stored.")


@router.api_route("/uploads/{name}", methods=["GET", "HEAD"])
async def download(name: str) -> Response:
    """Serve a stored file."""
    path = stored_path(name)
    if path is None or not path.is_file():
        return JSONResponse({"error": "No such file."}, 404)
    extension = path.suffix[1:]
    headers = {
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-control": "public, max-age=31536000, immutable",
    }
    if extension == "bin":
        headers["content-disposition"] = "attachment"
    return FileResponse(path, media_type=CONTENT_TYPES[extension], headers=headers)
