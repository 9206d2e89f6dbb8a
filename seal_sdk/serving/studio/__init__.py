"""The studio: a page in the browser for people who draw. `app` builds it, each tab is a file, and every job goes through the engine."""
