"""The wire formats that more than one provider speaks."""
