"""Writes `docs/reference/attacks.md` from the attacks themselves: ``python docs/render_attacks.py``."""

from pathlib import Path

from doorward.probe.attack import Attack
from doorward.probe.catalogue import all_attacks
from doorward.probe.links import link_of
from doorward.probe.runner import control_of

TARGET = Path(__file__).parent / "reference" / "attacks.md"

HEAD = """# Attacks

What `doorward probe` tries. The ids are those of Doorward's threat catalogue and never change. An attack is judged only
when its control, the same request made properly, has succeeded; else it is `inconclusive`. The results are `blocked`,
`succeeded`, `inconclusive` and `not applicable`. Attacks marked *short* are also the self-test after a start.

This page is written by `docs/render_attacks.py` from `doorward.probe.attacks`; a test holds it to the code.
"""


def render() -> str:
    """The page's text."""
    attacks = sorted(all_attacks(), key=lambda attack: attack.id)
    lines = [HEAD, "| id | title | sources |", "| --- | --- | --- |"]
    lines += [f"| [{attack.id}](#{_anchor(attack)}) | {attack.title} | {_sources(attack)} |" for attack in attacks]
    for attack in attacks:
        lines += ["", f"## {attack.id}: {attack.title}", "", _sentence(attack.does)]
        lines += ["", f"- Control: {_sentence(control_of(attack))}", f"- To mend: {_sentence(attack.mend)}"]
        if attack.short:
            lines.append("- Short.")
    return "\n".join(lines) + "\n"


def _anchor(attack: Attack) -> str:
    """As the common renderers of Markdown make it from the heading."""
    heading = f"{attack.id}: {attack.title}".lower()
    kept = (character for character in heading if character.isalnum() or character in " -_")
    return "".join(kept).replace(" ", "-")


def _sources(attack: Attack) -> str:
    links = ((source, link_of(source)) for source in attack.sources)
    return ", ".join(f"[{source}]({link})" if link else source for source, link in links)


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
