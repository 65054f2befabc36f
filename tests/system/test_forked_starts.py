"""Most services of the tests are forked: they are what `python -m gunicorn` would have been."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import StartService
from tests.harness.servers import Database
from tests.harness.service import ROOT, Service


def command(service: Service) -> list[str]:
    return psutil.Process(service.process.pid).cmdline()


def test_what_is_forked_has_its_own_session_folder_variables_and_output(
    start_service: StartService, database: Database
) -> None:
    service = start_service(database.environment, arguments=("--max-requests", "3"))
    pid = service.process.pid

    assert "gunicorn" not in " ".join(command(service))
    assert (os.getsid(pid), Path(f"/proc/{pid}/cwd").resolve()) == (pid, ROOT)
    assert [Path(f"/proc/{pid}/fd/{number}").resolve().name for number in (0, 1, 2)] == [
        "null",
        "stdout",
        "stderr",
    ]
    # Its settings are those of its arguments and variables.
    for _ in range(4):
        assert service.client.get(f"{service.url}/healthz", timeout=10).status_code == 200
    service.await_record(lambda record: record["msg"].startswith("Autorestarting"))
    assert service.stop() == 0


def test_a_wrong_environment_ends_it_with_its_status(start_service: StartService) -> None:
    service = Service({"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "x"}).launch()

    assert service.process.wait(30) == 3
    assert "POSTGRES_PORT" in service.stderr
    service.close()


@pytest.mark.parametrize(
    "variable", [{"OTEL_PROPAGATORS": "tracecontext"}, {"PYTHONOPTIMIZE": "1"}]
)
def test_what_is_looked_at_while_libraries_load_has_a_python_of_its_own(
    start_service: StartService, database: Database, variable: dict[str, str]
) -> None:
    service = start_service({**database.environment, **variable})

    assert command(service)[:3] == [sys.executable, "-m", "gunicorn"]


def test_nothing_of_ours_is_loaded_beforehand() -> None:
    program = "import sys; from tests.harness import preloaded; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=ROOT
    )

    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & {"app", "telemetry", "local", "shorten", "gunicorn"} == set()
