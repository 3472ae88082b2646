"""Other people's contracts, thin: each file turns one client's words into ours and back."""
