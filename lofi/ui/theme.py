"""The look of Gradio's own parts: system fonts, nothing fetched, and the colours that assets/viewer/room.css names.

Gradio's light and dark mode get the same variables, so that one switch on the page turns everything.
"""

import gradio as gr

_TONES = {
    "body_background_fill": "var(--page)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "background_fill_primary": "var(--panel)",
    "background_fill_secondary": "var(--panel)",
    "block_background_fill": "transparent",
    "block_border_color": "var(--edge)",
    "border_color_primary": "var(--edge)",
    "border_color_accent": "var(--query)",
    "input_background_fill": "var(--field)",
    "input_border_color": "var(--edge)",
    "link_text_color": "var(--link)",
    "error_background_fill": "var(--fault-well)",
    "error_text_color": "var(--fault)",
    "error_border_color": "var(--fault)",
}


def theme() -> gr.themes.Base:
    """Dark or light as the page says."""
    base = gr.themes.Base(
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
        radius_size=gr.themes.sizes.radius_sm,
    )
    return base.set(**_TONES, **{f"{name}_dark": tone for name, tone in _TONES.items()})
