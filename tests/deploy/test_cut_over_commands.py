"""The guide's commands for the balancer, run by bash as pasted and replayed on a fake of AWS."""

import fnmatch
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest
from botocore import xform_name  # type: ignore[import-untyped]  # has no types
from moto import mock_aws

from app.tokens import Tokens
from tests.deploy.fake_aws import client, parameters

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = pytest.mark.parametrize("page", ["operations.md", "operations.pt-BR.md"])
SECRET = "a-secret-of-the-tests-0123456789abcdef"
OUR_TOKEN = f"Bearer {Tokens(SECRET).issue(UUID(int=1))}"
# As the Go service's library writes it: members of the header in the order of the alphabet.
GO_TOKEN = f"Bearer {jwt.encode({'user_id': 'x'}, SECRET, sort_headers=True)}"
# Notes its arguments, and answers with a name that the replay knows the meaning of.
STUB = """#!/bin/bash
number=$(ls "$CALLS" | wc -l)
printf '%s\\0' "$@" > "$CALLS/$(printf %03d "$number")"
case "$1 $2" in
    "elbv2 create-rule") echo "made-$number" ;;
    "elbv2 describe-rules") echo "$API_RULE" ;;
    "cloudformation describe-stacks") echo "$OURS_ARN" ;;
esac
"""
_FENCED = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Balancer:
    """The Go service's balancer: the frontend by default, and a rule for the API."""

    def __init__(self) -> None:
        """Make it, with a target group for each of the three."""
        there = parameters()
        self.elb = client("elbv2")
        self.groups = {
            name: self.elb.create_target_group(
                Name=name, VpcId=there["VpcId"], Protocol="HTTP", Port=80, TargetType="ip"
            )["TargetGroups"][0]["TargetGroupArn"]
            for name in ("frontend", "go", "ours")
        }
        made = self.elb.create_load_balancer(Name="go", Subnets=there["PublicSubnets"].split(","))
        listener = self.elb.create_listener(
            LoadBalancerArn=made["LoadBalancers"][0]["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.groups["frontend"]}],
        )
        self.listener = listener["Listeners"][0]["ListenerArn"]
        condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/api*"]}}
        rule = self.elb.create_rule(
            ListenerArn=self.listener,
            Priority=10,
            Conditions=[condition],
            Actions=[{"Type": "forward", "TargetGroupArn": self.groups["go"]}],
        )
        self.api_rule = rule["Rules"][0]["RuleArn"]
        self._made: dict[str, str] = {}

    def replay(self, number: int, words: list[str]) -> None:
        """Carry out one noted call, as the AWS command line would."""
        operation, options = xform_name(words[1], "_").replace("-", "_"), words[2:]
        if words[0] != "elbv2" or operation.startswith("describe"):
            return
        given: dict[str, Any] = {}
        names = self.elb.meta.service_model.operation_model(
            self.elb.meta.method_to_api_mapping[operation]
        ).input_shape.members
        known = {f"--{xform_name(name, '-')}": name for name in names}
        for option, value in zip(options[::2], options[1::2], strict=True):
            if option in known:  # --query and --output are the command line's own
                given[known[option]] = self._value(value)
        answer = getattr(self.elb, operation)(**given)
        if operation == "create_rule":
            self._made[f"made-{number}"] = answer["Rules"][0]["RuleArn"]

    def _value(self, text: str) -> Any:
        if text.startswith("["):
            return json.loads(text)
        return int(text) if text.isdecimal() else self._made.get(text, text)

    def target(self, path: str, **headers: str) -> dict[str, int]:
        """Return who gets such a request, with the weights."""
        rules = self.elb.describe_rules(ListenerArn=self.listener)["Rules"]
        order = sorted(rules, key=lambda rule: (rule["IsDefault"], int_of(rule["Priority"])))
        for rule in order:
            if all(_matches(condition, path, headers) for condition in rule["Conditions"]):
                (action,) = rule["Actions"]
                weighted = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
                names = {arn: name for name, arn in self.groups.items()}
                found = {names[it["TargetGroupArn"]]: it.get("Weight", 1) for it in weighted}
                return {name: weight for name, weight in found.items() if weight}
        raise AssertionError("the default rule matches everything")


def int_of(priority: str) -> int:
    return 0 if priority == "default" else int(priority)


def _matches(condition: dict[str, Any], path: str, headers: dict[str, str]) -> bool:
    """Tell whether a condition holds; the balancer compares headers without regard to case."""
    if condition["Field"] == "path-pattern":
        values = condition.get("PathPatternConfig", {}).get("Values") or condition["Values"]
        return any(fnmatch.fnmatchcase(path, value) for value in values)
    config = condition["HttpHeaderConfig"]
    name = config["HttpHeaderName"].replace("-", "_").lower()
    value = headers.get(name, "").lower()
    return any(fnmatch.fnmatchcase(value, pattern.lower()) for pattern in config["Values"])


@pytest.fixture
def balancer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Balancer]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield Balancer()


