"""The templates as texts: what a linter and a reader can tell without creating anything."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cfnlint  # type: ignore[import-untyped]  # has no types
import pytest

from tests.deploy.templates import FOLDER, ORDER, load

SCHEMAS = Path(cfnlint.__file__).parent / "data" / "schemas"
"""What CloudFormation says of its types, as cfn-lint brings it along."""


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *map(str, FOLDER.glob("*.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_every_template_has_its_place_in_the_order() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(ORDER)


def _can_be_tagged(kind: str) -> bool:
    """Tell whether AWS has tags for a type (subscriptions and scaling policies have none)."""
    types = json.loads((SCHEMAS / "providers" / "sa-east-1.json").read_text(encoding="utf-8"))
    text = (SCHEMAS / "resources" / f"{types[kind]}.json").read_text(encoding="utf-8")
    return bool(json.loads(text)["tagging"]["taggable"])


def test_what_can_be_tagged_is_told_from_what_cannot() -> None:
    assert _can_be_tagged("AWS::ElasticLoadBalancingV2::Listener")
    assert _can_be_tagged("AWS::ApplicationAutoScaling::ScalableTarget")
    assert not _can_be_tagged("AWS::SNS::Subscription")


@pytest.mark.parametrize("name", ORDER)
def test_every_resource_that_can_be_is_tagged(name: str) -> None:
    for logical_id, resource in load(name)["Resources"].items():
        if _can_be_tagged(resource["Type"]):
            keys = {tag["Key"] for tag in resource["Properties"]["Tags"]}
            assert keys == {"Environment", "Service", "Project"}, logical_id


@pytest.mark.parametrize("name", ORDER)
def test_templates_stay_small(name: str) -> None:
    assert len((FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("name", ORDER)
def test_cloudformation_refuses_yaml_aliases(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")

    assert re.findall(r"[:\-]\s+[&*]\w", text) == []


def test_what_holds_data_outlives_its_stack() -> None:
    for logical_id, resource in load("cluster")["Resources"].items():
        if resource["Type"] in {
            "AWS::Logs::LogGroup",
            "AWS::ECR::Repository",
            "AWS::SecretsManager::Secret",
        }:
            assert resource["DeletionPolicy"] == "Retain", logical_id
