"""An environment that is complete but whose services do not exist: no test may need one."""

import os
import tempfile

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
ENVIRON = {
    "DATABASE_URL": "postgresql+asyncpg://nobody:nothing@127.0.0.1:1/nowhere",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "SECRETS_MASTER_KEY": KEY,
    "FILE_STORAGE_DIR": tempfile.mkdtemp(prefix="vectis-uploads-"),
    "GEOLITE_DIR": "/nonexistent",
    "MAX_UPLOAD_BYTES": "1000",
}
# Before any test module imports app.main, which reads it.
os.environ.update(ENVIRON)
