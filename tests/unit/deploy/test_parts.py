"""What the parts of a template say that no validator asks for, and that a deployment would miss only later."""

import pytest
from tests.unit.deploy.reading import PATTERNS, SIGNED, made, of_kind, statements

from doorward.front_door.page import PageConfig, content_security_policy
from doorward.stores.dynamodb.layout import TIME_TO_LIVE


@pytest.mark.parametrize("pattern", SIGNED)
def test_dynamodb_removes_items_by_the_attribute_that_the_engine_writes(pattern: str) -> None:
    (table,) = of_kind(made(pattern), "AWS::DynamoDB::Table").values()
    assert table["TimeToLiveSpecification"] == {"AttributeName": TIME_TO_LIVE, "Enabled": True}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_role_has_the_rights_in_the_table_that_the_engine_uses_and_no_other(pattern: str) -> None:
    """No Scan: nobody reads all users' items at once. And none to change the table itself or its streams."""
    used = "GetItem BatchGetItem Query PutItem UpdateItem DeleteItem BatchWriteItem ConditionCheckItem"
    found = made(pattern)
    functions = {each["Role"]["Fn::GetAtt"][0] for each in of_kind(found, "AWS::Lambda::Function").values()}
    for name, role in of_kind(found, "AWS::IAM::Role").items():
        rules = [
            each
            for each in statements(role)
            if each["Effect"] == "Allow" and any(action.startswith(("dynamodb:", "*")) for action in each["Action"])
        ]
        assert len(rules) == (1 if name in functions else 0), name
        for rule in rules:
            assert set(rule["Action"]) == {f"dynamodb:{action}" for action in used.split()}
            assert rule["Resource"] == [{"Fn::GetAtt": ["Table", "Arn"]}, {"Fn::Sub": "${Table.Arn}/index/*"}]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_token_that_was_revoked_or_used_opens_nothing_more(pattern: str) -> None:
    """Cognito revokes a refresh token at the sign-out only where that is on, and takes an old one again where none is
    rotated."""
    (client,) = of_kind(made(pattern), "AWS::Cognito::UserPoolClient").values()
    assert client["EnableTokenRevocation"] is True
    assert client["RefreshTokenRotation"]["Feature"] == "ENABLED"


@pytest.mark.parametrize("pattern", ["front-door", "two-doors", "conversations"])
def test_an_alarm_is_told_when_it_begins_and_ends_and_is_quiet_where_nothing_happens(pattern: str) -> None:
    """A metric of failures has no points while nothing fails: that is neither an alarm nor unknown."""
    alarms = of_kind(made(pattern), "AWS::CloudWatch::Alarm")
    assert len(alarms) >= 2
    for name, alarm in alarms.items():
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}], name


def test_the_page_has_the_policy_and_the_headers_that_the_house_sends_with_it() -> None:
    """AP-TOL-11. It calls the API and the sign-in, which are elsewhere there, and nobody else."""
    (headers,) = of_kind(made("conversations"), "AWS::CloudFront::ResponseHeadersPolicy").values()
    sent = headers["ResponseHeadersPolicyConfig"]
    secure = sent["SecurityHeadersConfig"]
    assert all(each["Override"] is True for each in [*secure.values(), *sent["CustomHeadersConfig"]["Items"]])
    house = PageConfig(pattern="conversations", model="rehearsal", rehearsal=True, max_message_characters=1)
    given = directives(secure["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"])
    calls = given.pop("connect-src").split()
    own = directives(content_security_policy(house))
    assert (own.pop("connect-src"), own) == ("'self'", given)
    assert [each.partition(".")[0] for each in calls] == ["'self'", "https://${Api}", "https://${UserPoolDomain}"]
    assert "ContentTypeOptions" in secure
    assert secure["ReferrerPolicy"]["ReferrerPolicy"] == "same-origin"
    assert secure["FrameOptions"]["FrameOption"] == "DENY"
    transport = secure["StrictTransportSecurity"]
    assert transport["AccessControlMaxAgeSec"] >= 31536000
    assert transport["IncludeSubdomains"] is True


def directives(policy: str) -> dict[str, str]:
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))
