"""A model and recorded films come in, figures with intervals, plots and contact sheets go out."""
