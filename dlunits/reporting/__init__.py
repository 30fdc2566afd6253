"""Self-contained HTML reports and their figures. Loads matplotlib."""

__all__ = [
    "feature_maps",
    "figure_text",
    "figures",
    "html_report",
    "image_grid",
    "layer_section",
    "progress",
    "script_hash",
    "step_slider",
    "style",
    "text_table",
]
