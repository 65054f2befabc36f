"""The stacks with exactly the arguments that the guide gives, made one after the other."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.deploy.fake_aws import client, create_stack, parameters
from tests.deploy.templates import ORDER, Resolver, load

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = pytest.mark.parametrize("page", ["operations.md", "operations.pt-BR.md"])

_DEPLOY = re.compile(r"^aws cloudformation deploy (.*)$", re.MULTILINE)
# What a person writes down for this account; everything else is taken as it stands.
THEIRS = {"VPC": "VpcId", "PUBLIC": "PublicSubnets", "CERTIFICATE": "CertificateArn"}
BALANCER = "app/tinyurl/0123456789abcdef"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Make an empty account; return the shell's variables for what is in it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        there = parameters()
        group = client("ec2").create_security_group(
            GroupName="of the balancer", Description="x", VpcId=there["VpcId"]
        )
        yield {
            **{name: there[parameter] for name, parameter in THEIRS.items()},
            "BALANCER": BALANCER,
            "BALANCER_GROUP": group["GroupId"],
        }


def documented(page: str) -> list[tuple[str, dict[str, str]]]:
    """Return each stack that the guide makes, with the parameters that it gives."""
    found = []
    for arguments in _DEPLOY.findall((DOCS / page).read_text(encoding="utf-8")):
        words = shlex.split(arguments)
        name = Path(words[words.index("--template-file") + 1]).stem
        given = words[words.index("--parameter-overrides") + 1 :] if _has(words) else []
        found.append((name, dict(word.split("=", 1) for word in given if "=" in word)))
    return found


def _has(words: list[str]) -> bool:
    return "--parameter-overrides" in words


def make(stacks: list[tuple[str, dict[str, str]]], account: dict[str, str]) -> dict[str, str]:
    """Make stacks in their order; return what they export."""
    exports: dict[str, str] = {}
    for name, given in sorted(stacks, key=lambda stack: ORDER.index(stack[0])):
        filled = {key: _filled(value, account) for key, value in given.items()}
        create_stack(name, filled, exports)
    return exports


def _filled(value: str, account: dict[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda found: account[found[1]], value)


@PAGES
def test_from_nothing(page: str, account: dict[str, str]) -> None:
    stacks = documented(page)[: len(ORDER) - 1]

    exports = make(stacks, account)

    assert [name for name, _ in stacks] == [name for name in ORDER if name != "service"]
    assert client("elbv2").describe_load_balancers()["LoadBalancers"]
    assert exports["tinyurl-BalancerFullName"].startswith("app/shortener/")


@PAGES
def test_beside_the_go_service(page: str, account: dict[str, str]) -> None:
    first, others = documented(page)[: len(ORDER) - 1], documented(page)[len(ORDER) - 1 :]
    assert [name for name, _ in others] == ["balancer"]

    exports = make([*(stack for stack in first if stack[0] != "balancer"), *others], account)

    assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert exports["tinyurl-BalancerFullName"] == BALANCER


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ["A new balancer needs PublicSubnets", "A new balancer needs CertificateArn"]),
        ({"PublicSubnets": "subnet-1,subnet-2"}, ["A new balancer needs CertificateArn"]),
        (
            {"ExistingBalancerFullName": BALANCER},
            ["Its tasks let in ExistingBalancerSecurityGroup"],
        ),
    ],
)
def test_what_is_forgotten_is_said_before_anything_is_made(
    given: dict[str, str], said: list[str]
) -> None:
    resolver = Resolver(load("balancer"), {"VpcId": "vpc-1", **given}, {})

    assert resolver.broken_rules() == said
