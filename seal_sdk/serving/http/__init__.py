"""The HTTP service, `seal serve`: OpenAI's images API over the engine, and identities, jobs, health and metrics beside it.

It needs the extra ``[serve]``. `app.make_app` makes the ASGI app of a `service.Service`, and `server.serve` runs it.
"""
