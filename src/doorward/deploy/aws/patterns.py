"""Which parts each pattern has: one literal list each. A pattern is what stands in its list, and nothing beside it."""

from doorward.deploy.aws.agent import agent
from doorward.deploy.aws.api import api
from doorward.deploy.aws.edge import edge
from doorward.deploy.aws.functions import callers, functions, stoppers
from doorward.deploy.aws.identity import identity
from doorward.deploy.aws.keys import alarms_key, own_key
from doorward.deploy.aws.page import page
from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.table import table
from doorward.deploy.aws.template import Fragment, Map, given, joined, ref, sub
from doorward.deploy.aws.texts import texts
from doorward.deploy.aws.watching import budget, watching
from doorward.deploy.document import Node

_DESCRIPTIONS = {
    "direct": "Doorward, pattern direct: the browser calls the agent itself. An anti-pattern, kept to be seen.",
    "front-door": "Doorward, pattern front-door: the user's token opens both doors. A gap, kept to be seen.",
    "two-doors": "Doorward, pattern two-doors: a chat function between, with a key of its own.",
    "conversations": "Doorward, pattern conversations: chat, history, page; the default.",
}


def template(plan: Plan) -> Map:
    """The whole template of a pattern."""
    elsewhere = ref("PageOrigin")
    fragments = {
        "direct": lambda: [_origin(), identity(plan, elsewhere), agent(plan, ()), budget(plan)],
        "front-door": lambda: [
            _origin(),
            identity(plan, elsewhere),
            agent(plan, ()),
            api(plan, elsewhere),
            edge(plan),
            *_watched(plan),
        ],
        "two-doors": lambda: [
            _origin(),
            identity(plan, elsewhere),
            agent(plan, callers(plan)),
            functions(plan, elsewhere),
            table(plan),
            api(plan, elsewhere),
            edge(plan),
            *_watched(plan),
        ],
        "conversations": lambda: _conversations(plan),
    }
    return joined(_DESCRIPTIONS[plan.pattern], fragments[plan.pattern]())


def _conversations(plan: Plan) -> list[Fragment]:
    own = sub("https://${Domain}", Domain={"Fn::If": ["HasCertificate", ref("PageDomain"), _page_domain()]})
    return [
        _domain(),
        identity(plan, own),
        agent(plan, callers(plan), stoppers(plan)),
        functions(plan, own),
        table(plan),
        texts(plan),
        api(plan, own),
        edge(plan),
        page(own),
        *_watched(plan),
    ]


def _watched(plan: Plan) -> list[Fragment]:
    return [own_key(), alarms_key(), watching(plan), budget(plan)]


def _page_domain() -> Map:
    return {"Fn::GetAtt": ["Page", "DomainName"]}


def _origin() -> Fragment:
    return Fragment(
        parameters={
            "PageOrigin": {
                "Type": "String",
                "AllowedPattern": r"https://[a-z0-9.-]+(:[0-9]+)?|http://localhost:[0-9]+",
                "Description": "Origin of the page that signs users in and calls (https://chat.example.com).",
            }
        }
    )


def _both_or_neither(one: str, other: str) -> Map:
    empty: list[Node] = [{"Fn::Equals": [ref(name), ""]} for name in (one, other)]
    given_both: list[Node] = [given(name) for name in (one, other)]
    return {
        "Assert": {"Fn::Or": [{"Fn::And": empty}, {"Fn::And": given_both}]},
        "AssertDescription": f"Give {one} and {other} both, or neither.",
    }


def _domain() -> Fragment:
    return Fragment(
        parameters={
            "PageDomain": {"Type": "String", "Default": "", "Description": "Domain of the page; empty: CloudFront's."},
            "PageCertificateArn": {
                "Type": "String",
                "Default": "",
                "Description": "ARN of that domain's certificate, in us-east-1.",
            },
        },
        conditions={"HasCertificate": given("PageCertificateArn")},
        rules={"DomainWithCertificate": {"Assertions": [_both_or_neither("PageDomain", "PageCertificateArn")]}},
    )
