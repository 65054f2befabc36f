"""Password changes, log-outs and deletions end what was handed out, and nothing else."""

import time
from dataclasses import replace
from typing import Any
from uuid import UUID

import jwt
import psycopg
import pytest
from flask.testing import FlaskClient

from app.storage.account_ends import Sweeper
from app.tokens import Tokens
from tests.access.conftest import PASSWORD, MakePerson, Person, ask
from tests.harness.go_service import GoService
from tests.harness.servers import Database
from tests.routes.conftest import SECRET

NEW = "another secret"


def works(client: FlaskClient, secret: str) -> bool:
    status = ask(client, secret, "GET", "/api/account").status_code
    assert status in {200, 401}
    return status == 200


def go_token(user: str, issued_at: float) -> str:
    """Return a token as the Go service makes it: no `kid`, and no claim but those four."""
    now = int(issued_at)
    claims = {"user_id": user, "iat": now, "nbf": now, "exp": now + 86_400}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def change(person: Person, current: str = PASSWORD, new: str = NEW) -> Any:
    body = {"current_password": current, "new_password": new}
    return person.ask("POST", "/api/account/password", json=body)


def test_a_password_change_ends_all_tokens_but_its_own(person: Person) -> None:
    other, key = person.log_in().get_json()["token"], person.key()
    assert works(person.client, other)

    answer = change(person)

    assert answer.status_code == 200
    assert works(person.client, answer.get_json()["token"])
    assert not works(person.client, person.token)
    assert not works(person.client, other)
    assert works(person.client, key)
    assert person.log_in().status_code == 401
    assert works(person.client, person.log_in(NEW).get_json()["token"])


def test_a_wrong_password_changes_nothing(person: Person) -> None:
    for wrong in ("secret2", "", "x" * 10_000, NEW):
        answer = change(person, current=wrong)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "WRONG_PASSWORD")

    assert works(person.client, person.token)
    assert person.log_in().status_code == 200


@pytest.mark.parametrize("new", ["", "12345", "x" * 129])
def test_a_new_password_is_as_long_as_one_of_a_signup(person: Person, new: str) -> None:
    answer = change(person, new=new)

    assert (answer.status_code, answer.get_json()["code"]) == (400, "INVALID_PAYLOAD")
    assert works(person.client, person.token)


@pytest.mark.parametrize("body", [None, {}, {"keys": False}])
def test_logging_out_everywhere_ends_all_tokens(person: Person, body: object) -> None:
    other, key = person.log_in().get_json()["token"], person.key()

    answer = person.ask("POST", "/api/account/logout-everywhere", json=body)

    assert answer.status_code == 204
    assert not works(person.client, person.token)
    assert not works(person.client, other)
    assert works(person.client, key)
    # In the very same second.
    assert works(person.client, person.log_in().get_json()["token"])


def test_logging_out_everywhere_may_end_keys_too(make_person: MakePerson) -> None:
    ana, bob = make_person(), make_person()
    keys, others = [ana.key(), ana.key()], bob.key()

    ana.ask("POST", "/api/account/logout-everywhere", json={"keys": True})

    assert not any(works(ana.client, key) for key in keys)
    assert works(bob.client, others)
    assert works(bob.client, bob.token)


def test_generations_go_on(person: Person) -> None:
    token = person.token
    for _ in range(3):
        ask(person.client, token, "POST", "/api/account/logout-everywhere")
        assert not works(person.client, token)
        token = person.log_in().get_json()["token"]
        assert works(person.client, token)


def test_before_anything_ended_tokens_are_as_they_were(person: Person) -> None:
    claims = jwt.decode(person.token, SECRET, algorithms=["HS256"])

    assert set(claims) == {"user_id", "iat", "nbf", "exp"}


def test_the_go_services_tokens_go_on_and_end(person: Person, module_database: Database) -> None:
    now = time.time()
    before = go_token(person.id, now - 60)
    assert works(person.client, before)

    person.ask("POST", "/api/account/logout-everywhere")

    assert not works(person.client, before)
    # One that it issues after that is good, as soon as clocks cannot be the reason.
    assert not works(person.client, go_token(person.id, now))
    with module_database.connect() as connection:
        connection.execute(
            "UPDATE users SET tokens_ended_at = now() - interval '1 hour' WHERE id = %s",
            (person.id,),
        )
    assert works(person.client, go_token(person.id, now))
    assert not works(person.client, go_token(person.id, now - 3600))
    # One of ours from before is told by its `kid`, whatever the clock of its task said.
    assert not works(person.client, Tokens(SECRET).issue(UUID(person.id)))


