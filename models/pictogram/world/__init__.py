"""Concepts, their names and wordings, drawings, compositions and prompt suites. Knows no network."""
