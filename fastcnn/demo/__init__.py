"""What `python -m fastcnn.fashion` does besides the training.

options.py     types of options, which the commands share
"""
