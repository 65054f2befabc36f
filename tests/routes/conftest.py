"""The application in this process, on real servers."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from app import passwords
from app.config import Settings
from app.factory import create_app
from tests.harness.servers import Database, Valkey

Environment = dict[str, str]
MakeClient = Callable[..., FlaskClient]
SECRET = "a-secret-of-the-tests-0123456789abcdef"


@contextmanager
def application(environment: Environment) -> Iterator[Flask]:
    """Make an application and close what it opened; its passwords are hashed at the least cost.

    What a hash has to cost is tests/unit/test_passwords.py's; services of their own have it too.
    """
    with pytest.MonkeyPatch.context() as cheap:
        argon2 = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
        cheap.setattr(passwords, "_ARGON2", argon2)
        cheap.setattr(passwords, "_NOBODY_ARGON2", argon2.hash("nobody"))
        cheap.setattr(passwords, "_NOBODY_BCRYPT", BcryptHasher(rounds=4).hash("nobody"))
        app = create_app(Settings.from_env(environment))
        yield app
        for close in app.extensions["worker_exit"]:
            close()


@pytest.fixture(scope="module")
def environment(module_database: Database, module_valkey: Valkey) -> Environment:
    """Return settings that lead to the servers of this file's tests."""
    return {
        "ENV": "local",
        "JWT_SECRET": SECRET,
        "RATE_LIMIT_ENABLED": "false",
        **module_database.environment,
        **module_valkey.environment(),
    }


@pytest.fixture(scope="module")
def app(environment: Environment) -> Iterator[Flask]:
    """Make the application that the tests of one file share."""
    with application(environment) as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Make a client without cookies or tokens."""
    return app.test_client()


@pytest.fixture
def make_client(environment: Environment) -> Iterator[MakeClient]:
    """Make clients of applications of their own: make_client(RATE_LIMIT="1/minute")."""
    with ExitStack() as stack:

        def make(**changes: str) -> FlaskClient:
            return stack.enter_context(application({**environment, **changes})).test_client()

        yield make


_numbers = itertools.count(1)


@pytest.fixture
def target() -> str:
    """Return a target that no other test of the file uses."""
    return f"https://e.com/{next(_numbers)}"


@pytest.fixture
def email() -> str:
    """Return an address that no other test of the file uses."""
    return f"user-{next(_numbers)}@example.org"


@pytest.fixture
def code(client: FlaskClient, target: str) -> str:
    """Shorten `target` and return the code."""
    answer = client.post("/api/", json={"url": target})
    found: str = answer.get_json()["short_code"]
    return found


@pytest.fixture
def bearer(client: FlaskClient, email: str) -> dict[str, str]:
    """Sign somebody up and return the header that says who they are."""
    answer = client.post("/api/signup", json={"email": email, "password": "secret1"})
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}
