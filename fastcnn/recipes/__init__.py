"""How accurate in how many seconds: recipes for Fashion-MNIST, and the command that runs them.

`recipes` has the nets and how they are trained, in the package's public interface; `command` is
`python -m fastcnn.fashion --recipe`. docs/records.md has the results.
"""
