"""Exports of survey tools: a column per question becomes a row of feedback per answer."""
