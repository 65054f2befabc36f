"""The image's CMD running: contained as in the task definition, where the machine allows it.

As process number 1, without capabilities, on a read-only root with a writable /tmp.
"""

import functools
import shutil
import signal
import subprocess
import time

import psutil
import requests

from local.ports import free_port
from tests.deploy.dockerfile import Image
from tests.harness.servers import Database

CONTAINED = (
    "mount -o remount,bind,ro / && mount -t tmpfs tmpfs /tmp && "
    'exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"'
)
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@functools.cache
def contained() -> tuple[str, ...]:
    """Return what goes before a command to contain it, or nothing where that is not allowed."""
    wrapper = (*UNSHARE, "sh", "-c", CONTAINED, "sh")
    if shutil.which("unshare") and shutil.which("setpriv"):
        done = subprocess.run([*wrapper, "true"], capture_output=True, check=False)
        if done.returncode == 0:
            return wrapper
    return ()


def environment(image: Image, database: Database, port: int) -> dict[str, str]:
    """Return the image's variables and what a task is given."""
    return {
        **{name: image.at(value) for name, value in image.environment.items()},
        "POSTGRES_PASSWORD": "only-for-this-test",
        **database.environment,
        "ENV": "production",
        "POSTGRES_SSLMODE": "disable",
        "JWT_SECRET": "only-for-this-test-0123456789abcdef",
        "PORT": str(port),
    }


class Container:
    """The image's CMD, running."""

    def __init__(self, image: Image, database: Database) -> None:
        self.image = image
        self.port = free_port()
        self.environment = environment(image, database, self.port)
        self.process = subprocess.Popen(
            [*contained(), *image.argv(image.command)],
            cwd=image.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def get(self, path: str) -> requests.Response | None:
        """Answer of a GET, or None while nobody answers."""
        try:
            return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            return None

    def await_ready(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + 30
        while self.get("/healthz") is None:
            assert self.process.poll() is None, "the service ended"
            assert time.monotonic() < deadline, "the service does not answer"
            time.sleep(0.05)

    @property
    def gunicorn(self) -> psutil.Process:
        """gunicorn's master: the command itself, or inside the wrapper its only child."""
        outer = psutil.Process(self.process.pid)
        return outer.children()[0] if contained() else outer

    def check_health(self) -> int:
        """Exit status of the image's HEALTHCHECK."""
        command = self.image.argv(self.image.health_check)
        return subprocess.run(
            command, env=self.environment, stderr=subprocess.DEVNULL, check=False
        ).returncode

    def stop(self) -> int:
        """Signal the master as the orchestrator does; return the exit status."""
        self.gunicorn.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=55)
