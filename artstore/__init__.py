"""Bytes, rows and vectors at rest.

Settings, names, files, archives, pictures, the SQLite catalog, feature rows
and vector indexes. Nothing here knows a network, a neural network or a web
page; everything else stands on this room.
"""