def noted(page: str, balancer: Balancer, folder: Path) -> list[list[str]]:
    """Run the part on the cut-over, up to the way back, in one bash; return its calls of aws."""
    text = (DOCS / page).read_text(encoding="utf-8")
    begin = text.index("migrate --retire-go")
    part = text[begin : text.index("\n### ", text.index("\n### ", begin) + 1)]
    script = "\n".join(_FENCED.findall(part))
    # What is particular to the account, and what is not the balancer's.
    script = re.sub(r"^LISTENER=.*$", f"LISTENER={balancer.listener}", script, flags=re.MULTILINE)
    script = re.sub(r"^GO=.*$", f"GO={balancer.groups['go']}", script, flags=re.MULTILINE)
    script = re.sub(r"^(curl|\.venv/bin/python) .*$", ":", script, flags=re.MULTILINE)
    (folder / "calls").mkdir()
    stub = folder / "aws"
    stub.write_text(STUB)
    stub.chmod(0o755)
    environment = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "CALLS": str(folder / "calls"),
        "API_RULE": balancer.api_rule,
        "OURS_ARN": balancer.groups["ours"],
    }
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace("VpcId=$VPC", "VpcId=x")],
        check=True,
        env=environment,
        timeout=60,
    )
    files = sorted((folder / "calls").iterdir())
    return [file.read_text().split("\0")[:-1] for file in files]


@PAGES
def test_who_gets_what_at_every_step(page: str, balancer: Balancer, tmp_path: Path) -> None:
    went: list[tuple[Any, ...]] = []
    for number, words in enumerate(noted(page, balancer, tmp_path)):
        balancer.replay(number, words)
        assert balancer.target("/") == balancer.target("/aB3xY9") == {"frontend": 1}
        now = (
            balancer.target("/api/"),
            balancer.target("/api/", authorization=OUR_TOKEN),
            balancer.target("/api/user/urls", authorization=GO_TOKEN),
            balancer.target("/api/health", x_trial="shortener"),
        )
        if not went or went[-1] != now:
            went.append(now)

    go, ours = {"go": 1}, {"ours": 1}
    mixed, all_ours, all_go = {"go": 95, "ours": 5}, {"ours": 100}, {"go": 100}
    assert went == [
        (go, go, go, go),
        (go, go, go, ours),  # the trial
        (go, ours, go, ours),  # our tokens; those of the Go service were there already
        (mixed, ours, go, ours),
        (all_ours, ours, go, ours),
        (all_ours, ours, all_ours, ours),  # a day later
        (all_ours, ours, all_ours, all_ours),  # retired: the rules go
        (all_ours, all_ours, all_ours, all_ours),
        (all_go, all_go, all_go, all_go),  # the way back
    ]


def test_the_two_kinds_of_tokens_are_told_apart_whatever_their_case() -> None:
    ours, theirs = OUR_TOKEN.lower(), GO_TOKEN.lower()

    assert ours.startswith("bearer eyjhbgcioijiuzi1niisimtpzci6")
    assert theirs.startswith("bearer eyjhbgcioijiuzi1niisinr5cci6ikpxvcj9.")
