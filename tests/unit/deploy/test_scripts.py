"""The scripts for AWS as a shell runs them, with stand-ins for the AWS CLI and for Python that record what is asked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from doorward.cli.main import root

PATTERNS = ("direct", "front-door", "two-doors", "conversations")
AWS = f"""#!{sys.executable}
import json, pathlib, sys
place = pathlib.Path(__file__).parent
with (place / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
said = " ".join(sys.argv[1:])
answers = json.loads((place / "answers").read_text())
for number, (words, answer) in enumerate(answers):
    if all(word in said for word in words.split()):
        if isinstance(answer, list):
            print(answer.pop(0) if answer else "")
            (place / "answers").write_text(json.dumps(answers))
        elif answer is None:
            sys.exit(254)
        else:
            print(answer)
        break
"""
OUTPUTS = {
    "Bucket": "packages",
    "ApiId": "api123",
    "ApiUrl": "https://api",
    "PageBucketName": "pages",
    "PageUrl": "https://page",
    "Issuer": "https://issuer",
    "SignIn": "https://sign-in",
    "ClientId": "client",
}
Answers = list[tuple[str, str | list[str] | None]]


class Shell:
    """A folder that was deployed from, and the stand-in beside it. `answers`: words that a call holds, what is said."""

    def __init__(self, folder: Path, pattern: str) -> None:
        self.out = folder / "out"
        made = CliRunner().invoke(root, ["deploy", "aws", "--pattern", pattern, "--out", str(self.out)])
        assert made.exit_code == 0, made.output
        (self.out / "build").mkdir()
        for part in ("agent", "functions"):
            if (self.out / part).exists():
                (self.out / "build" / f"{part}-0a1b.zip").write_bytes(b"")
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "aws").write_text(AWS, encoding="utf-8")
        (self.bin / "aws").chmod(0o755)

    def run(self, script: str, *arguments: str, answers: Answers) -> subprocess.CompletedProcess[str]:
        (self.bin / "answers").write_text(json.dumps(answers), encoding="utf-8")
        (self.bin / "calls").write_text("", encoding="utf-8")
        path = f"{self.bin}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHON": sys.executable}
        command = ["sh", str(self.out / script), *arguments]
        return subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)

    @property
    def calls(self) -> list[str]:
        lines = (self.bin / "calls").read_text(encoding="utf-8").splitlines()
        return [" ".join(json.loads(line)) for line in lines]

    def place_of(self, words: str) -> int:
        (found,) = [number for number, call in enumerate(self.calls) if words in call]
        return found


def stack(**changed: str) -> Answers:
    outputs = {**OUTPUTS, **changed}
    whole = {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]}]}
    return [
        *((f"describe-stacks OutputKey=='{key}'", value) for key, value in outputs.items()),
        ("describe-stack-resource StackResourceDetail", "E123"),
        ("describe-stacks json", json.dumps(whole)),
    ]


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], Shell]:
    return lambda pattern: Shell(tmp_path, pattern)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_deployment_goes_through_with_every_package(shell: Callable[[str], Shell], pattern: str) -> None:
    deployed = shell(pattern)
    said = deployed.run("deploy.sh", "chat", "me@example.com", "Own=value", answers=stack())
    assert said.returncode == 0, said.stderr
    call = deployed.calls[deployed.place_of("--stack-name chat --template-file template.yaml")]
    assert "ArtifactBucket=packages AlarmEmail=me@example.com Own=value" in call
    assert "AgentKey=agent-0a1b.zip" in call
    # The stack makes roles, without names of their own: CloudFormation refuses it without that word.
    assert "--capabilities CAPABILITY_IAM --" in call
    assert ("FunctionKey=functions-0a1b.zip" in call) is (pattern in ("two-doors", "conversations"))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_the_script_asks_of_the_stack_is_in_the_template(shell: Callable[[str], Shell], pattern: str) -> None:
    deployed = shell(pattern)
    assert deployed.run("deploy.sh", "chat", "me@example.com", answers=stack()).returncode == 0
    template = yaml.safe_load((deployed.out / "template.yaml").read_text(encoding="utf-8"))
    asked = [call.split("OutputKey=='")[1].split("'")[0] for call in deployed.calls if "OutputKey==" in call]
    assert set(asked) - {"Bucket"} <= template["Outputs"].keys()
    assert ("Page" in template["Resources"]) is (pattern == "conversations")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_stage_serves_changed_parameters_once_the_stack_is_there(
    shell: Callable[[str], Shell], pattern: str
) -> None:
    deployed = shell(pattern)
    assert deployed.run("deploy.sh", "chat", "me@example.com", answers=stack()).returncode == 0
    published = "apigateway create-deployment --rest-api-id api123 --stage-name v1"
    if pattern == "direct":
        assert not [call for call in deployed.calls if "apigateway" in call]
    else:
        assert deployed.place_of(published) > deployed.place_of("--template-file template.yaml")


def test_a_new_page_is_shown_and_its_configuration_is_there_all_the_time(shell: Callable[[str], Shell]) -> None:
    deployed = shell("conversations")
    assert deployed.run("deploy.sh", "chat", "me@example.com", answers=stack()).returncode == 0
    config = deployed.place_of("--cache-control no-store --content-type application/json")
    sent = deployed.place_of("s3 cp --only-show-errors --recursive --cache-control no-cache page s3://pages")
    cleared = deployed.place_of("s3 sync")
    emptied = deployed.place_of("cloudfront create-invalidation --distribution-id E123 --paths /*")
    assert config < sent < cleared < emptied
    assert "--delete --size-only --cache-control no-cache --exclude page-config.json" in deployed.calls[cleared]
    filled = json.loads((deployed.out / "build" / "page-config.json").read_text(encoding="utf-8"))
    assert filled["api"] == "https://api"


@pytest.mark.parametrize("empty", ["", "None"])
@pytest.mark.parametrize("name", ["Bucket", "ApiId", "PageBucketName"])
def test_an_output_that_is_not_there_stops_it_with_a_sentence(
    shell: Callable[[str], Shell], name: str, empty: str
) -> None:
    deployed = shell("conversations")
    said = deployed.run("deploy.sh", "chat", "me@example.com", answers=stack(**{name: empty}))
    assert said.returncode == 1
    assert f"does not say its {name}" in said.stderr
    assert not [call for call in deployed.calls if "s3 sync" in call or "s3://None" in call or "s3:// " in call]


def test_a_page_whose_configuration_cannot_be_filled_is_not_sent(shell: Callable[[str], Shell]) -> None:
    deployed = shell("conversations")
    answers = stack()
    answers[-1] = ("describe-stacks json", json.dumps({"Stacks": [{"Outputs": []}]}))
    said = deployed.run("deploy.sh", "chat", "me@example.com", answers=answers)
    assert said.returncode == 1
    assert "does not say its ApiUrl, ClientId, Issuer, SignIn" in said.stderr
    assert not [call for call in deployed.calls if "s3://pages" in call]


@pytest.mark.parametrize("name", ["my-aws-chat", "amazon", "cognito-1", "Chat", "1chat", "chat_1", "chat.x", "c" * 51])
def test_a_name_that_cognito_would_refuse_is_refused_first(shell: Callable[[str], Shell], name: str) -> None:
    deployed = shell("direct")
    said = deployed.run("deploy.sh", name, "me@example.com", answers=stack())
    assert (said.returncode, deployed.calls) == (1, [])
    assert "A stack's name" in said.stderr


def test_without_packages_it_says_what_to_run(shell: Callable[[str], Shell]) -> None:
    deployed = shell("conversations")
    (deployed.out / "build" / "functions-0a1b.zip").unlink()
    said = deployed.run("deploy.sh", "chat", "me@example.com", answers=stack())
    assert (said.returncode, deployed.calls) == (1, [])
    assert "There is no package of functions: run sh build.sh first." in said.stderr


VERSIONS = json.dumps({"Objects": [{"Key": "index.html", "VersionId": "1"}], "Quiet": True})
NONE = json.dumps({"Objects": [], "Quiet": True})


def resources(**more: str | list[str] | None) -> Answers:
    held = {"UserPool": "pool", "Table": "table", "AgentMemory": "arn:memory/m", "PageBucket": "pages"}
    return [
        *((words.replace("_", "-"), answer) for words, answer in more.items()),
        *((f"describe-stack-resources LogicalResourceId=='{name}'", found) for name, found in held.items()),
        ("describe-stack-resources LogicalResourceId=='Artifacts'", "packages"),
        ("list-object-versions --bucket pages", [VERSIONS, VERSIONS, NONE]),
        ("list-object-versions --bucket packages", [VERSIONS, NONE]),
    ]


def test_a_take_down_empties_both_buckets_before_their_stacks_go(shell: Callable[[str], Shell]) -> None:
    deployed = shell("conversations")
    said = deployed.run("remove.sh", "chat", answers=resources())
    assert said.returncode == 0, said.stderr
    assert [line for line in said.stdout.splitlines() if line.startswith("Stays")] == [
        "Stays: UserPool pool",
        "Stays: Table table",
        "Stays: AgentMemory arn:memory/m",
    ]
    deleted = [call for call in deployed.calls if "delete" in call and "wait" not in call]
    deleting = f"--delete {VERSIONS} --output text --query Errors[0].Message"
    assert deleted == [
        *[f"s3api delete-objects --bucket pages {deleting}"] * 2,
        "cloudformation delete-stack --stack-name chat",
        f"s3api delete-objects --bucket packages {deleting}",
        "cloudformation delete-stack --stack-name chat-artifacts",
    ]


def test_a_bucket_that_cannot_be_emptied_stops_the_take_down(shell: Callable[[str], Shell]) -> None:
    deployed = shell("direct")
    said = deployed.run("remove.sh", "chat", answers=resources(delete_objects="Access Denied"))
    assert (said.returncode, "cannot be emptied: Access Denied" in said.stderr) == (1, True)
    assert not [call for call in deployed.calls if "delete-stack" in call]


def test_a_take_down_of_nothing_is_no_success(shell: Callable[[str], Shell]) -> None:
    said = shell("direct").run("remove.sh", "chat", answers=resources(describe_stacks=None))
    assert (said.returncode, "there is no stack chat" in said.stderr) == (1, True)


def test_what_the_take_down_names_is_all_that_the_templates_keep(
    shell: Callable[[str], Shell], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_CHAT_MEMORY", "texts-0123456789")
    deployed = shell("conversations")
    found = yaml.safe_load((deployed.out / "template.yaml").read_text(encoding="utf-8"))["Resources"]
    kept = {name for name, item in found.items() if item.get("DeletionPolicy") == "Retain"}
    assert kept == {"UserPool", "Table", "AgentMemory", "MessageMemory"}
    assert all(found[name]["UpdateReplacePolicy"] == "Retain" for name in kept)
    assert deployed.run("remove.sh", "chat", answers=resources()).returncode == 0
    asked = {call.split("'")[1] for call in deployed.calls if "LogicalResourceId" in call}
    assert asked == {*kept, "PageBucket", "Artifacts"}
    buckets = [name for name, item in found.items() if item["Type"] == "AWS::S3::Bucket"]
    artifacts = yaml.safe_load((deployed.out / "artifacts.yaml").read_text(encoding="utf-8"))["Resources"]
    buckets += [name for name, item in artifacts.items() if item["Type"] == "AWS::S3::Bucket"]
    assert buckets == ["PageBucket", "Artifacts"]


PYTHON = """#!/bin/sh
echo "${0##*/} $*" >>"${0%/*}/calls"
case "$*" in *--version) exit "$(cat "$0.pip")" ;; esac
"""


def built_with(deployed: Shell, *, pip_of_the_right_one: int, chosen: str = "") -> set[str]:
    """Which of the Pythons installs and packs."""
    for name, pip in (("python3.13", pip_of_the_right_one), ("python3", 0), ("python-of-mine", 0)):
        (deployed.bin / name).write_text(PYTHON, encoding="utf-8")
        (deployed.bin / name).chmod(0o755)
        (deployed.bin / f"{name}.pip").write_text(str(pip), encoding="utf-8")
    environment = {**os.environ, "PATH": f"{deployed.bin}:{os.environ['PATH']}", "PYTHON": chosen}
    subprocess.run(["sh", str(deployed.out / "build.sh")], check=True, env=environment, timeout=60)
    calls = (deployed.bin / "calls").read_text(encoding="utf-8").splitlines()
    work = [call.split() for call in calls if not call.endswith("--version")]
    assert [call[1:4] for call in work if call[1] == "-m"] == [["-m", "pip", "install"]] * 2
    assert [call[1:] for call in work if call[1] != "-m"] == [
        ["pack.py", f"build/{part}", "3.13"] for part in ("functions", "agent")
    ]
    return {call[0] for call in work}


def test_packages_are_built_with_the_python_that_runs_them_where_it_has_pip(shell: Callable[[str], Shell]) -> None:
    assert built_with(shell("two-doors"), pip_of_the_right_one=0) == {"python3.13"}


def test_without_it_or_its_pip_they_are_built_with_the_usual_one(shell: Callable[[str], Shell]) -> None:
    assert built_with(shell("two-doors"), pip_of_the_right_one=1) == {"python3"}


def test_who_names_a_python_gets_it(shell: Callable[[str], Shell]) -> None:
    assert built_with(shell("two-doors"), pip_of_the_right_one=0, chosen="python-of-mine") == {"python-of-mine"}


def test_an_image_is_built_also_with_a_file_that_is_no_python_of_its_version(
    shell: Callable[[str], Shell], tmp_path: Path
) -> None:
    deployed = shell("direct")
    lines = (deployed.out / "agent" / "Containerfile").read_text(encoding="utf-8").splitlines()
    (command,) = [line.removeprefix("RUN ") for line in lines if "compileall" in line]
    (deployed.bin / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (deployed.bin / "python").chmod(0o755)
    app = tmp_path / "app"
    app.mkdir()
    (app / "a_template.py").write_text("import {{ module }}\n", encoding="utf-8")
    (app / "module.py").write_text("VALUE = 1\n", encoding="utf-8")
    environment = {**os.environ, "PATH": f"{deployed.bin}:{os.environ['PATH']}"}
    said = subprocess.run(
        ["sh", "-c", command], check=False, capture_output=True, text=True, cwd=app, env=environment, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert "a_template.py" in said.stdout
    assert [path.name.partition(".")[0] for path in app.glob("__pycache__/*")] == ["module"]
