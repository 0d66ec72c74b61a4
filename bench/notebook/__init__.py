"""How results show themselves in a notebook: as tables, and as pictures of charts."""
