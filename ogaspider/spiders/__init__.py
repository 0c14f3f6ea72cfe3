"""The spiders: one, for OpenGameArt."""