def test_a_token_of_ours_cannot_say_that_it_is_the_go_services(person: Person) -> None:
    """Whoever takes `kid` or `gen` out of a token has broken its signature."""
    person.ask("POST", "/api/account/logout-everywhere")
    token = person.log_in().get_json()["token"]
    _, payload, signature = token.split(".")
    header = go_token(person.id, time.time()).split(".")[0]

    assert works(person.client, token)
    assert not works(person.client, f"{header}.{payload}.{signature}")


@pytest.mark.parametrize("generation", [-1, 1, 2**70, 0.0, "0", None, True, [0]])
def test_another_generation_is_refused(person: Person, generation: object) -> None:
    now = int(time.time())
    claims = {"user_id": person.id, "iat": now, "nbf": now, "exp": now + 60, "gen": generation}
    token = jwt.encode(claims, SECRET, headers={"kid": "x"})

    assert not works(person.client, token)


def test_while_the_secret_is_replaced_generations_hold(person: Person) -> None:
    old = Tokens("the-secret-before-of-the-tests-012345")
    new = Tokens(SECRET, "the-secret-before-of-the-tests-012345")
    user = UUID(person.id)

    read = new.read(old.issue(user, 7))

    assert (read.user, read.generation) == (user, 7)
    assert new.read(old.issue(user)).generation == 0


def delete(person: Person, links: object = "keep", password: str = PASSWORD) -> Any:
    return person.ask("DELETE", "/api/account", json={"password": password, "links": links})


def test_a_deleted_account_ends_with_everything_it_handed_out(person: Person) -> None:
    key, other = person.key(), person.log_in().get_json()["token"]
    assert works(person.client, key)

    answer = delete(person)

    assert (answer.status_code, answer.data) == (204, b"")
    for secret in (key, other, person.token, go_token(person.id, time.time())):
        assert not works(person.client, secret)
        made = ask(person.client, secret, "POST", "/api/", json={"url": "https://e.com/gone"})
        assert made.status_code == 401
    assert person.log_in().status_code == 401


@pytest.mark.parametrize("links", ["keep", "disable"])
def test_links_of_a_deleted_account_are_nobodys(
    person: Person, module_database: Database, target: str, links: str
) -> None:
    plain = person.link(url=f"{target}/plain")
    tagged = person.link(url=f"{target}/tagged", tags=["a", "b"], max_visits=9)
    deleted = person.link(url=f"{target}/deleted", tags=["a"])
    person.ask("DELETE", f"/api/links/{deleted}")

    assert delete(person, links).status_code == 204

    status = {"keep": 302, "disable": 410}[links]
    wait_for(person.client, plain, status)
    wait_for(person.client, tagged, status)
    assert person.client.get(f"/{deleted}").status_code == 410
    with module_database.connect() as connection:
        rows = connection.execute(
            "SELECT user_id, tag_ids FROM urls WHERE id = ANY (%s)", ([plain, tagged, deleted],)
        ).fetchall()
        (left,) = connection.execute(
            "SELECT (SELECT count(*) FROM urls WHERE user_id = %(user)s)"
            " + (SELECT count(*) FROM link_counts WHERE user_id = %(user)s)"
            " + (SELECT count(*) FROM api_keys WHERE user_id = %(user)s)",
            {"user": person.id},
        ).fetchone() or (None,)
    assert rows == [(None, None)] * 3
    assert left == 0
    # Anonymous callers do not find what was somebody's.
    made = person.client.post("/api/", json={"url": f"{target}/plain"}).get_json()
    assert made["short_code"] != plain


def wait_for(client: FlaskClient, code: str, status: int) -> None:
    """Wait until a link answers so: a change is in force within 5 s."""
    deadline = time.monotonic() + 10
    while client.get(f"/{code}").status_code != status:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_address_is_free_again(person: Person, module_database: Database) -> None:
    code = person.link(url="https://e.com/of-the-first")
    delete(person)

    body = {"email": person.email.upper(), "password": NEW}
    again = person.client.post("/api/signup", json=body)

    assert again.status_code == 201
    made = again.get_json()
    assert made["user"]["id"] != person.id
    assert ask(person.client, made["token"], "GET", "/api/user/urls").get_json()["urls"] == []
    assert ask(person.client, made["token"], "GET", f"/api/links/{code}").status_code == 404
    with module_database.connect() as connection:
        row = connection.execute(
            "SELECT email, username, password_hash, deleted_at IS NOT NULL FROM users"
            " WHERE id = %s",
            (person.id,),
        ).fetchone()
    assert row == (f"deleted:{person.id}", None, "!", True)


