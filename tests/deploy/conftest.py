"""The stacks, created once for each file of tests that looks at them."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.deploy.fake_aws import Outputs, create_all, parameters


@pytest.fixture(scope="module")
def outputs() -> Iterator[Outputs]:
    """Create all stacks once; the tests only look."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        yield create_all(parameters())
