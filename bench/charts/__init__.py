"""Charts of measurements and predictions, with Plotly, and the look that all charts share."""
