"""Servers of two workers, for the tests of workers."""

from __future__ import annotations

from functools import partial

import pytest

from tests.server.crowd import Crowd, Serve


@pytest.fixture
def workers(serve: Serve) -> Serve:
    return partial(serve, workers=2)


@pytest.fixture
def crowd(workers: Serve) -> Crowd:
    return Crowd(workers())
