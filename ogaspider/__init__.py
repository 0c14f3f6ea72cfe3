"""OpenGameArt's pages and the network: the Scrapy project.

Scrapy lives only here. What is found goes into the catalog; what search does
with it is no business of this room.
"""
