"""What runs here. The image carries the tools' version and the git commit in place of these."""

VERSION = "0"
COMMIT = "source"
