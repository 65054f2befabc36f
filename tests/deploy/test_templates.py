"""The templates as texts: what a linter and a reader can tell without creating anything."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.templates import FOLDER, ORDER, load

UNTAGGED = {
    # These have no tags in CloudFormation.
    "AWS::ElasticLoadBalancingV2::Listener",
    "AWS::SNS::Subscription",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
}


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


@pytest.mark.parametrize("name", ORDER)
def test_every_resource_is_tagged(name: str) -> None:
    for logical_id, resource in load(name)["Resources"].items():
        if resource["Type"] not in UNTAGGED:
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
