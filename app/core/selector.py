"""The selector for what is waited for beside the connections: clients, workers, load processes."""

from __future__ import annotations

import os
import selectors


def make_selector() -> selectors.BaseSelector:
    """Return the quickest selector of which every call works; poll(2) always does.

    A sandbox may allow epoll_create(2) and forbid epoll_ctl(2) or epoll_wait(2).
    """
    selector: selectors.BaseSelector | None = None
    try:
        selector = selectors.DefaultSelector()
        reader, writer = os.pipe()
        try:
            selector.register(reader, selectors.EVENT_READ)
            selector.select(0)
            selector.unregister(reader)
        finally:
            os.close(reader)
            os.close(writer)
    except OSError:
        if selector is not None:
            selector.close()
        return selectors.PollSelector()
    return selector
