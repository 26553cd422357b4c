"""What the runtime and its worker say to each other before and around HTTP: names of headers, configuration, report.

Both sides import this module, so it imports nothing but msgspec.
"""

from typing import Final

from msgspec import Struct

SESSION_HEADER: Final = "x-amzn-bedrock-agentcore-runtime-session-id"
REQUEST_HEADER: Final = "x-amzn-bedrock-agentcore-runtime-request-id"
TURN_TOKEN_HEADER: Final = "x-amzn-bedrock-agentcore-runtime-custom-turn-token"  # noqa: S105  # a header's name
WORKER_HOST: Final = "worker"
OWN_HEADERS: Final = "x-doorward-"
WORKER_HEADER: Final = "x-doorward-worker"
INVOCATION_HEADER: Final = "x-doorward-invocation"
USER_HEADER: Final = "x-doorward-user"
TURN_HEADER: Final = "x-doorward-turn"

INVOCATIONS: Final = "/invocations"
TITLES: Final = "/titles/invocations"
PING: Final = "/ping"
STATE: Final = "/state"
MODEL: Final = "/model"

TITLES_AGENT: Final = "doorward-titles"
MAX_STATE_BYTES: Final = 16 * 1024 * 1024
SAFE_FAILURE: Final = "The agent failed."


class ModelLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker holds a model to: attempts of a call, seconds in which it must have begun to answer (all attempts
    together), seconds between two pieces of output, characters of one answer."""

    attempts: int = 3
    deadline: float = 120.0
    stall_timeout: float = 60.0
    max_characters: int = 400_000


class WorkerLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker holds a run to. Times in seconds; steps are those of a graph."""

    model: ModelLimits = ModelLimits()
    turn_steps: int = 100
    tool_timeout: float = 120.0
    tool_max_characters: int = 100_000


class ModelPermit(Struct, frozen=True, kw_only=True):
    """The breaker's answer to ``GET /model``. `watched`: also a success is to be reported."""

    go: bool
    watched: bool = False


class ModelReport(Struct, frozen=True):
    """What ``PUT /model`` says of a call: the code of its trouble, empty when the model answered."""

    code: str


class Confinement(Struct, frozen=True, kw_only=True):
    """What a session may touch, besides the system's own files and its scratch folder.

    `readable` and `writable` are paths, `hidden` those that stay closed inside the readable ones. `memory`, `disk` in
    bytes (`memory` of address space, `disk` of one file), `cpu` in seconds, `files` open at once, `processes` of one
    session.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    hidden: tuple[str, ...]
    network: bool
    memory: int
    cpu: int
    files: int
    disk: int
    processes: int


class ForkOrder(Struct, frozen=True, kw_only=True):
    """What a warm process is asked for: a session's process. `number` comes back with the answer. With it come three
    descriptors: the socket that it serves, and where its standard output and error go."""

    number: int
    secret: str
    scratch: str
    confinement: Confinement


class ForkReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its answer, with a descriptor of the new process (pidfd); `problem` and none when it could not be made."""

    number: int = 0
    pid: int = 0
    problem: str = ""


MAX_ORDER: Final = 65_536


class WorkerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The one JSON line that a worker reads from its standard input. `report` is the file descriptor it answers on.

    With `control`, the descriptor of a socket, it serves nothing itself but forks a process for each `ForkOrder`.
    """

    secret: str
    socket: str
    state_socket: str
    report: int
    parent: int
    file: str
    attribute: str
    model: str
    model_url: str
    model_key: bool
    limits: WorkerLimits = WorkerLimits()
    control: int = -1


class WorkerReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one JSON line that a worker answers: ready, or the reason why the agent's file cannot be hosted. `threads`:
    how many the file started while it was loaded."""

    ready: bool = False
    threads: int = 0
    kind: str = ""
    file: str = ""
    line: int = 0
    message: str = ""
