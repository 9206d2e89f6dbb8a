"""Where people and apps come in: one engine (a queue over a session), an HTTP service, a studio in the browser, ComfyUI nodes."""
