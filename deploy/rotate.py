"""Replace the database's login or the key of the tokens, without a moment that somebody notices.

    python deploy/rotate.py database ROLE   who logs in from now on; asks for the password
    python deploy/rotate.py tokens add      a new key: every task accepts it, none signs with it
    python deploy/rotate.py tokens switch   every task signs with it, and accepts the old one
    python deploy/rotate.py tokens drop     a day later: the old one is accepted no longer
    python deploy/rotate.py tokens replace  at once, where a key leaked: everyone logs in anew

Both values of a pair lie in one secret, so that a task has two that belong together whenever it
starts; after each step the tasks are replaced and waited for. See docs/operations.md.
"""

import argparse
import getpass
import json
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import boto3  # type: ignore[import-untyped]  # has no types
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    WaiterError,
)

LOGIN = "tinyurl/postgres-login"
KEYS = "tinyurl/jwt-keys"
NONE = '""'
"""The settings take two quotes for nothing; whether ECS takes an empty value is not written."""
LIFETIME = 24 * 3600
"""Seconds for which a token is valid: `LIFETIME` of app/tokens.py."""
LAST_TASK = 3600
"""Seconds after the change in which the last task that signs with the key before has ended."""
_KEY_BYTES = 48

Client = Callable[[str], Any]
Values = dict[str, Any]


class RotationError(Exception):
    """The step cannot be taken now, or is not done; the text says what to look at."""


def database(values: Values, role: str, password: str) -> Values:
    """Return the login with another role and its password."""
    if not password:
        raise RotationError("no password was given")
    return {**values, "username": role, "password": password}


def add(values: Values, now: float) -> Values:
    """Return the keys with a new one that is accepted and does not sign."""
    if values["accepted"] != NONE:
        raise RotationError("another key is being replaced: `tokens switch` or `tokens drop` first")
    return {**values, "accepted": _new_key(), "added": now}


def switch(values: Values, now: float) -> Values:
    """Return the keys with the other one signing; the one before is still accepted."""
    if "added" not in values:
        raise RotationError("no key was added: `tokens add` first")
    kept = {name: value for name, value in values.items() if name != "added"}
    both = {"signing": values["accepted"], "accepted": values["signing"]}
    return {**kept, **both, "switched": now}


def drop(values: Values, now: float) -> Values:
    """Return the signing key alone, once no token of the other one can be valid any more."""
    if "switched" not in values:
        raise RotationError("no key was replaced: there is none to drop")
    left = values["switched"] + LAST_TASK + LIFETIME - now
    if left > 0:
        raise RotationError(f"tokens of the key before are valid for {left / 3600:.1f} hours more")
    return {"signing": values["signing"], "accepted": NONE}


def replace(values: Values, now: float) -> Values:
    """Return a new key alone: every token of before is refused."""
    del values, now
    return {"signing": _new_key(), "accepted": NONE}


STEPS = {"add": add, "switch": switch, "drop": drop, "replace": replace}


def _new_key() -> str:
    return secrets.token_urlsafe(_KEY_BYTES)


def change(manager: Any, secret: str, step: Callable[[Values], Values]) -> None:
    """Read a secret, change it and write it back."""
    before = json.loads(manager.get_secret_value(SecretId=secret)["SecretString"])
    manager.put_secret_value(SecretId=secret, SecretString=json.dumps(step(before)))
    sys.stdout.write(f"{secret} is changed\n")


class Tasks:
    """The running service, whose tasks read secrets when they start."""

    def __init__(self, ecs: Any, cluster: str, service: str) -> None:
        self._ecs = ecs
        self._names = {"cluster": cluster, "services": [service]}
        self._update = {"cluster": cluster, "service": service}

    def require_started_since(self, moment: float) -> None:
        """Raise RotationError unless every task started after this time (seconds since 1970)."""
        for service in self._active():
            deployments = service["deployments"]
            if len(deployments) > 1 or deployments[0]["createdAt"].timestamp() < moment:
                raise RotationError(f"tasks from before the last step are running: {self._look()}")

    def replace(self) -> None:
        """Replace all tasks and wait until that is done."""
        if not self._active():
            sys.stdout.write("there is no service yet: its first tasks will read it\n")
            return
        self._ecs.update_service(**self._update, forceNewDeployment=True)
        sys.stdout.write("replacing the tasks\n")
        try:
            self._ecs.get_waiter("services_stable").wait(**self._names)
        except WaiterError as error:
            message = f"the tasks were not replaced in ten minutes: {self._look()}"
            raise RotationError(message) from error
        sys.stdout.write("every task has it\n")

    def _active(self) -> list[Any]:
        found = self._ecs.describe_services(**self._names)["services"]
        return [item for item in found if item["status"] == "ACTIVE"]

    def _look(self) -> str:
        cluster, service = self._update["cluster"], self._update["service"]
        return f"aws ecs describe-services --cluster {cluster} --services {service}"


def main(arguments: list[str] | None = None, client: Client = boto3.client) -> int:
    """Take the step that the command line names; return the exit status."""
    options = _parser().parse_args(arguments)
    manager = client("secretsmanager")
    tasks = Tasks(client("ecs"), options.cluster, options.service)
    try:
        if options.what == "database":
            password = _password(options.role)
            change(manager, LOGIN, lambda values: database(values, options.role, password))
        else:
            change(manager, KEYS, lambda values: _tokens(options.step, values, tasks))
        tasks.replace()
    except (RotationError, ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _tokens(name: str, values: Values, tasks: Tasks) -> Values:
    changed = STEPS[name](values, time.time())
    if name in {"switch", "drop"}:
        tasks.require_started_since(values.get("added") or values["switched"])
    return changed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cluster", default="tinyurl-prod")
    parser.add_argument("--service", default="shortener")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("database").add_argument("role", metavar="ROLE")
    what.add_parser("tokens").add_argument("step", choices=STEPS)
    return parser


def _password(role: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {role}: ")
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
