"""How much of one file is read: beyond these limits a file is refused with a typed error.

The limits stand far above real exports (a sheet of Excel has 16,384 columns, 1,048,576 rows and
32,767 characters a cell) and far below what exhausts a machine.
"""

from __future__ import annotations

MAX_COLUMNS = 5_000
"""Columns of one table."""
MAX_CELL_BYTES = 8 << 20
"""Bytes (UTF-8) of one cell."""
MAX_UNPACKED = 512 << 20
"""Bytes that one gzip file or workbook may unpack to."""
MAX_RATIO = 200
"""Unpacked bytes per packed byte, once more than ``RATIO_FROM`` bytes are unpacked."""
RATIO_FROM = 16 << 20
"""Below this many bytes a high ratio does no harm."""
MAX_GRID = 20_000_000
"""Cells of the rectangle that a sheet spans, empty ones counted."""
MAX_PARTS = 5_000
"""Files inside a workbook."""
MAX_MARKUP = 32 << 20
"""Bytes of an HTML page."""
MAX_MARKUP_CELLS = 2_000_000
"""Cells of one table of a page; a browser gives up earlier."""
CHILD_MEMORY = 3 << 30
"""Address space of the process that opens a workbook, where the system can limit it (POSIX)."""
CHILD_SECONDS = 8
"""Processor seconds of that process, and ``CHILD_SECONDS_PER_MIB`` more per MiB of the file."""
CHILD_SECONDS_PER_MIB = 3
