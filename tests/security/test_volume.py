"""The long form asks at least as often as issue 6 wants."""

import inspect

from tests.security import test_broken_http, test_fuzz_inputs, test_fuzz_operations, test_fuzz_wire
from tests.security.sound import LONG, QUICK, Volume


def cases(volume: Volume) -> int:
    """Count the cases of one form; most of those of targets are three requests."""
    operations = 2 * len(test_fuzz_operations.OPERATIONS)
    # Codes, targets, headers, and bodies for each of three paths.
    inputs = 6
    wire = len(test_fuzz_wire.KINDS) + 1
    return operations * volume.operations + inputs * volume.inputs + wire * volume.wire


def test_the_long_form_has_twenty_thousand_cases() -> None:
    assert cases(LONG) >= 20_000


def test_the_quick_form_has_some_thousands() -> None:
    assert 2_000 <= cases(QUICK) <= 6_000


def test_what_is_counted_is_there() -> None:
    names = [
        name
        for module in (test_fuzz_inputs, test_fuzz_wire, test_fuzz_operations, test_broken_http)
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and any(mark.args[0] == "volume" for mark in getattr(value, "pytestmark", ()))
    ]

    assert sorted(names) == [
        "test_an_operation",
        "test_bodies",
        "test_bytes",
        "test_codes",
        "test_headers",
        "test_pipelined_requests_are_answered_each_in_its_turn_however_they_are_cut",
        "test_targets",
    ]
