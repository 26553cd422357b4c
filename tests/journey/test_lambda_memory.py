"""A `conversations` house as on AWS: functions, the agent's own container behind a stand-in for AgentCore Runtime,
which erases nothing, and its checkpoints in a memory, a service apart. Who erases there is the sweep, which runs
here in the process of the turns function."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.contract.dynamo import moto_server
from tests.journey.agentcore import AgentCore
from tests.journey.lambda_house import Cloud, processes
from tests.journey.test_agent_container import running
from tests.journey.test_lambda import AWS, answered, new_pool, table_of
from tests.unit.agent_door.memory_house import MEMORY, MemoryHouse, memory_house

# Its one node is a graph with a state of its own beside that of the whole.
AGENT = """
from langchain_core.messages import AIMessage
from langgraph.graph import START, MessagesState, StateGraph


def count(state):
    return {"messages": [AIMessage(f"You have told me {sum(one.type == 'human' for one in state['messages'])}.")]}


inner = StateGraph(MessagesState).add_node("count", count).add_edge(START, "count").compile(checkpointer=True)
agent = StateGraph(MessagesState).add_node("inner", inner).add_edge(START, "inner").compile()
"""


@dataclass
class There:
    """The cloud with the house in it; `tokens` are access tokens by user."""

    cloud: Cloud
    agent: AgentCore
    memory: MemoryHouse
    tokens: dict[str, str]

    def client(self, user: str) -> httpx2.Client:
        headers = {"authorization": f"Bearer {self.tokens[user]}"}
        return httpx2.Client(base_url=self.cloud.url, headers=headers, timeout=60, trust_env=False)

    def kept(self) -> dict[tuple[str, str], int]:
        """How many events the memory has, by actor and session."""
        client: Any = self.memory.client()
        found = {}
        for actor in client.list_actors(memoryId=MEMORY)["actorSummaries"]:
            where = {"memoryId": MEMORY, "actorId": actor["actorId"]}
            for session in client.list_sessions(**where, filter={"eventFilter": "HAS_EVENTS"})["sessionSummaries"]:
                events = client.list_events(**where, sessionId=session["sessionId"], maxResults=100)["events"]
                found[actor["actorId"], session["sessionId"]] = len(events)
        client.close()
        return found

    def sweep(self) -> Any:
        swept = self.cloud.invoke("turns", {"sweep": True})
        assert swept.error is None
        return json.loads(swept.event)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("lambda")
    file = folder / "agent.py"
    file.write_text(AGENT, encoding="utf-8")
    with (
        moto_server() as url,
        memory_house(folder / "memory") as memory,
        running(folder, "--agent", str(file), environment=of_aws(memory)) as container,
    ):
        pool = new_pool(url)
        keys = httpx2.get(f"{url}/{pool['id']}/.well-known/jwks.json", trust_env=False, timeout=30).json()
        cloud, agent = Cloud(issuer=f"{AWS}/{pool['id']}", keys=keys), AgentCore(str(container.base_url))
        cloud.start()
        try:
            environment = {
                **of_aws(memory),
                "AWS_ENDPOINT_URL_DYNAMODB": url,
                "DOORWARD_AGENT_URL": cloud.serve("agentcore", agent.app()),
                "DOORWARD_DATA": str(folder / "data"),
                "DOORWARD_FUNCTIONS_TABLE": table_of(url, "house-with-memory"),
                "DOORWARD_PATTERN": "conversations",
                "DOORWARD_SIGN_IN_CLIENT_ID": pool["page"],
                "DOORWARD_SIGN_IN_ISSUER": f"{AWS}/{pool['id']}",
                "DOORWARD_SIGN_IN_TOKEN_STYLE": "cognito",
            }
            with processes(cloud, {"chat": 2, "turns": 1, "conversations": 1}, environment, folder):
                yield There(cloud, agent, memory, pool["tokens"])
        finally:
            cloud.stop()


def of_aws(memory: MemoryHouse) -> dict[str, str]:
    """What the template tells the agent and the turns function, and where AgentCore Memory is."""
    return {**memory.environment(), "DOORWARD_AGENT_MEMORY": MEMORY}


def test_what_a_user_deletes_is_gone_from_the_agents_memory_after_the_next_sweep(there: There) -> None:
    with there.client("ada") as ada, there.client("bob") as bob:
        first = answered(ada, "hello")
        of_first = sorted(there.kept())
        assert len(of_first) == 2
        again = {"message": "hello again", "session_id": first["session_id"]}
        assert ada.post("/api/chat", json=again).json()["response"] == "You have told me 2."
        for client in (ada, bob):
            answered(client, "hello")
        before = there.kept()
        assert sorted(before.values()) == [1, 1, 1, 1, 2, 2], (
            "one for each turn of a graph: what the page of costs says"
        )
        assert ada.delete(f"/api/conversations/{first['session_id']}").status_code == 204
        assert there.kept() == before

        assert there.sweep() == {"closed": 0, "forgotten": 1}

        assert there.agent.stopped == [of_first[0][1]]
        assert there.kept() == {place: events for place, events in before.items() if place not in of_first}
        assert ada.post("/api/chat", json=again).json()["response"] == "You have told me 1."
