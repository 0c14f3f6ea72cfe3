"""The steps that a work goes through, one module each; the order is a number in the settings.

100 files    download what the work lists
200 unpack   find the pictures in it
300 record   write the catalog
400 embed    turn pictures into vectors, if asked to
"""
