"""How the setting names the agent."""

from pathlib import Path

import pytest

from doorward.errors import ConfigurationError
from doorward.runtime.agent_file import BUILT_IN, agent_file


def test_an_empty_setting_means_the_built_in_agent() -> None:
    assert agent_file("").path == BUILT_IN
    assert BUILT_IN.is_file()


def test_the_example_is_the_built_in_agent_byte_for_byte() -> None:
    example = Path(__file__).parents[3] / "examples" / "hello" / "agent.py"
    assert example.read_bytes() == BUILT_IN.read_bytes()


def test_the_built_in_agent_is_short_and_knows_nothing_of_the_house() -> None:
    text = BUILT_IN.read_text()
    assert len(text.splitlines()) <= 60
    assert "doorward" not in text


def test_reads_a_file_with_and_without_a_name(tmp_path: Path) -> None:
    file = tmp_path / "agent.py"
    file.touch()
    assert (agent_file(str(file)).path, agent_file(str(file)).attribute) == (file, "")
    assert (agent_file(f"{file}:graph").path, agent_file(f"{file}:graph").attribute) == (file, "graph")


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no agent file"):
        agent_file(str(tmp_path / "missing.py"))
