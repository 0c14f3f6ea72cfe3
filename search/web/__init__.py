"""Asking in a browser, or over HTTP: the web page and its API, over the engine."""
