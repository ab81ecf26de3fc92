"""Views as the configuration file has them, and how each mistake in one is told."""

from typing import Any

import pytest

from app.core.settings import SettingError
from app.watch.views import SavedView, read_views, view_numbered

STUCK: dict[str, Any] = {"filter": " is:stuck ", "sort": "-pending", "columns": ["id", "why"]}


def test_a_view_has_a_filter_an_order_and_columns_or_only_some() -> None:
    views = read_views({"1": STUCK, "9": {}, "3": {"sort": "peer"}})
    assert views["1"] == SavedView("is:stuck", "-pending", ("id", "why"))
    assert (views["9"], views["3"]) == (SavedView(), SavedView(sort="peer"))
    assert views["1"].in_words() == "is:stuck; by -pending; id, why"
    assert views["9"].in_words() == "everything"


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ({"0": STUCK}, "views: 0 is no number of a view: write 1 to 9, as in 1 = {filter"),
        ({"x\x1b[2J": STUCK}, "views: x\\x1b[2J is no number of a view"),
        ({"1": "is:stuck"}, "views: 1 is 'is:stuck': write a table, as in 1 = {filter"),
        ({"1": {"filtr": "x"}}, "views: 1: no 'filtr', did you mean 'filter'?: there are filter,"),
        ({"1": {"filter": 3}}, "views: 1: filter is 3: write text in quotes"),
        ({"1": {"sort": ["id"]}}, "views: 1: sort is ['id']: write text in quotes"),
        ({"1": {"columns": "id"}}, "views: 1: columns is 'id': write a list of texts"),
        ({"1": {"columns": [1]}}, "views: 1: columns is [1]: write a list of texts"),
        ({"2": {"filter": "pendng>1"}}, "views: 2: filter 'pendng>1': character 1: no column"),
        ({"2": {"filter": "id>1 ("}}, "views: 2: filter 'id>1 (': character 7: something"),
        ({"2": {"sort": "-pendng"}}, "views: 2: sort: no column 'pendng', did you mean 'pending'?"),
        ({"2": {"columns": ["ide"]}}, "views: 2: columns: no column 'ide', did you mean 'idle'?"),
        ({"2": {"columns": ["id", "id"]}}, "views: 2: columns: id, id: one is named twice"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(views: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as error:
        read_views(views)
    assert str(error.value).startswith(said)
    assert str(error.value).isprintable()


def test_a_view_that_is_not_there_says_which_are_and_how_one_is_written() -> None:
    with pytest.raises(SettingError, match=r"^no view '2': there are 1, 3; the table \[ui.views\]"):
        view_numbered(read_views({"3": {}, "1": {}}), "2")
    with pytest.raises(SettingError, match=r"^no view 'x': there are none; "):
        view_numbered({}, "x")
