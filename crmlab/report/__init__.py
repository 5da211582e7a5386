"""From a study to executed notebooks, pages, tables and the gallery of runs."""
