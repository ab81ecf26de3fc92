"""Whether a shell with job control waits for this program, and can bring it back."""

from __future__ import annotations

import os

import psutil


def has_job_control() -> bool:
    """Whether a stop of this process group returns to a shell, whose `fg` goes on with it.

    Without one (the only program of a container, of a terminal window or of a pane of tmux) a
    stopped program would stay so: nobody could bring it back.
    """
    session, group = os.getsid(0), os.getpgrp()
    parent = os.getppid()
    while parent:
        try:
            if os.getsid(parent) != session:
                return False
            if os.getpgid(parent) != group:
                return True
            parent = psutil.Process(parent).ppid()
        except (OSError, psutil.Error):
            return False
    return False
