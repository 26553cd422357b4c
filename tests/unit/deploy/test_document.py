"""What we write, a YAML reader that is not ours reads back as it was."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from doorward.deploy.document import to_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
KEYS = st.text("abcXYZ09:$-_ .'\"", min_size=1, max_size=12)
NODES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@given(st.dictionaries(KEYS, NODES, min_size=1, max_size=4))
def test_what_is_written_is_read_back_as_it_was(tree: dict) -> None:
    assert yaml.safe_load(to_yaml(tree)) == tree


def test_what_looks_like_something_else_stays_text() -> None:
    tree = {"a": ["no", "0123", "2012-10-17", "!Ref X", "a: b", ""], "Fn::Sub": "${A}\n- b", "AWS::X": {}, "e": []}
    assert yaml.safe_load(to_yaml(tree)) == tree
