"""Labels, and the texts and clusters that they are made of: one model's answers as another's supervision."""
