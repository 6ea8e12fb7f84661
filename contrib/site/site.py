"""The pages of the site: which file becomes which, what stands around each, and where its links lead."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from html import escape
from pathlib import Path

from contrib.site.markdown import Document

ROOT = Path(__file__).resolve().parents[2]
#: The documents in Markdown, by the page that each becomes.
DOCUMENTS = {"index.html": "README.md", "operator-guide.html": "contrib/operator-guide.md",
             "contributing.html": "CONTRIBUTING.md", "changelog.html": "CHANGELOG.md", "security.html": "SECURITY.md"}
#: What stands at the top of every page.
_NAVIGATION = {"index.html": "whisperd", "operator-guide.html": "Operator's guide", "contributing.html": "Contributing"}
_XR = re.compile(r'<a class="Xr" href="([^"]*)">(.*?)</a>', re.S)


def write(folder: Path) -> None:
    """Make the folder anew and write every page, the stylesheet, the pictures and the licence into it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in pages():
        (folder / name).write_text(text)
    shutil.copy(ROOT / "contrib/site/style.css", folder / "style.css")
    shutil.copy(ROOT / "LICENSE", folder / "LICENSE.txt")
    for picture in sorted((ROOT / "contrib/pictures").glob("*.svg")):
        shutil.copy(picture, folder / picture.name)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every page."""
    for name, source in DOCUMENTS.items():
        body = Document(_link, _page).html((ROOT / source).read_text())
        found = re.search(r"<h1[^>]*>(.*?)</h1>", body)
        yield name, _around(found[1] if found else name, body)
    for manual in manuals():
        yield f"{manual}.html", _around(_title(manual), _manual(manual))


def manuals() -> list[str]:
    """Return the man pages by the names of their files."""
    return sorted(path.name for path in (ROOT / "man").glob("*.[1-8]"))


def _title(manual: str) -> str:
    name, _, section = manual.rpartition(".")
    return f"{name}({section})"


def _page(words: str) -> str:
    """Return where a word of code leads that is a man page's name, as 'whisperd(8)'; "" for any other."""
    return next((f"{manual}.html" for manual in manuals() if words == _title(manual)), "")


def _link(target: str) -> str:
    """Return where a link of a document leads on the site. Raises ValueError for what the site does not have."""
    known = {source: name for name, source in DOCUMENTS.items()} | {"LICENSE": "LICENSE.txt"}
    if target in known:
        return known[target]
    if re.match(r"https?://|#", target):
        return target
    if target.startswith("contrib/pictures/"):
        return target.rpartition("/")[2]
    raise ValueError(f"the site has nothing for {target}")


def _manual(manual: str) -> str:
    """Return a man page as mandoc makes it; cross-references to pages that are not ours are no links."""
    made = subprocess.run(["mandoc", "-Thtml", "-Ofragment,man=%N.%S.html", str(ROOT / "man" / manual)], check=True,
                          capture_output=True, text=True).stdout
    ours = {f"{name}.html" for name in manuals()}
    return _XR.sub(lambda found: found[0] if found[1] in ours else found[2], made)


def _around(title: str, body: str) -> str:
    links = {**_NAVIGATION, **{f"{manual}.html": _title(manual) for manual in manuals()}}
    navigation = " ".join(f'<a href="{name}">{escape(text)}</a>' for name, text in links.items())
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
            f'<link rel="stylesheet" href="style.css">\n</head>\n<body>\n<nav>{navigation}</nav>\n<main>\n{body}\n'
            "</main>\n</body>\n</html>\n")
