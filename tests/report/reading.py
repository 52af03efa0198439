"""Reads the page: its elements, checked for balance, the values it carries, its tables."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Element:
    """An element: `name`, `attributes`, `children` (elements and strings), `parent`."""

    def __init__(self, name, attributes, parent):
        self.name, self.attributes, self.parent = name, dict(attributes), parent
        self.children = []

    def __iter__(self):
        """This element and all those in it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    def find(self, name, **attributes):
        """The elements of a name (None: of any) with these attributes."""
        return [
            one
            for one in self
            if name in (None, one.name)
            and all(
                one.attributes.get(key.strip("_")) == value for key, value in attributes.items()
            )
        ]

    @property
    def text(self):
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def values(self):
        """The numbers in `<data>` elements, with all their digits."""
        return [float(one.attributes["value"]) for one in self.find("data")]


class Page(HTMLParser):
    """A page; AssertionError unless every element is closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.html = html
        self.root = self._open = Element("page", (), None)
        self.feed(html)
        self.close()
        assert self._open is self.root, f"<{self._open.name}> is not closed"

    def handle_starttag(self, tag, attributes):
        element = Element(tag, attributes, self._open)
        self._open.children.append(element)
        if tag not in VOID:
            self._open = element

    def handle_startendtag(self, tag, attributes):
        self._open.children.append(Element(tag, attributes, self._open))

    def handle_endtag(self, tag):
        assert self._open.name == tag, f"</{tag}> closes <{self._open.name}>"
        self._open = self._open.parent

    def handle_data(self, data):
        self._open.children.append(data)

    def find(self, name, **attributes):
        return self.root.find(name, **attributes)

    def section(self, key):
        """The section whose heading has this id."""
        (found,) = self.find("section", **{"aria-labelledby": key})
        return found

    def table(self, key, caption):
        """The rows of a section's table, as {header of the row: its numbers}."""
        for table in self.section(key).find("table"):
            if table.find("caption")[0].text.startswith(caption):
                rows = table.find("tbody")[0].find("tr")
                return {
                    row.find("th")[0].text: [n for cell in row.find("td") for n in cell.values]
                    for row in rows
                }
        raise LookupError(caption)
