"""What the site needs beyond this folder: the pages at the top of the repository, and links that leave the folder.

Links are written so that they hold on a code host: relative to the file they stand in. Here they are turned into the
site's own; a link to a file that the site does not have keeps its text only.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

TOP = {"README.md": "overview.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages at the top of the repository, with their place in the site."""

_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?!\w+:|#)(?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the top of the repository."""
    root = Path(config.config_file_path).parent
    for source, place in TOP.items():
        files.append(File.generated(config, place, abs_src_path=str(root / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that hold in the repository into links that hold in the site."""
    root = Path(config.config_file_path).parent
    docs = Path(config.docs_dir).relative_to(root).as_posix()
    here = page.file.src_uri
    written = next((source for source, place in TOP.items() if place == here), f"{docs}/{here}")

    def turn(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(written), link["target"]))
        place = TOP.get(target, target.removeprefix(f"{docs}/"))
        if files.get_file_from_path(place) is None:
            # What does not exist at all stays as it is, for the strict build to find.
            return link["text"] if (root / target).exists() else link[0]
        return f"[{link['text']}]({posixpath.relpath(place, posixpath.dirname(here))}{link['anchor'] or ''})"

    return _LINK.sub(turn, markdown)
