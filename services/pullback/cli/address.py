"""Where the service is: the option that every command has which calls it."""

# No postponed annotations here: typer reads them.
from typing import Annotated

import typer

# Not imported from the SDK, which would import grpc for `--help`; a test compares the two.
DEFAULT_ADDRESS = "localhost:50051"


def _checked_address(text: str) -> str:
    from pullback.contract.settings import host_and_port  # noqa: PLC0415 - imports pydantic

    try:
        host_and_port(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


Address = Annotated[
    str,
    typer.Option(
        "--address",
        envvar="PULLBACK_ADDRESS",
        callback=_checked_address,
        help="Where the service is: host:port.",
    ),
]
