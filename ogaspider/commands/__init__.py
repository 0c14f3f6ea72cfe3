"""Scrapy's commands, where ours do more."""
