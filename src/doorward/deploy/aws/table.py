"""The one DynamoDB table of a house: conversations, messages, turns, keys of equal sends, budgets, marks.

In `two-doors` only what bounds a user: rates, places and budgets. Its keys and its index are those of
`doorward.stores.dynamodb.layout`.
"""

from doorward.deploy.aws.plan import Plan
from doorward.deploy.aws.template import NOTHING, Fragment, Map, either, excused, ref, resource


def table(plan: Plan) -> Fragment:
    """Paid by request, so that an idle house costs nothing; it can be put back to any second of 35 days."""
    del plan
    kept = excused(definition(), CKV_AWS_119="Encrypted with a key that AWS owns, or with OwnKeyArn where it is given.")
    return Fragment(resources={"Table": kept}, outputs={"TableName": {"Value": ref("Table")}})


def definition() -> Map:
    """The table itself."""
    return resource(
        "AWS::DynamoDB::Table",
        {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "recent", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "recent",
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"},
                        {"AttributeName": "recent", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": either(
                "HasOwnKey", {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": ref("OwnKeyArn")}, NOTHING
            ),
            "DeletionProtectionEnabled": True,
        },
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
    )
