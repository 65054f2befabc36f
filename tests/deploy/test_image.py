"""The image: its steps carried out in a clean folder, up to a served request.

Where the machine allows (root, namespaces), the service runs as in the task definition: process
number 1, no capabilities, a read-only root, a writable /tmp.
"""

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.deploy.container import Container, contained, environment
from tests.deploy.dockerfile import FILE, Image, StepError, is_ignored, pairs, replay, steps
from tests.deploy.task import rendered
from tests.harness.servers import Database

# The first test builds the image: half a minute on a machine that does nothing else.
pytestmark = pytest.mark.timeout(300)

TEXT = FILE.read_text(encoding="utf-8")
NO_REGISTRY = re.compile(r"NewConnectionError|NameResolutionError|Temporary failure|ConnectTimeout")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Build the image once, outside of /tmp, which the container has for itself."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="image-") as folder:
        try:
            yield replay(Path(folder, "root"), TEXT)
        except StepError as error:
            if NO_REGISTRY.search(str(error)):
                pytest.skip("the package registry cannot be reached, so nothing can be installed")
            raise


@pytest.fixture
def container(image: Image, database: Database) -> Iterator[Container]:
    """Run the image on a fresh database until the test ends."""
    container = Container(image, database)
    try:
        container.await_ready()
        yield container
    finally:
        if container.process.poll() is None:
            os.killpg(container.process.pid, signal.SIGKILL)
            container.process.wait()


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_a_link_is_made_and_served(container: Container) -> None:
    made = requests.post(
        f"http://127.0.0.1:{container.port}/api/", json={"url": "https://example.org/a"}, timeout=5
    )
    served = container.get(f"/api/{made.json()['short_code']}")

    assert made.status_code == 201
    assert served is not None
    assert served.json()["url"] == "https://example.org/a"


def test_the_health_check_tells_up_from_down(container: Container) -> None:
    assert container.check_health() == 0

    container.gunicorn.send_signal(signal.SIGTERM)
    container.process.wait(timeout=55)

    assert container.check_health() == 1


def test_sigterm_ends_process_number_one(container: Container) -> None:
    assert container.stop() == 0


def test_gunicorn_is_process_number_one_with_a_read_only_root(container: Container) -> None:
    if not contained():
        pytest.skip("needs root and Linux namespaces")
    status = Path(f"/proc/{container.gunicorn.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    mounts = Path(f"/proc/{container.gunicorn.pid}/mounts").read_text(encoding="ascii")
    options = {line.split()[1]: line.split()[3].split(",") for line in mounts.splitlines()}

    assert fields["NSpid"].split()[-1] == "1"
    assert int(fields["CapEff"], 16) == 0
    assert "ro" in options["/"]


def test_migrate_runs_from_the_same_image(image: Image, empty_database: Database) -> None:
    variables = environment(image, empty_database, 0)

    subprocess.run(image.argv(["migrate"]), env=variables, cwd=image.folder, check=True)

    with empty_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM urls").fetchone() == (0,)


def test_doctor_is_in_the_image(image: Image) -> None:
    done = subprocess.run(
        [*image.argv(["doctor"]), "--help"], cwd=image.folder, capture_output=True, check=False
    )

    assert done.returncode == 0


@pytest.mark.parametrize("name", ["pip", "setuptools", "wheel", "uv", "pytest", "boto3"])
def test_no_build_or_development_tool_is_inside(image: Image, name: str) -> None:
    packages = Path(image.at("/opt/venv/lib")).glob("python*/site-packages")

    found = [path for folder in packages for path in folder.glob(f"{name}*") if path.is_dir()]

    assert found == []


def test_no_cache_and_nothing_but_the_service_is_inside(image: Image) -> None:
    files = {path.name for path in Path(image.at("/srv")).iterdir()}

    assert files == {"gunicorn.conf.py", "healthcheck.py"}
    assert {path.name for path in image.root.iterdir()} == {"opt", "srv"}


def test_only_the_base_is_left_to_the_engine(image: Image) -> None:
    (skipped,) = image.skipped

    assert "pip uninstall" in skipped
    assert "useradd --uid 10001 --gid 10001" in skipped


def test_it_runs_without_rights_and_with_a_tmp_of_its_own(image: Image) -> None:
    assert image.user == "10001:10001"
    assert image.volumes == ["/tmp"]
    assert image.exposed == "8080"


def test_the_orchestrator_asks_for_health_as_the_image_does(image: Image) -> None:
    (container,) = rendered()["containerDefinitions"]

    assert container["healthCheck"]["command"] == ["CMD", *image.health_check]
    assert container["user"] == image.user


def test_the_program_is_started_without_a_shell(image: Image) -> None:
    # A shell as process 1 would keep SIGTERM for itself.
    assert image.command == ["gunicorn", "app.wsgi:app"]


def test_everything_is_installed_by_hash() -> None:
    runs = [step.argument for step in steps(TEXT) if step.instruction == "RUN"]
    installs = [part for run in runs for part in run.split("&&") if " install " in part]

    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-deps dist/" in install


@pytest.mark.parametrize("path", [".git", ".venv", ".local/jwt", "tests", "deploy/production.args"])
def test_nothing_else_enters_the_build(path: str) -> None:
    assert is_ignored(path)


def test_bytecode_is_not_written_at_run_time() -> None:
    (environment,) = (
        pairs(step.argument)
        for step in steps(TEXT)
        if step.instruction == "ENV" and "PYTHONUNBUFFERED" in step.argument
    )

    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_installed_files_are_not_writable_for_others(image: Image) -> None:
    writable = [
        path
        for path in Path(image.at("/opt/venv")).rglob("*")
        if not path.is_symlink() and path.stat().st_mode & stat.S_IWOTH
    ]

    assert writable == []
