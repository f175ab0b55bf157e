"""Conversations: what is said to a provider, as generators that send nothing themselves."""
