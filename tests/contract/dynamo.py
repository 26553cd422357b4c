"""DynamoDB for the suites: moto's server over HTTP, with the table that the templates of `doorward deploy aws` make."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from doorward.deploy.aws.table import definition

KEYS = ("BillingMode", "AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes")
_numbers = itertools.count(1)


@contextmanager
def moto() -> Iterator[str]:
    """A server, which boto3 and botocore find by the environment."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield url
    server.stop()


def client() -> Any:
    """boto3's own client of it."""
    return boto3.client("dynamodb", region_name="us-east-1")


def new_table(name: str, dynamo: Any) -> None:
    """A table as the template describes it."""
    properties = definition()["Properties"]
    dynamo.create_table(TableName=name, **{key: properties[key] for key in KEYS})


def fresh_table() -> str:
    """One that nobody has used; its name."""
    name = f"house-{next(_numbers)}"
    dynamo = client()
    new_table(name, dynamo)
    dynamo.close()
    return name
