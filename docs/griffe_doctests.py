"""Examples in docstrings (`>>>`) become blocks of code in the site; Markdown would quote them."""

import re

from griffe import Extension

EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class Doctests(Extension):
    """The extension that mkdocs.yml names."""

    def on_object(self, *, obj, **kwargs):
        """Fence the examples in the docstring of each object that is loaded."""
        if obj.docstring:
            obj.docstring.value = EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
