"""Words of somebody else's in Markdown: shown as they are, never links, code, tables or HTML of their own."""

from __future__ import annotations

import re

_MEANS = re.compile(r"[\\`\[\]<>|]|&(?=[#\w])")


def literal(text: str) -> str:
    """Write text so that Markdown and the HTML made of it show it on one line, letter by letter."""
    return _MEANS.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def code(text: str) -> str:
    """Write text as code in a line or a table; of the one character that would end it, another stands there."""
    shown = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`"
