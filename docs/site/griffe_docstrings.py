"""Docstrings as mkdocstrings reads them."""

import re
from typing import Any

from griffe import Extension, Object


class ExampleSections(Extension):
    """Make a section of examples of `Example:`; otherwise `>>>` in it is quoted text."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^(\s*)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
