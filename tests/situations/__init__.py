"""Labelled situations of a connection: `why_code` against what `ss -tinmo` says of its socket."""
