"""Writes `docs/reference/configuration.md` from the settings themselves: ``python docs/render_configuration.py``."""

from pathlib import Path

import msgspec

from doorward.compose.settings import known_keys, variable_of

TARGET = Path(__file__).parent / "reference" / "configuration.md"

HEAD = """# Configuration

One file, `doorward.toml` (another with `--config`), and environment variables. The later wins: defaults, the file,
variables, options of the command line. An unknown key is an error that names the nearest known one. Lists in variables
are separated by commas; `clients`, `workloads` and `memories` are lists of tables and stand in the file only.

This page is written by `docs/render_configuration.py` from `doorward.model.settings`; a test holds it to the code.
Times are in seconds, sizes in bytes.
"""


def render() -> str:
    """The page's text."""
    parts = [HEAD]
    section = None
    for key, field in known_keys():
        prefix = key.rpartition(".")[0]
        if prefix != section:
            section = prefix
            title = f"[[{prefix[:-2]}]]" if prefix.endswith("[]") else f"[{prefix}]" if prefix else "Top level"
            parts.append(f"\n## {title}\n\n| key | default | meaning |\n| --- | --- | --- |\n")
        parts.append(f"| `{key.rpartition('.')[2]}` | {_default(field)} | {_meaning(key, field)} |\n")
    return "".join(parts)


def _default(field: msgspec.inspect.Field) -> str:
    if field.default is msgspec.NODEFAULT:
        return "required"
    if field.default is None:
        return "none"
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{msgspec.json.encode(value).decode()}`"


def _meaning(key: str, field: msgspec.inspect.Field) -> str:
    text = ""
    kind = field.type
    while isinstance(kind, msgspec.inspect.Metadata):
        text = text or (kind.extra_json_schema or {}).get("description", "")
        kind = kind.type
    if isinstance(kind, msgspec.inspect.LiteralType):
        text += " One of " + ", ".join(f"`{value}`" for value in kind.values) + "."
    return text if "[]" in key else f"{text} `{variable_of(key)}`"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
