"""What the parts of a template say that no validator asks for, and that a deployment would miss only later."""

from tests.unit.deploy.reading import made, of_kind

from doorward.front_door.page import PageConfig, content_security_policy


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
