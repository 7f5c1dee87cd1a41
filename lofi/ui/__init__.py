"""Requests of a browser or an API client come in, pages and JSON go out. The only part that imports gradio."""
