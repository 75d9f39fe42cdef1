"""What the exporters of models/pictogram, models/export and models/judges have in common."""
