"""Recordings become a dataset to train on: each stage is a function of options, a dataset folder and a reporter."""
