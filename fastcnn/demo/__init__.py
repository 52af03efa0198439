"""What `python -m fastcnn.fashion` does besides the training.

options.py     types of options, which all commands share
commands.py    the commands `predict` and `serve`
pictures.py    picture files to images like those of Fashion-MNIST
classifier.py  a model's probabilities for an image, and what each layer makes of it
training.py    a model that is trained for a few seconds
server.py      the server of the page on which one draws: whom it answers
answers.py     what it answers
page/          the page
"""
