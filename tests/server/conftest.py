"""Servers of two workers, and the descriptor limit."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.server.crowd import Crowd, Serve


@pytest.fixture
def workers(serve: Serve) -> Serve:
    return partial(serve, workers=2)


@pytest.fixture
def crowd(workers: Serve) -> Crowd:
    return Crowd(workers())


@pytest.fixture
def descriptor_limit() -> Iterator[Callable[[int, int], None]]:
    """Set the soft and the hard limit for this test."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft, hard: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
