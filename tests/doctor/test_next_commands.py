"""The commands that doctor tells people to run exist."""

import re
from pathlib import Path

from botocore import xform_name  # type: ignore[import-untyped]  # has no types
from botocore.session import get_session  # type: ignore[import-untyped]

from tests.harness.servers import ROOT

_CALL = re.compile(r"\baws ([a-z-]+) ([a-z-]+)((?: (?:--[a-z-]+|'[^']*'|[^ #;'-][^ #;]*))*)")
GLOBAL = {"--query", "--output"}


def _text(path: Path) -> str:
    # Strings that Python joins stand on lines of their own.
    return re.sub(r'"\n\s*f?"', "", path.read_text(encoding="utf-8"))


def test_every_aws_command_is_a_call_of_the_api_with_its_options() -> None:
    text = "\n".join(_text(path) for path in sorted((ROOT / "app" / "doctor").glob("*.py")))
    calls = _CALL.findall(text)
    session = get_session()

    assert len(calls) >= 7
    for service, operation, rest in calls:
        model = session.get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names
        members = model.operation_model(names[operation]).input_shape.members
        allowed = {"--" + xform_name(name, "-") for name in members} | GLOBAL
        allowed |= {"--force-new-deployment"}
        used = set(re.findall(r"--[a-z-]+", rest))
        assert used - allowed == set(), (service, operation)


def test_every_target_and_file_that_is_named_exists() -> None:
    text = "\n".join(_text(path) for path in (ROOT / "app" / "doctor").glob("*.py"))
    targets = set(re.findall(r"\bmake (run|doctor|migrate)\b", text))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert targets
    assert [target for target in targets if f"\n{target}: " not in makefile] == []
    files = set(re.findall(r"\b(?:docs|docker|deploy)/[\w./-]+\.\w+", text))
    assert [name for name in files if not (ROOT / name).exists()] == []
