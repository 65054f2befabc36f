"""Export and import of links (decision 0016).

Bytes become UTF-8 (`encodings.py`), text is cut into pieces (`lines.py`, `tables.py`,
`documents.py`), a piece becomes a record (`readers/`), a record an accepted link or a refusal
(`acceptance.py`); `importing.py` stores what a part of a file brings, `exporting.py` goes the other
way.
"""
