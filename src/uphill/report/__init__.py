"""One self-contained HTML page of a whole study."""
