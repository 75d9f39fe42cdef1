"""The judges: their pictures, networks, training and calibration."""
