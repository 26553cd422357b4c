"""DynamoDB for the suites: moto's server over HTTP, with the table that the templates of `doorward deploy aws` make."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from tests.contract.between import Between
from werkzeug.serving import make_server

from doorward.deploy.aws.table import definition
from doorward.stores.dynamodb.open import DynamoStores

KEYS = ("BillingMode", "AttributeDefinitions", "KeySchema", "LocalSecondaryIndexes")
_numbers = itertools.count(1)


@contextmanager
def moto_server() -> Iterator[str]:
    """moto over HTTP, one request after the other: its transactions copy what another thread would change meanwhile."""
    application, one = DomainDispatcherApplication(create_backend_app), threading.Lock()

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with one:
            return list(application(environ, start_response))

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def moto() -> Iterator[str]:
    """The same, where boto3 and botocore find it by the environment."""
    with moto_server() as url, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield url


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


@dataclass
class Watched:
    """A table, and what goes to and fro: `watched` in conftest."""

    name: str
    stores: DynamoStores
    place: Between

    def kinds(self) -> set[str]:
        """The kinds of items that are there."""
        dynamo = client()
        found = {item["pk"]["S"].partition("#")[0] for item in dynamo.scan(TableName=self.name)["Items"]}
        dynamo.close()
        return found

    def count(self, prefix: str) -> int:
        """How many items have a partition key that begins so."""
        dynamo = client()
        pages = dynamo.get_paginator("scan").paginate(TableName=self.name)
        found = sum(item["pk"]["S"].startswith(prefix) for page in pages for item in page["Items"])
        dynamo.close()
        return found
