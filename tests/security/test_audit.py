"""`make audit` fails for a known vulnerability, and never says "none" when it could not ask."""

from deploy.audit import Report, verdict

CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}
VULNERABLE = {
    "name": "pyjwt",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.4"], "aliases": []}],
}
SKIPPED = {"name": "limits", "skip_reason": "Dependency not found on PyPI"}


def of(**reports: Report) -> tuple[int, str]:
    status, lines = verdict(lambda service: reports.get(service, []))
    return status, "\n".join(lines)


def test_a_vulnerability_fails() -> None:
    status, said = of(pypi=[CLEAN, VULNERABLE])

    assert status == 1
    assert "pyjwt 1.0: PYSEC-1, fixed in 2.4" in said


def test_none_passes_and_says_how_many_were_looked_at() -> None:
    assert of(pypi=[CLEAN]) == (0, "1 packages audited, advisories of pypi")


def test_what_was_skipped_is_named() -> None:
    assert "not audited: limits" in of(pypi=[CLEAN, SKIPPED])[1]


def test_another_service_is_asked_when_the_first_knows_nothing() -> None:
    assert of(pypi=[SKIPPED], osv=[VULNERABLE])[0] == 1


def test_without_advisories_it_says_that_nothing_was_audited() -> None:
    status, said = of(pypi=[SKIPPED], osv=[])

    assert status == 0
    assert said.startswith("NOT AUDITED")
