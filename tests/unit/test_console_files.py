"""What the page at /console is made of: words, references, sizes."""

import json
import re
from pathlib import Path

import pytest

from app.routes.console import POLICY, console_files

FOLDER = Path(__file__).parents[2] / "app" / "console"
LOOK = Path(__file__).parents[2] / "app" / "routes" / "look.css"
MODULES = sorted(FOLDER.glob("*.js"))
TEXTS = sorted(each for each in FOLDER.iterdir() if each.suffix in {".js", ".css", ".html"})
LONGEST = 250
SMALL = 100_000


def words(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((FOLDER / f"words.{language}.json").read_text())
    return found


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_both_languages_say_the_same_things() -> None:
    english, portuguese = words("en"), words("pt")

    assert list(english) == list(portuguese)
    for key in english:
        assert placeholders(english[key]) == placeholders(portuguese[key]), key
        assert english[key].strip(), key
        assert portuguese[key].strip(), key


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_every_word_that_is_said_is_there(module: Path) -> None:
    text = module.read_text()
    said = set(re.findall(r"""\bsay\(\s*"([^"]+)\"""", text))
    counted = set(re.findall(r"""\bsayCount\(\s*"([^"]+)\"""", text))

    forms = {f"{key}.{form}" for key in counted for form in ("one", "other")}
    assert said | forms <= words("en").keys()


@pytest.mark.parametrize("module", TEXTS, ids=lambda path: path.name)
def test_what_is_referred_to_is_there_and_nothing_is_elsewhere(module: Path) -> None:
    text = module.read_text()
    named = re.findall(r"""(?:from|import)\s*\(?\s*"\./([^"]+)\"""", text)
    named += re.findall(r"""/console/\{version\}/([^"]+)\"""", text)

    assert {each for each in named if not (FOLDER / each).is_file()} == set()
    for elsewhere in re.findall(r"""(?:src|href|from|import|url|fetch)\W{1,3}(https?:|//)""", text):
        pytest.fail(f"{module.name} refers to {elsewhere}")


@pytest.mark.parametrize("module", TEXTS, ids=lambda path: path.name)
def test_nothing_becomes_markup_or_script(module: Path) -> None:
    text = module.read_text()

    for means in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
        " style=",
        "onclick=",
    ):
        assert means not in text, means


@pytest.mark.parametrize("module", TEXTS, ids=lambda path: path.name)
def test_a_file_can_be_read_in_one_go(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LONGEST


def test_all_of_it_is_small() -> None:
    sent = {name: len(each.packed) for name, each in console_files().by_name.items()}

    assert sum(sent.values()) < SMALL


def test_the_page_names_every_stylesheet_and_the_modules_of_its_first_view() -> None:
    page = (FOLDER / "index.html").read_text()

    assert all(f"/{each.name}" in page for each in FOLDER.glob("*.css"))
    first = (FOLDER / "main.js").read_text()
    for module in re.findall(r"""^import .* from "\./([^"]+)";""", first, re.M):
        assert f'modulepreload" href="/console/{{version}}/{module}"' in page


def test_the_colours_are_those_of_all_pages() -> None:
    look = LOOK.read_text()
    light, dark = look.split("@media (prefers-color-scheme: dark)", 1)
    own = (FOLDER / "console.css").read_text()

    for name in ("ink", "soft", "paper", "sheet", "line", "accent", "on-accent", "good", "bad"):
        pair = [re.search(rf"--{name}: (#\w+)", part)[1] for part in (light, dark)]  # type: ignore[index]
        assert f"--{name}: light-dark({pair[0]}, {pair[1]});" in own


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline() -> None:
    directives = dict(each.split(" ", 1) for each in POLICY.split("; "))

    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data: blob:",
        "form-action": "'self'",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
