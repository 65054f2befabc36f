"""QR codes: in the terminal, or as the service's pictures in a file."""

from __future__ import annotations

from pathlib import Path

import click

from shorten import qr_codes
from shorten.calls import Call
from shorten.commands.links import link_path
from shorten.errors import Failure
from shorten.files import write_whole
from shorten.session import Session, json_option, pass_session
from shorten.suggestions import suggest_codes
from shorten.values import CodeType


@click.command(short_help="Show a link's QR code, or write it to a file.")
@click.argument("code", type=CodeType(), shell_complete=suggest_codes)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file that ends in .svg or .png.",
)
@click.option(
    "--size", type=click.IntRange(64, 1024), metavar="N", help="Pixels, of a file. [default: 300]"
)
@click.option(
    "--margin", type=click.IntRange(0, 20), metavar="N", help="Modules, of a file. [default: 4]"
)
@click.option(
    "--level",
    type=click.Choice(["L", "M", "Q", "H"], case_sensitive=False),
    default="M",
    metavar="L|M|Q|H",
    show_default=True,
    help="How much may be damaged: 7, 15, 25 or 30 %.",
)
@click.option("--dark", metavar="COLOUR", help="Of a file, such as 1a2b3c.")
@click.option("--light", metavar="COLOUR", help="Of a file; none is transparent.")
@click.option("--invert", is_flag=True, help="For a light terminal without colours.")
@json_option
@pass_session
def qr(
    session: Session,
    /,
    code: str,
    target: Path | None,
    level: str,
    invert: bool,
    **look: str | int | None,
) -> None:
    """Show the QR code of a link of yours, or write a picture of any link's.

    \b
    shorten qr hello
    shorten qr hello -o hello.svg --dark 1a2b3c --light none
    """
    output = session.output
    if target is None:
        if any(value is not None for value in look.values()):
            raise click.UsageError("size, margin and colours are those of a file: add -o FILE")
        link = session.own_service.get(link_path(code))
        if output.as_json:
            output.json({"code": link["code"], "content": f"{link['short_url']}?qr"})
        else:
            qr_codes.show(output, link["short_url"], level=level, inverted=invert)
        return
    kind = target.suffix.lower().removeprefix(".")
    if kind not in {"svg", "png"}:
        raise click.UsageError(f"{target.name} must end in .svg or .png")
    query = {name: str(value) for name, value in look.items() if value is not None}
    picture = session.service.call(
        Call("GET", f"/{code}/qr.{kind}", {**query, "level": level}, wants_json=False)
    )
    if not isinstance(picture.body, bytes):
        raise Failure("the service answered with something else than a picture")
    write_whole(target, picture.body)
    if output.as_json:
        output.json({"code": code, "file": str(target), "bytes": len(picture.body)})
    else:
        output.say(f"Wrote {target}")
