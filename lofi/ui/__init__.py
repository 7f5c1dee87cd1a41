"""The web app: one page and its named API endpoints. The only part of LoFi that imports gradio."""
