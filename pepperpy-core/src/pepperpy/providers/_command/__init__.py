"""The command `pepperpy`: what is installed, and what is wrong with it. No plugin is imported in its process."""
