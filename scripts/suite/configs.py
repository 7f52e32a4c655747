"""Every configuration that the repository ships is one that a node accepts."""

import json

from .cargo import one


def check(tally, root, binaries):
    """`crowfly --check` on each file, and the schema that each names is there."""
    files = sorted(path for path in (root / "configs").rglob("*.json") if is_node(path))
    if not files:
        tally.bad("configs/", "there is no configuration to check")
    for path in files:
        name = path.relative_to(root)
        one(tally, f"crowfly --check {name}", [binaries / "crowfly", "--", "--config", path, "--check"], root, 30)
        schema = json.loads(path.read_text()).get("$schema")
        if schema and not (path.parent / schema).is_file():
            tally.bad(f"$schema of {name}", f"there is no {schema} beside it")


def is_node(path):
    """Whether a JSON file is a node's configuration."""
    return "role" in json.loads(path.read_text())
