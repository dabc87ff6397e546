"""What runs here. The image carries the tools' version, the git commit and its time in place of these."""

VERSION = "0"
COMMIT = "source"
BUILD_S = 820540800  # seconds since 2000: no true clock is before this (1 January 2026)
