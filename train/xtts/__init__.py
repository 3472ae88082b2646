"""Fine-tuning of XTTS-v2's GPT: corpus, losses, adapters and checkpoints."""
