"""Tables and networks files for fits, evaluations and predictions."""
