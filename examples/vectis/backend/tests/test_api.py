import asyncio
import sys
from pathlib import Path

import httpx

from app import auth, config
from app.main import app
from app.schema import sdl


def call(method: str, url: str, **options: object) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, url, **options)  # type: ignore[arg-type]

    return asyncio.run(send())


def admin(is_admin: bool = True) -> dict[str, str]:
    return {"authorization": f"Bearer {auth.issue('admin@vectis.example', is_admin)[0]}"}


def test_the_schema_file_is_what_the_code_exports() -> None:
    file = Path(__file__).parents[2] / "schema.graphql"
    assert file.read_text(encoding="utf-8") == sdl()


def test_health() -> None:
    answer = call("POST", "/graphql", json={"query": "{ health }"})
    assert answer.json() == {"data": {"health": "Vectis Commerce API is healthy"}}
    assert "temporalio" not in sys.modules


def test_geo_without_a_database() -> None:
    answer = call("POST", "/graphql", json={"query": "{ geo { ip available countryCode } }"})
    expected = {"ip": "192.0.2.1", "available": False, "countryCode": None}
    assert answer.json() == {"data": {"geo": expected}}


def test_errors_are_clean() -> None:
    answer = call("POST", "/graphql", json={"query": "{ settings { key } }"}).json()
    assert answer["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    answer = call("POST", "/graphql", json={"query": "{ products { slug } }"}).json()
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}


def test_no_graphiql_in_production() -> None:
    assert call("GET", "/graphql", headers={"accept": "text/html"}).status_code == 404


def test_upload_and_read() -> None:
    files = {"file": ("../../photo.PNG", b"image", "image/png")}
    stored = call("POST", "/uploads", files=files, headers=admin())
    assert stored.status_code == 201
    name = stored.json()["name"]
    assert stored.json()["url"] == f"/uploads/{name}"
    assert name.endswith(".png")
    read = call("GET", f"/uploads/{name}")
    assert (read.content, read.headers["content-type"]) == (b"image", "image/png")
    assert read.headers["x-content-type-options"] == "nosniff"
    assert [path.name for path in config.current().file_storage_dir.iterdir()] == [name]


def test_uploads_that_are_refused() -> None:
    large = {"file": ("a.png", b"x" * 1001)}
    small = {"file": ("a.png", b"x")}
    assert call("POST", "/uploads", files=small).status_code == 401
    assert call("POST", "/uploads", files=small, headers=admin(False)).status_code == 403
    assert call("POST", "/uploads", files=large, headers=admin()).status_code == 413
    assert call("POST", "/uploads", content=b"x", headers=admin()).status_code == 400


def test_no_path_escapes() -> None:
    for name in ("..%2fapp%2fmain.py", ".partial-0", "page.html", "%00"):
        assert call("GET", f"/uploads/{name}").status_code == 404
