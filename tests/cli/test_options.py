"""What the command line takes for a number."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from app.cli.main import cli
from app.core.settings import SettingError


def parameters(command: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
    context = click.Context(command)
    for parameter in command.params:
        yield f"{path} {parameter.name}", parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from parameters(found, f"{path} {name}")


def takes(parameter: click.Parameter, text: str) -> object:
    try:
        return parameter.type.convert(text, parameter, None)
    except (click.UsageError, SettingError):
        return None


NUMBERS = {
    name: parameter
    for name, parameter in parameters(cli, "echo-tui")
    if type(takes(parameter, "7")) in {int, float}
}


def test_there_are_numbers() -> None:
    assert len(NUMBERS) > 20
    assert {"echo-tui load seed", "echo-tui client port", "echo-tui serve grace"} <= set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_of_plain_ascii_digits(name: str) -> None:
    for text in ("\u0663", "\uff17", "1_0", "\u00b2", "x", ""):
        assert takes(NUMBERS[name], text) is None, text


def test_the_refusal_is_one_line_that_names_value_and_remedy() -> None:
    whole, decimal = (NUMBERS[f"echo-tui load {name}"] for name in ("depth", "rate"))
    with pytest.raises(SettingError) as caught:
        whole.type.convert("1_0", whole, None)
    remedy = "write it in digits, as in 64"
    assert str(caught.value) == f"--depth '1_0' is not a whole number: {remedy}"
    with pytest.raises(SettingError) as caught:
        decimal.type.convert("\u0663", decimal, None)
    remedy = "write it in digits, as in 2.5"
    assert str(caught.value) == f"--rate '\u0663' is not a number: {remedy}"
    assert decimal.type.convert("1e5", decimal, None) == 100_000
