"""Markdown -> HTML, as far as this tree's own documents use it: headings, paragraphs, lists, tables, code and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

_ITEM = re.compile(r"[-*] ")
_INLINE = re.compile(r"(?P<code>`[^`]+`)|!\[(?P<alt>[^\]]*)\]\((?P<image>[^)\s]+)\)"
                     r"|\[(?P<text>[^\]]+)\]\((?P<link>[^)\s]+)\)"
                     r"|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*\s][^*]*)\*")

#: What becomes of a link's target, and of a word of code that is a page's name: its target, "" for none.
Target = Callable[[str], str]


class Document:
    """Turns one document into HTML; links go where ``link`` says, and names of pages where ``page`` says."""

    def __init__(self, link: Target, page: Target) -> None:
        self._link = link
        self._page = page

    def html(self, text: str) -> str:
        """Return the body."""
        return "\n".join(self._blocks(re.sub(r"<!--.*?-->\n?", "", text, flags=re.S).splitlines()))

    def _blocks(self, lines: list[str]) -> Iterator[str]:
        place = 0
        while place < len(lines):
            line = lines[place]
            end = place + 1
            if line.startswith("```"):
                while not lines[end].startswith("```"):
                    end += 1
                yield f"<pre>{escape(chr(10).join(lines[place + 1:end]))}</pre>"
                end += 1
            elif line.startswith("    "):
                while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                    end += 1
                yield f"<pre>{escape(chr(10).join(row[4:] for row in lines[place:end]).rstrip())}</pre>"
            elif line.startswith("#"):
                level = len(line) - len(line.lstrip("#"))
                title = line[level:].strip()
                yield f'<h{level} id="{anchor(title)}">{self._inline(title)}</h{level}>'
            elif line.startswith("|"):
                while end < len(lines) and lines[end].startswith("|"):
                    end += 1
                yield self._table(lines[place:end])
            elif line.strip():
                while end < len(lines) and lines[end].strip() and not lines[end].startswith(("#", "|", "```")):
                    end += 1
                whole = lines[place:end]
                yield self._list(whole) if _ITEM.match(line) else f"<p>{self._inline(_joined(whole))}</p>"
            place = end

    def _list(self, lines: list[str]) -> str:
        items: list[list[str]] = []
        for line in lines:
            if _ITEM.match(line):
                items.append([line[2:]])
            else:
                items[-1].append(line.strip())
        return "<ul>" + "".join(f"<li>{self._inline(_joined(item))}</li>" for item in items) + "</ul>"

    def _table(self, lines: list[str]) -> str:
        head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
        cells = "".join(f"<th>{self._inline(cell)}</th>" for cell in head)
        body = "".join("<tr>" + "".join(f"<td>{self._inline(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'

    def _inline(self, text: str) -> str:
        done, place = [], 0
        for found in _INLINE.finditer(text):
            done += [escape(text[place:found.start()], quote=False), self._marked(found)]
            place = found.end()
        return "".join([*done, escape(text[place:], quote=False)])

    def _marked(self, found: re.Match[str]) -> str:
        if found["code"]:
            words = found["code"][1:-1]
            code, target = f"<code>{escape(words, quote=False)}</code>", self._page(words)
            return f'<a href="{target}">{code}</a>' if target else code
        if found["image"]:
            return f'<img src="{escape(self._link(found["image"]))}" alt="{escape(found["alt"])}">'
        if found["link"]:
            return f'<a href="{escape(self._link(found["link"]))}">{self._inline(found["text"])}</a>'
        if found["strong"]:
            return f"<strong>{self._inline(found['strong'])}</strong>"
        return f"<em>{self._inline(found['em'])}</em>"


def anchor(title: str) -> str:
    """Return the id of a heading."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _joined(lines: list[str]) -> str:
    return " ".join(line.strip() for line in lines)
