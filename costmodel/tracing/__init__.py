"""From a model and a method to a recorded training step (`step`, `recorder`), its graph and its lifted form."""
