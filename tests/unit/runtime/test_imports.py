"""Who may import an agent framework: the worker, and only when its agent needs one."""

import subprocess
import sys

import pytest

FRAMEWORKS = ("langchain", "langchain_core", "langgraph", "langsmith", "bedrock_agentcore", "openai")


@pytest.mark.parametrize(
    "module", ["doorward.runtime.host", "doorward.runtime.worker.__main__", "doorward.runtime.worker.function"]
)
def test_no_agent_framework_is_imported_before_an_agent_asks_for_it(module: str) -> None:
    program = f"import sys, {module}\nprint([name for name in {FRAMEWORKS!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == "[]"