def test_the_go_service_goes_on_beside_a_deleted_account(
    make_person: MakePerson, client: FlaskClient, module_database: Database
) -> None:
    person, email = make_person(), "beside-go@example.org"
    body = {"email": email, "password": PASSWORD, "username": "beside-go"}
    made = client.post("/api/signup", json=body).get_json()
    gone = replace(person, id=made["user"]["id"], email=email, token=made["token"])
    gone.link(url="https://e.com/beside-go")
    owner = UUID(gone.id)

    with GoService(module_database.environment) as go:
        assert go.credentials(email) is not None
        assert len(go.links_of(owner)) == 1
        assert delete(gone).status_code == 204

        assert go.credentials(email) is None
        assert go.credentials(f"deleted:{owner}") is None
        assert go.links_of(owner) == {}
        # Name and address are free for it too, and its insert for the old owner still finds one.
        assert go.sign_up("beside-go", email, "$2a$10$" + "x" * 53) is not None
        with module_database.connect() as connection:
            connection.execute(
                "INSERT INTO urls (id, original_url, created_at, user_id)"
                " VALUES ('goLate', 'https://e.com/late', now(), %s)",
                (owner,),
            )
        assert go.resolve("goLate") == "https://e.com/late"


def test_what_was_kept_for_an_account_goes_with_it(
    make_person: MakePerson, module_database: Database
) -> None:
    people = make_person(), make_person()
    for each in people:
        for secret, name in ((each.token, "by-token"), (each.key(), "by-key")):
            body, once = {"url": "https://e.com/kept", "title": "t"}, {"Idempotency-Key": name}
            made = ask(each.client, secret, "POST", "/api/", json=body, headers=once)
            begun = ask(
                each.client, secret, "POST", "/api/imports", json={"format": "jsonl", "size": 9}
            )
            assert (made.status_code, begun.status_code) == (201, 201)
    before = kept(module_database)

    delete(people[0])

    assert before == [4, 4, 4]
    assert kept(module_database) == [2, 2, 2]
    with module_database.connect() as connection:
        row = connection.execute(
            "SELECT 1 FROM users WHERE users::text LIKE %s", (f"%{people[0].email}%",)
        ).fetchone()
    assert row is None


def kept(database: Database) -> list[int]:
    """Return how much the two accounts of a test have beside links."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM idempotency_keys),"
            " (SELECT count(*) FROM idempotent_links),"
            " (SELECT count(*) FROM imports WHERE size = 9)"
        ).fetchone()
    return list(row or ())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"password": "wrong!", "links": "keep"}, 403),
        ({"password": "", "links": "keep"}, 403),
        ({"password": PASSWORD}, 400),
        ({"password": PASSWORD, "links": "burn"}, 400),
        ({"links": "keep"}, 400),
        (None, 400),
    ],
    ids=repr,
)
def test_a_deletion_that_is_not_meant_deletes_nothing(
    person: Person, body: object, status: int
) -> None:
    answer = person.ask("DELETE", "/api/account", json=body)

    assert answer.status_code == status
    assert works(person.client, person.token)
    assert person.log_in().status_code == 200


def test_what_a_request_had_no_time_for_is_gone_on_with(
    person: Person, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [person.link(url=f"https://e.com/later/{number}") for number in range(5)]
    monkeypatch.setattr("app.storage.account_ends.LONGEST_SWEEP", 0.0)
    delete(person, "disable")
    sweeper = Sweeper()
    monkeypatch.setattr(sweeper, "_due", 0.0)

    with module_database.connect() as connection:
        connection.execute(
            "UPDATE account_deletions SET requested_at = now() - interval '1 hour'"
            " WHERE user_id = %s",
            (person.id,),
        )
        job = Rows(connection)
        for _ in range(20):
            sweeper._due = 0.0
            sweeper(job)  # type: ignore[arg-type]  # it asks for rows, and no more
        left = connection.execute(
            "SELECT (SELECT count(*) FROM urls WHERE user_id = %(user)s),"
            " (SELECT count(*) FROM account_deletions WHERE user_id = %(user)s),"
            " (SELECT count(*) FROM urls WHERE id = ANY (%(codes)s) AND disabled_at IS NULL)",
            {"user": person.id, "codes": codes},
        ).fetchone()

    assert left == (0, 0, 0)


class Rows:
    """Asks as the background's connection does."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def rows(self, text: str, values: Any) -> Any:
        return psycopg.RawCursor(self._connection).execute(text.encode(), values).fetchall()
