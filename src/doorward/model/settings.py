"""Every setting with its default, unit, bounds and meaning, as plain data. `compose.settings` is the only reader of the
file and the environment; `docs/reference/configuration.md` is held against this module by a test."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from doorward.model.chat import OnBusy
from doorward.model.secret import Secret

Pattern = Literal["direct", "front-door", "two-doors", "conversations"]
Bytes = Annotated[int, Meta(ge=1, le=1 << 40)]
Seconds = Annotated[float, Meta(gt=0, le=86400 * 400)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Tokens = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
Port = Annotated[int, Meta(ge=0, le=65535)]


def note(text: str) -> Meta:
    """The sentence that the reference shows for a setting."""
    return Meta(description=text)


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: frozen, closed."""


class GatewaySettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gateway process: where it listens and how it is reached."""

    host: Annotated[str, note("Address the front door listens on.")] = "127.0.0.1"
    port: Annotated[Port, note("Port of the front door; 0 takes a free one.")] = 8000
    public_url: Annotated[str, note("URL that users see; empty: http://HOST:PORT.")] = ""
    operator_host: Annotated[str, note("Address of the operator port (metrics); keep it off the users' network.")] = (
        "127.0.0.1"
    )
    operator_port: Annotated[Port, note("Port for /metrics of the gateway; 0 takes a free one.")] = 9464
    shutdown_grace: Annotated[Seconds, note("Seconds that open requests get at shutdown.")] = 5.0
    self_test: Annotated[
        bool, note("Attack the own doors once after a start (`doorward up`); costs one short turn of the agent.")
    ] = True


class FrontDoorSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The front door's limits and lists."""

    allowed_hosts: Annotated[tuple[str, ...], note("Host headers that are answered, without port.")] = (
        "127.0.0.1",
        "localhost",
        "::1",
    )
    allowed_origins: Annotated[tuple[str, ...], note("Origins besides our own that may call (CORS).")] = ()
    allow_credentials: Annotated[bool, note("Whether other origins may send cookies.")] = False
    trusted_proxies: Annotated[
        tuple[str, ...], note("Networks (CIDR) whose X-Forwarded-For is believed; none by default.")
    ] = ()
    cognito_compatible: Annotated[
        bool, note("Also take what an API Gateway Cognito authorizer takes: ID tokens and a bare token without Bearer.")
    ] = False
    filter: Annotated[bool, note("Refuse known bad inputs.")] = True
    header_timeout: Annotated[Seconds, note("Seconds in which a request's headers must arrive.")] = 5.0
    body_timeout: Annotated[Seconds, note("Seconds in which a request's body must arrive.")] = 10.0
    idle_timeout: Annotated[Seconds, note("Seconds a kept-alive connection may stay idle.")] = 75.0
    max_header_bytes: Annotated[Count, note("Bytes of all headers together.")] = 16384
    max_headers: Annotated[Count, note("Number of headers.")] = 64
    max_url_bytes: Annotated[Count, note("Bytes of path and query.")] = 4096
    max_body_bytes: Annotated[Count, note("Bytes of a request body.")] = 262144
    max_message_characters: Annotated[Count, note("Characters of one chat message.")] = 32000
    address_requests: Annotated[Count, note("Requests per address and window, before authentication.")] = 3000
    address_window: Annotated[Seconds, note("Seconds of that window.")] = 60.0
    user_requests: Annotated[Count, note("Requests per user and window.")] = 600
    user_window: Annotated[Seconds, note("Seconds of that window.")] = 60.0
    concurrent_turns: Annotated[Count, note("Turns of one user at once.")] = 4
    waiting_requests: Annotated[
        Count, note("Chat requests of one user at once, also those that wait for the answer of an equal send.")
    ] = 64
    open_streams: Annotated[Count, note("Open event streams of one user.")] = 16


class ClientSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OAuth client of the embedded sign-in."""

    client_id: Annotated[str, Meta(min_length=1), note("Its id.")]
    redirect_uris: Annotated[tuple[str, ...], note("Where codes may be sent; compared exactly.")] = ()
    logout_uris: Annotated[tuple[str, ...], note("Where /logout may send the browser.")] = ()
    require_pkce: Annotated[bool, note("Refuse a code request without PKCE S256.")] = True
    secret: Annotated[Secret | None, note("Its secret; without one it is a public client.")] = None


class SignInSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who signs users in: the embedded sign-in, or any OIDC issuer."""

    issuer: Annotated[str, note("URL of an OIDC issuer; empty: the embedded sign-in.")] = ""
    client_id: Annotated[str, note("Our client id at the issuer, for the browser session.")] = "doorward-web"
    client_secret: Annotated[Secret | None, note("Our client secret at the issuer, if it gave one.")] = None
    audience: Annotated[str, note("The aud that access tokens must carry.")] = "doorward"
    algorithms: Annotated[tuple[str, ...], note("Signature algorithms this issuer may use (RS256, ES256, EdDSA).")] = (
        "RS256",
    )
    token_style: Annotated[
        Literal["rfc9068", "cognito", "oidc"],
        note(
            "rfc9068: typ at+jwt and aud. cognito: token_use access and client_id instead of aud. oidc: aud, any typ "
            "but an ID token's."
        ),
    ] = "rfc9068"
    clients_allowed: Annotated[
        tuple[str, ...], note("Client ids whose tokens are taken; empty: client_id and all [[clients]].")
    ] = ()
    role_claim: Annotated[str, note("The claim that lists a user's roles.")] = "cognito:groups"
    tenant_claim: Annotated[
        str, note("The claim that names a user's tenant, whose budget they share; empty: all are of one tenant.")
    ] = ""
    clock_skew: Annotated[float, Meta(ge=0, le=60), note("Seconds of tolerance for token times.")] = 30.0
    keys_max_age: Annotated[Seconds, note("Seconds after which the issuer's keys are fetched anew.")] = 300.0
    keys_max_stale: Annotated[Seconds, note("Seconds the last known keys serve when the issuer is down.")] = 3600.0
    access_token_ttl: Annotated[Seconds, note("Seconds an access or ID token of the embedded sign-in lives.")] = 3600.0
    refresh_token_ttl: Annotated[Seconds, note("Seconds a refresh token lives.")] = 30 * 86400.0
    session_ttl: Annotated[Seconds, note("Seconds a browser session lives.")] = 12 * 3600.0
    open_sign_up: Annotated[bool, note("Whether anybody may make an account (embedded sign-in).")] = False
    attempts: Annotated[
        Count,
        note("Failed sign-ins of a user from one address before a pause; an address gets 4, a name 10 times that."),
    ] = 5
    attempts_window: Annotated[Seconds, note("Seconds over which failed sign-ins count, and of the pause.")] = 300.0


class WorkloadSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service that may knock at the agent door with a key of its own."""

    name: Annotated[str, Meta(min_length=1), note("Its name in the ledger.")]
    access_key_id: Annotated[str, Meta(min_length=16, max_length=128), note("Its key id.")]
    secret_access_key: Annotated[Secret, note("Its secret key.")]
    may_invoke: Annotated[tuple[str, ...], note("Names of the agents it may run, exactly.")] = ()
    may_act_for_users: Annotated[bool, note("Whether it may name the user that it acts for.")] = False
    may_operate: Annotated[bool, note("Whether it may see and end sessions, and stop and allow agents.")] = False
    may_read_memory: Annotated[tuple[str, ...], note("Ids of the memories whose events it may read, exactly.")] = ()
    may_write_memory: Annotated[
        tuple[str, ...], note("Ids of the memories in which it may make and delete events, exactly.")
    ] = ()


class MemorySettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory that the agent door serves as Bedrock AgentCore Memory does: events of actors and their sessions."""

    id: Annotated[
        str,
        Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,99}-[a-zA-Z0-9]{10}\Z"),
        note("Its id: a name, a hyphen and ten letters or digits, as AgentCore makes them."),
    ]
    expiry_days: Annotated[int, Meta(ge=3, le=3650), note("Days after which an event is gone.")] = 90
    max_event_bytes: Annotated[int, Meta(ge=1024, le=10_485_760), note("Bytes of the body of a CreateEvent.")] = (
        10_485_760
    )
    max_session_events: Annotated[Count, note("Events of one session of an actor.")] = 100_000
    max_session_bytes: Annotated[Bytes, note("Bytes of the payloads of one session.")] = 268_435_456


class AgentSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The agent, its runtime and its door."""

    file: Annotated[str, note("FILE or FILE:NAME of the agent; empty: the built-in example.")] = ""
    name: Annotated[
        str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9_-]{0,47}$"), note("Its name, the last part of its ARN.")
    ] = "hello"
    model: Annotated[str, note("rehearsal, or provider:model as LangChain's init_chat_model takes it.")] = "rehearsal"
    model_url: Annotated[str, note("Base URL of an OpenAI-compatible server for that model.")] = ""
    model_attempts: Annotated[Count, note("Attempts of one call of the model, while it has no output (429, 5xx).")] = 3
    model_deadline: Annotated[
        Seconds, note("Seconds in which the model must have begun to answer, all attempts together.")
    ] = 120.0
    model_stall_timeout: Annotated[Seconds, note("Seconds between two pieces of a model's output.")] = 60.0
    model_max_characters: Annotated[Count, note("Characters of one answer of the model.")] = 400_000
    model_breaker_failures: Annotated[
        Count, note("Failures of the model in a row after which its calls are refused at once for a while.")
    ] = 5
    model_breaker_pause: Annotated[Seconds, note("Seconds of that while; then one call may try.")] = 15.0
    pass_environment: Annotated[
        tuple[str, ...], note("Names of environment variables that the agent's process gets; all others are withheld.")
    ] = ()
    host: Annotated[str, note("Address the agent door listens on.")] = "127.0.0.1"
    port: Annotated[Port, note("Port of the agent door; 0 takes a free one.")] = 8080
    url: Annotated[str, note("URL of the agent door as the services reach it; empty: http://HOST:PORT.")] = ""
    allowed_hosts: Annotated[tuple[str, ...], note("Host headers that the agent door answers, without port.")] = (
        "127.0.0.1",
        "localhost",
        "::1",
    )
    operator_port: Annotated[Port, note("Port for /metrics of the runtime; 0 takes a free one.")] = 9465
    region: Annotated[str, note("Region in the signature and the ARN.")] = "us-east-1"
    account: Annotated[str, Meta(pattern=r"^[0-9]{12}$"), note("Account in the ARN.")] = "000000000000"
    arn: Annotated[str, note("ARN of the agent where AWS gave it one; empty: made of region, account and name.")] = ""
    memory: Annotated[
        str,
        note(
            "Id of the AgentCore Memory for checkpoints, read on AWS by the agent's package and the sweep function, "
            "which erases there what a user deletes; empty: none."
        ),
    ] = ""
    skew: Annotated[float, Meta(gt=0, le=300), note("Seconds a signature is valid before and after its time.")] = 300.0
    turn_timeout: Annotated[Seconds, note("Seconds a turn may take.")] = 900.0
    stall_timeout: Annotated[Seconds, note("Seconds of silence after which an agent that answers is given up.")] = 300.0
    turn_steps: Annotated[Count, note("Steps of a turn: calls of the model and of tools.")] = 100
    turn_tokens: Annotated[Tokens, note("Tokens that a turn may use; 0: no cap.")] = 0
    turn_money: Annotated[Dollars, note("Dollars that a turn may cost, by the price table; 0: no cap.")] = 0.0
    tool_timeout: Annotated[Seconds, note("Seconds that one call of a tool may take, in a hosted graph.")] = 120.0
    tool_max_characters: Annotated[Count, note("Characters of a tool's result in a hosted graph; the rest is cut.")] = (
        100_000
    )
    connect_timeout: Annotated[Seconds, note("Seconds to reach the agent door.")] = 5.0
    memory_requests: Annotated[Count, note("Operations on memories of one workload per minute.")] = 12_000
    max_payload_bytes: Annotated[Count, note("Bytes of an invocation's body.")] = 1_048_576
    max_response_bytes: Annotated[Count, note("Bytes of one answer.")] = 10_485_760
    isolation: Annotated[
        Literal["session", "shared"],
        note("session: a process for each session, confined (Linux); shared: one worker process serves every session."),
    ] = "session"
    network: Annotated[
        Literal["open", "none"],
        note("Whether a session may open connections. none needs isolation = session and refuses to start without."),
    ] = "open"
    sessions: Annotated[Count, note("Sessions that have a process at once; the one that idles longest goes first.")] = (
        64
    )
    session_idle: Annotated[Seconds, note("Seconds after which an idle session's process ends.")] = 900.0
    session_life: Annotated[
        Seconds, note("Seconds after which a session's process is replaced before its next turn.")
    ] = 28800.0
    session_queue: Annotated[Count, note("Sessions of one user that may wait for a process.")] = 32
    session_patience: Annotated[Seconds, note("Seconds that a session waits for a process.")] = 30.0
    session_memory: Annotated[Bytes, note("Bytes of memory of one session, beyond what the loaded agent takes.")] = (
        1_073_741_824
    )
    session_cpu: Annotated[Count, note("Seconds of CPU of each process of a session.")] = 3600
    session_processes: Annotated[Count, note("Processes of one session.")] = 32
    session_files: Annotated[Count, note("Files and connections that each process of a session has open.")] = 256
    session_readable: Annotated[tuple[str, ...], note("Paths that a session may read besides the agent's folder.")] = ()
    session_writable: Annotated[
        tuple[str, ...], note("Paths that a session may write besides its scratch folder.")
    ] = ()
    session_disk: Annotated[Bytes, note("Bytes in a session's scratch folder.")] = 268_435_456


class ChatSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Turns and conversations."""

    heartbeat: Annotated[Seconds, note("Seconds of silence after which a stream sends a comment.")] = 15.0
    adopt_within: Annotated[
        float, Meta(ge=0, le=3600), note("Seconds a turn goes on without its gateway, for the next one to read on.")
    ] = 120.0
    names: Annotated[Literal["model", "first-message"], note("Who names a conversation after its first answer.")] = (
        "model"
    )
    turn_token_ttl: Annotated[Seconds, note("Seconds a turn token lives beyond the turn's own limit.")] = 60.0
    idempotency: Annotated[
        Literal["wait", "refuse"],
        note(
            "An equal send with the same Idempotency-Key while the turn runs: wait for its answer, or refuse with 409."
        ),
    ] = "wait"
    idempotency_ttl: Annotated[Seconds, note("Seconds an Idempotency-Key is kept.")] = 86400.0
    on_busy: Annotated[
        OnBusy,
        note("A message for a conversation that is being answered: refuse it, let it wait, or stop that turn for it."),
    ] = "reject"
    queue_length: Annotated[Count, note("Messages that may wait for one conversation.")] = 8
    memory: Annotated[
        str,
        note(
            "Id of an AgentCore Memory, in agent.region, that keeps the text of messages; empty: the store does. "
            "Endpoint and key come from AWS_... variables."
        ),
    ] = ""
    queue_timeout: Annotated[Seconds, note("Seconds a message waits for its conversation.")] = 60.0


class BudgetSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be spent in a UTC day. 0 means no limit."""

    user_tokens_per_day: Annotated[Tokens, note("Tokens of one user; 0: no limit.")] = 0
    user_money_per_day: Annotated[Dollars, note("Dollars of one user, by the price table; 0: no limit.")] = 0.0
    tenant_tokens_per_day: Annotated[Tokens, note("Tokens of all users of a tenant; 0: no limit.")] = 0
    tenant_money_per_day: Annotated[Dollars, note("Dollars of all users of a tenant; 0: no limit.")] = 0.0
    total_tokens_per_day: Annotated[Tokens, note("Tokens of all users together; 0: no limit.")] = 0
    total_money_per_day: Annotated[Dollars, note("Dollars of all users together, by the price table; 0: no limit.")] = (
        0.0
    )
    workload_tokens_per_day: Annotated[
        Tokens, note("Tokens of each of [[workloads]] on its own behalf; 0: no limit.")
    ] = 0
    workload_money_per_day: Annotated[Dollars, note("Dollars of each of [[workloads]]; 0: no limit.")] = 0.0
    reserve_tokens: Annotated[Count, note("Tokens that are set aside for a turn until it ends.")] = 4000
    reserve_name_tokens: Annotated[Count, note("Tokens that are set aside while a conversation is named.")] = 1500


class FunctionsSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The services as functions of AWS Lambda, as `doorward deploy aws` makes them."""

    turns: Annotated[str, note("Name or ARN of the function that runs turns.")] = ""
    table: Annotated[
        str,
        note("DynamoDB table that the functions share, in agent.region; empty: SQLite in `data`, on one machine only."),
    ] = ""
    api: Annotated[
        str,
        note("API whose events are taken, as ACCOUNT:API/STAGE; empty: any, which production refuses."),
    ] = ""
    url: Annotated[str, note("URL of the Lambda API; empty: AWS's own in agent.region.")] = ""
    answer_within: Annotated[
        float,
        Meta(ge=1, le=840),
        note("Seconds after which a function answers although the turn goes on; keep it under the gateway's limit."),
    ] = 25.0
    poll: Annotated[
        float,
        Meta(ge=0.05, le=10),
        note("Seconds between two looks into the log of a turn that another function runs, and two writes to it."),
    ] = 0.3


class TelemetrySettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be seen from outside."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], note("Least level that is logged.")] = "info"
    log_format: Annotated[Literal["text", "json"], note("How log lines look.")] = "text"
    otlp_endpoint: Annotated[str, note("OTLP/HTTP collector, e.g. http://127.0.0.1:4318; empty: no traces.")] = ""


class ConsoleSettings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The console for those who run the house: the page at /console and the API under /api/operator, both for the role
    operator alone."""

    enabled: Annotated[bool, note("Whether there is a console. Without it, its API does not exist for anybody.")] = True
    sample_period: Annotated[
        float,
        Meta(ge=0.1, le=3600),
        note("Seconds between two samples of the metrics; 360 of them are kept, and 1440 six times as long."),
    ] = 10.0
    runtime_metrics: Annotated[
        str,
        note(
            "URL of the runtime's /metrics as the gateway reaches it; empty: http://OPERATOR_HOST:OPERATOR_PORT/metrics."
        ),
    ] = ""


class Settings(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole configuration."""

    environment: Annotated[
        Literal["development", "production"], note("production refuses twins and other unsafe settings.")
    ] = "development"
    pattern: Annotated[Pattern, note("Which of the four architectures runs.")] = "conversations"
    allow_pattern_in_production: Annotated[
        bool, note("Take the patterns direct and front-door in production after all.")
    ] = False
    allow_twins_in_production: Annotated[
        tuple[Literal["sign-in", "store", "model", "keys", "runtime"], ...],
        note("Twins that production takes after all, each by its name."),
    ] = ()
    data: Annotated[str, note("Folder of the stores and keys.")] = ".doorward"
    gateway: GatewaySettings = field(default_factory=GatewaySettings)
    front_door: FrontDoorSettings = field(default_factory=FrontDoorSettings)
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    clients: Annotated[tuple[ClientSettings, ...], note("OAuth clients of the embedded sign-in.")] = ()
    workloads: Annotated[
        tuple[WorkloadSettings, ...], note("Workloads besides the generated one of the chat service.")
    ] = ()
    memories: Annotated[
        tuple[MemorySettings, ...], note("Memories that the agent door serves to workloads; none by default.")
    ] = ()
    agent: AgentSettings = field(default_factory=AgentSettings)
    chat: ChatSettings = field(default_factory=ChatSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    functions: FunctionsSettings = field(default_factory=FunctionsSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
