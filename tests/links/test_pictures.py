"""The preview and the QR code of a link: nothing that counts."""

import re
import struct
from xml.etree import ElementTree as ET

import pytest
from flask.testing import FlaskClient

from tests.links.conftest import Create, Follow
from tests.links.test_change import PAST, SOON

Bearer = dict[str, str]
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def png_size(picture: bytes) -> tuple[int, int]:
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


class TestAPreview:
    def test_shows_the_target_before_it_can_be_clicked(
        self, client: FlaskClient, create: Create
    ) -> None:
        link = create(url="https://e.com/?a=1&b=<script>", title="<b>bold</b>")

        answer = client.get(f"/{link['code']}+")

        page = answer.get_data(as_text=True)
        shown, clickable = (
            page.index("<code>https://e.com/?a=1&amp;b=&lt;script&gt;"),
            page.index('href="https://e.com/?a=1&amp;b='),
        )
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        assert shown < clickable
        assert "<b>" not in page
        assert "<script" not in page
        assert link["created_at"][:10] in page
        assert "<svg" in page
        assert answer.headers["Cache-Control"] == "no-store"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]

    def test_shows_every_target_of_rules(self, client: FlaskClient, create: Create) -> None:
        rules = [{"if": {"device": "ios"}, "url": "https://e.com/ios"}]
        link = create(rules=rules)

        page = client.get(f"/{link['code']}+").get_data(as_text=True)

        assert "https://e.com/ios" in page
        assert link["url"] in page

    def test_takes_plain_links_in_any_case_of_an_alias(
        self, client: FlaskClient, code: str, target: str, create: Create
    ) -> None:
        create(alias="previewed")

        assert target in client.get(f"/{code}+").get_data(as_text=True)
        assert client.get("/PREVIEWED+").status_code == 200
        assert client.get("/PREVIEWED+/").status_code == 200

    def test_uses_up_no_visit(self, client: FlaskClient, create: Create, follow: Follow) -> None:
        code = create(max_visits=1)["code"]

        for path in (f"/{code}+", f"/{code}/qr.svg", f"/{code}/qr.png"):
            assert client.get(path, headers=BROWSER).status_code == 200

        assert [follow(code).status_code for _ in range(2)] == [302, 410]

    @pytest.mark.parametrize(
        ("fields", "status", "word"),
        [
            ({"starts_at": SOON}, 404, "LINK_NOT_STARTED"),
            ({"expires_at": PAST}, 410, "LINK_GONE"),
        ],
    )
    def test_of_a_link_that_leads_nowhere_is_that_links_answer(
        self, client: FlaskClient, create: Create, fields: dict[str, str], status: int, word: str
    ) -> None:
        code = create(**fields)["code"]

        program, person = client.get(f"/{code}+"), client.get(f"/{code}+", headers=BROWSER)

        assert (program.status_code, program.get_json()["code"]) == (status, word)
        assert (person.status_code, person.mimetype) == (status, "text/html")

    def test_of_no_link(self, client: FlaskClient) -> None:
        assert client.get("/zzzzz9+").get_json()["code"] == "URL_NOT_FOUND"
        assert client.get("/no-alias+").get_json()["code"] == "INVALID_SHORT_URL"


class TestAQrCode:
    def test_is_a_picture_of_the_size_asked_for(self, client: FlaskClient, code: str) -> None:
        svg = client.get(f"/{code}/qr.svg?size=500")
        png = client.get(f"/{code}/qr.png?size=500")

        root = ET.fromstring(svg.data)
        assert (svg.mimetype, png.mimetype) == ("image/svg+xml", "image/png")
        assert (root.get("width"), root.get("height")) == ("500", "500")
        width, height = png_size(png.data)
        assert width == height
        assert 450 < width <= 500

    def test_says_how_it_may_be_kept(self, client: FlaskClient, code: str) -> None:
        first = client.get(f"/{code}/qr.svg")

        again = client.get(f"/{code}/qr.svg", headers={"If-None-Match": first.headers["ETag"]})
        other = client.get(
            f"/{code}/qr.svg?margin=0", headers={"If-None-Match": first.headers["ETag"]}
        )

        assert first.headers["Cache-Control"] == "public, max-age=3600"
        assert (again.status_code, again.data) == (304, b"")
        assert other.status_code == 200
        assert first.headers["Content-Disposition"] == f'inline; filename="{code}.svg"'

    def test_has_the_colours_and_margin(self, client: FlaskClient, code: str) -> None:
        svg = client.get(f"/{code}/qr.svg?dark=1a2B3c&light=none&margin=0").get_data(as_text=True)
        wide = client.get(f"/{code}/qr.svg?margin=10").get_data(as_text=True)

        def box(text: str) -> int:
            match = re.search(r'viewBox="0 0 (\d+) ', text)
            assert match
            return int(match[1])

        assert 'stroke="#1a2b3c"' in svg
        assert "fill=" not in svg
        assert box(wide) - box(svg) == 20

    def test_of_a_link_that_has_not_started_can_be_printed(
        self, client: FlaskClient, create: Create
    ) -> None:
        assert client.get(f"/{create(starts_at=SOON)['code']}/qr.svg").status_code == 200
        assert client.get(f"/{create(expires_at=PAST)['code']}/qr.svg").status_code == 410

    @pytest.mark.parametrize(
        "query",
        [
            "size=63", "size=1025", "size=x", "size=", "margin=-1", "margin=21", "level=X",
            "dark=red", "dark=12", "light=%3Cscript", "dark=fff&light=ffffff",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", ["svg", "png"])
    def test_that_makes_no_sense_is_refused(
        self, client: FlaskClient, code: str, query: str, kind: str
    ) -> None:
        answer = client.get(f"/{code}/qr.{kind}?{query}")

        assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_QUERY")

    def test_leads_where_the_link_leads_and_its_mark_is_never_forwarded(
        self, create: Create, follow: Follow
    ) -> None:
        link = create(forward_query=True)

        assert follow(f"{link['code']}?qr").headers["Location"] == link["url"]
        assert follow(f"{link['code']}?qr&a=1").headers["Location"] == f"{link['url']}?a=1"
