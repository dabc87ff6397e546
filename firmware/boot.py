# Nothing to set up before main.py: a wake is one straight line, and it begins there.
