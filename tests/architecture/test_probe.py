"""The probe: one file, one attack, complete papers; every id stands in the reference; nothing of the house is known."""

import ast
import pkgutil
import re
import sys
from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest

from doorward.probe import attacks
from doorward.probe.attack import Attack
from doorward.probe.catalogue import all_attacks
from doorward.probe.links import link_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))

from render_attacks import TARGET, render  # noqa: E402 - the page's own writer

PROBE = ROOT / "src" / "doorward" / "probe"
MODULES = sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))
ATTACKS = all_attacks()
# What an outsider may know of the house: plain data and the client's side of a signature.
KNOWN = {"doorward.errors", "doorward.model.secret", "doorward.identity.sigv4", "doorward.probe"}
# What the issue of the probe asks for, at least.
ASKED = (
    {f"AP-BYP-{number:02}" for number in range(1, 10)}
    | {f"AP-JWT-{number:02}" for number in range(1, 15)}
    | {f"AP-OAU-{number:02}" for number in (1, 2, 3, 5, 6)}
    | {f"AP-HTP-{number:02}" for number in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12)}
    | {f"AP-LIM-{number:02}" for number in (1, 2, 4, 6)}
    | {f"AP-SES-{number:02}" for number in (1, 2, 3, 4, 5, 8)}
    | {"AP-AUD-04", "AP-AUD-07", "AP-WALLET"}
)


@pytest.mark.parametrize("name", MODULES)
def test_a_file_holds_one_attack_and_is_named_after_its_id(name: str) -> None:
    module = import_module(f"{attacks.__name__}.{name}")
    own = [item for item in vars(module).values() if isclass(item) and item.__module__ == module.__name__]
    (attack,) = [item for item in own if issubclass(item, Attack)]
    assert name.startswith(attack.id.removeprefix("AP-").lower().replace("-", "_"))


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_the_papers_of_an_attack_are_complete(attack: Attack) -> None:
    assert re.fullmatch(r"AP-[A-Z]{3}-\d\d|AP-WALLET", attack.id)
    assert 5 <= len(attack.title) <= 72
    assert not attack.title.endswith(".")
    for text in (attack.does, attack.mend):
        assert text[0].isupper()
        assert text.endswith(".")
        assert len(text) <= 200
    assert any(link_of(source) for source in attack.sources)
    assert type(attack).attack is not Attack.attack


def test_an_id_names_one_attack_and_every_asked_one_is_there() -> None:
    ids = [attack.id for attack in ATTACKS]
    assert len(ids) == len(set(ids))
    assert not ASKED - set(ids)


def test_the_short_attacks_can_be_a_self_test() -> None:
    """They show both kinds: the way around the front door, and tokens."""
    short = {attack.id[:6] for attack in ATTACKS if attack.short}
    assert {"AP-BYP", "AP-JWT"} <= short


def test_the_reference_of_attacks_is_the_code() -> None:
    assert TARGET.read_text(encoding="utf-8") == render(), "run: python docs/render_attacks.py"


@pytest.mark.parametrize("path", sorted(PROBE.rglob("*.py")), ids=lambda path: path.relative_to(PROBE).as_posix())
def test_the_probe_knows_nothing_of_the_house(path: Path) -> None:
    """INVARIANT: only the public client parts; `.importlinter` holds the same for what these import."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith("doorward.") and name != "doorward.__version__":
                assert any(name == known or name.startswith(f"{known}.") for known in KNOWN), name
