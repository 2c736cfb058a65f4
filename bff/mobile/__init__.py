"""The mobile BFF: one call a screen, in few bytes, over networks that come and go."""
