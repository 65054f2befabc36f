"""CloudFormation templates read and resolved: what a stack's resources are asked to be.

Covers the intrinsic functions that our templates use, and fails for any other.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy"
ORDER = ("discovery", "cluster", "balancer", "alarms", "objectives", "service")
"""The order in which docs/operations.md creates the stacks."""
ABSENT = object()
"""What AWS::NoValue resolves to: the property is left out."""

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "sa-east-1",
    "AWS::Partition": "aws",
    "AWS::NoValue": ABSENT,
}


class UnresolvedError(Exception):
    """A name is not known yet: the resource that it belongs to comes later."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref x` is `{"Ref": "x"}`)."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any = None
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(name: str) -> dict[str, Any]:
    """Read `deploy/NAME.yaml`."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.load(text, _Loader)  # a SafeLoader
    return template


def _is_list(kind: str) -> bool:
    return kind.startswith("List<") or kind == "CommaDelimitedList"


class Resolver:
    """The names that a template's expressions may use, and their values."""

    def __init__(
        self, template: dict[str, Any], parameters: Mapping[str, Any], exports: Mapping[str, str]
    ) -> None:
        """Take the parameters' defaults where none is given."""
        self.template = template
        self.exports = exports
        self.attributes: dict[str, str] = {}
        self.names: dict[str, Any] = dict(PSEUDO)
        for name, declared in template.get("Parameters", {}).items():
            value = parameters.get(name, declared.get("Default"))
            if value is None:
                raise AssertionError(f"the parameter {name} has no value")
            self.names[name] = value.split(",") if _is_list(declared["Type"]) else value

    def wanted(self) -> Iterator[str]:
        """Yield the names of the resources whose condition holds."""
        for name, resource in self.template["Resources"].items():
            if "Condition" not in resource or self.condition(resource["Condition"]):
                yield name

    def condition(self, name: str) -> bool:
        """Tell whether the condition of that name holds."""
        return bool(self(self.template["Conditions"][name]))

    def broken_rules(self) -> list[str]:
        """Return what the template's rules say of its parameters, before anything is made."""
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self(rule.get("RuleCondition", True))
            for assertion in rule["Assertions"]
            if not self(assertion["Assert"])
        ]

    def __call__(self, node: Any) -> Any:
        """Resolve an expression; UnresolvedError if it needs a resource that is not there yet."""
        if isinstance(node, list):
            return [item for item in map(self, node) if item is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((key, value),) = node.items()
            if key == "Ref":
                return self._named(self.names, value)
            if key.startswith("Fn::"):
                return self._function(key, value)
        items = {key: self(value) for key, value in node.items()}
        return {key: value for key, value in items.items() if value is not ABSENT}

    def _function(self, key: str, value: Any) -> Any:
        if key == "Fn::GetAtt":
            return self._named(self.attributes, value)
        if key == "Fn::ImportValue":
            return self._named(self.exports, value)
        if key == "Fn::If":
            return self(value[1] if self.condition(value[0]) else value[2])
        if key in {"Fn::Not", "Fn::Equals", "Fn::EachMemberEquals"}:
            return self._truth(key, value)
        if key == "Fn::Sub":
            text, extra = value if isinstance(value, list) else (value, {})
            extra = self(extra)
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: self._sub(found[1], extra), text)
        raise AssertionError(f"{key} is not known here")

    def _truth(self, key: str, value: Any) -> bool:
        first, *rest = map(self, value)
        if key == "Fn::Not":
            return not first
        if key == "Fn::Equals":
            return bool(first == rest[0])
        return all(member == rest[0] for member in first)

    def _sub(self, name: str, extra: Mapping[str, str]) -> str:
        where = extra if name in extra else self.attributes if "." in name else self.names
        return str(self._named(where, name))

    def _named(self, where: Mapping[str, Any], name: str) -> Any:
        if name not in where:
            raise UnresolvedError(name)
        return where[name]
