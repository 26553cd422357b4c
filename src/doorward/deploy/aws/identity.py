"""Who signs users in: a Cognito user pool without self sign-up, with a public client for code and PKCE."""

from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import Fragment, Map, ref, resource, sub

SCOPE = "doorward/chat"


def identity(plan: Plan, origin: Map) -> Fragment:
    """The pool, its domain, and the client of the page at `origin` (without a slash at its end)."""
    del plan
    return Fragment(
        resources={
            "UserPool": _pool(),
            "UserPoolDomain": resource(
                "AWS::Cognito::UserPoolDomain",
                {"UserPoolId": ref("UserPool"), "Domain": sub("${AWS::StackName}-${AWS::AccountId}")},
            ),
            "Scopes": resource(
                "AWS::Cognito::UserPoolResourceServer",
                {
                    "UserPoolId": ref("UserPool"),
                    "Identifier": "doorward",
                    "Name": "Doorward",
                    "Scopes": [{"ScopeName": "chat", "ScopeDescription": "Talk to the agent"}],
                },
            ),
            "PageClient": _client(origin),
        },
        outputs={
            "Issuer": {"Value": sub("https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}")},
            "UserPoolId": {"Value": ref("UserPool")},
            "ClientId": {"Value": ref("PageClient")},
            "SignIn": {"Value": sub("https://${UserPoolDomain}.auth.${AWS::Region}.amazoncognito.com")},
        },
    )


def _pool() -> Map:
    return resource(
        "AWS::Cognito::UserPool",
        {
            # INVARIANT: nobody makes an account for themselves; Cognito's own default is that anybody may.
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
            "MfaConfiguration": "OPTIONAL",
            "EnabledMfas": ["SOFTWARE_TOKEN_MFA"],
            "UserPoolTier": "ESSENTIALS",
            "DeletionProtection": "ACTIVE",
            "UsernameConfiguration": {"CaseSensitive": False},
            "AutoVerifiedAttributes": ["email"],
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
            "Policies": {
                "PasswordPolicy": {
                    "MinimumLength": 14,
                    "RequireLowercase": True,
                    "RequireUppercase": True,
                    "RequireNumbers": True,
                    "RequireSymbols": True,
                    "TemporaryPasswordValidityDays": 3,
                }
            },
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )


def _client(origin: Map) -> Map:
    return resource(
        "AWS::Cognito::UserPoolClient",
        {
            "UserPoolId": ref("UserPool"),
            "ClientName": "page",
            "GenerateSecret": False,
            "AllowedOAuthFlowsUserPoolClient": True,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid", "email", "profile", SCOPE],
            "SupportedIdentityProviders": ["COGNITO"],
            "CallbackURLs": [sub("${Origin}/", Origin=origin)],
            "LogoutURLs": [sub("${Origin}/", Origin=origin)],
            # No password goes through our code: without ALLOW_USER_PASSWORD_AUTH only the sign-in page sees one.
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
            "PreventUserExistenceErrors": "ENABLED",
            "EnableTokenRevocation": True,
            "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
            "AccessTokenValidity": 60,
            "IdTokenValidity": 60,
            "RefreshTokenValidity": 12,
            "TokenValidityUnits": {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"},
        },
        DependsOn=["Scopes"],
    )
