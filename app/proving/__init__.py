"""Grades for clients and servers that frame with four bytes."""
