"""One Python from the image to the tests: what runs in production is what the tests run on."""

import configparser
import re
import subprocess
import sys

from tests.deploy.dockerfile import FILE
from tests.deploy.task import ROOT

IMAGE = re.search(r"^ARG PYTHON_IMAGE=python:(3\.\d+)-", FILE.read_text(encoding="utf-8"), re.M)


def _supported() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r":: (3\.\d+)$", setup["metadata"]["classifiers"], re.M)
    assert setup["options"]["python_requires"] == f">={named[0]}"
    return named


def test_the_images_python_is_a_supported_one() -> None:
    assert IMAGE is not None
    assert IMAGE[1] in _supported()


def test_the_readme_names_production_the_tests_and_every_supported_python() -> None:
    assert IMAGE is not None
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    supported = _supported()

    assert f"With Python {', '.join(supported[:-1])} or {supported[-1]} and `make`" in readme
    assert (
        f"Production runs {IMAGE[1]}, which is what the tests run on, and {supported[0]}" in readme
    )


def test_ci_takes_the_images_python_and_the_oldest_where_it_finds_them() -> None:
    assert IMAGE is not None
    said = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run"), "pythons"], capture_output=True, text=True, check=True
    ).stdout
    *missing, line = said.strip().splitlines()
    found = [
        subprocess.run(
            [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for python in line.removeprefix("Python: ").split()
    ]

    wanted = [IMAGE[1], _supported()[0]]
    # A version that this machine lacks is said, never passed over in silence.
    assert [version for version in wanted if f"no Python {version}" not in said] == found or missing


def test_the_tests_run_on_a_supported_python() -> None:
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in _supported()
