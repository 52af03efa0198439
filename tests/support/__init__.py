"""Helpers that more than one test file uses, and the tables that drive tests."""
