"""The look of Gradio's own parts: dark, system fonts only, nothing fetched from elsewhere."""

import gradio as gr

_TONES = {
    "body_background_fill": "#0d1013",
    "body_text_color": "#e6eaee",
    "body_text_color_subdued": "#98a3ad",
    "background_fill_primary": "#14181c",
    "background_fill_secondary": "#181d22",
    "block_background_fill": "#14181c",
    "block_border_color": "#262d34",
    "block_label_background_fill": "#14181c",
    "block_label_text_color": "#98a3ad",
    "block_title_text_color": "#c4ccd4",
    "block_info_text_color": "#98a3ad",
    "border_color_primary": "#2b333b",
    "border_color_accent": "#4aa3df",
    "color_accent_soft": "#16303f",
    "input_background_fill": "#0d1013",
    "input_background_fill_focus": "#0d1013",
    "input_border_color": "#2f3840",
    "input_border_color_focus": "#4aa3df",
    "input_placeholder_color": "#7d8892",
    "button_primary_background_fill": "#1f6f9f",
    "button_primary_background_fill_hover": "#2580b5",
    "button_primary_text_color": "#ffffff",
    "button_secondary_background_fill": "#232a31",
    "button_secondary_background_fill_hover": "#2d363f",
    "button_secondary_text_color": "#e6eaee",
    "link_text_color": "#7cc4f0",
    "error_background_fill": "#2a1616",
    "error_text_color": "#ffb4ab",
    "error_border_color": "#7a2e2a",
}


def theme() -> gr.themes.Base:
    """Dark in both of Gradio's modes: films are read in the dark."""
    base = gr.themes.Base(
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
        radius_size=gr.themes.sizes.radius_sm,
    )
    return base.set(**_TONES, **{f"{name}_dark": tone for name, tone in _TONES.items()})
