"""What MkDocs asks while it builds the site (mkdocs.yml): pages of the root folder and of the API.

README.md, CONTRIBUTING.md, SECURITY.md and CHANGELOG.md are pages too, and links to them are
changed accordingly. There is a page for each public module, made from its docstrings. Pages that no
section names come last, so that a new page needs no entry here.
"""

import importlib
import inspect
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
SECTIONS = {  # pages that do not exist are left out
    "Start": ("index", "start", "from_keras", "from_pytorch", "troubleshooting"),
    "Use": (
        *("graphs", "own", "files", "unchanged_scripts", "keras", "ops", "kernels"),
        *("reproducibility", "threads", "many_nets", "distributed", "deployment"),
    ),
    "Why": ("fast", "speed", "records", "trust", "security", "internals"),
    "Change": ("contributing", "adding_a_layer", "adding_a_kernel", "wheels", "changelog"),
}
MODULES = (
    *("", "activations", "backend", "callbacks", "config", "constraints", "data", "datasets"),
    *("distribution", "initializers", "kernels", "layers", "losses", "metrics", "models", "ops"),
    *("optimizers", "optimizers.schedules", "plot", "preprocessing.image"),
    *("preprocessing.sequence", "random", "regularizers", "saving", "testing", "utils", "wrappers"),
)
METHODS = {  # documented with these methods; other classes with their docstring alone
    "Model": (
        *("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch"),
        *("predict_on_batch", "summary", "plan", "save", "save_weights", "load_weights", "export"),
        *("get_layer", "get_weights", "set_weights", "get_config", "to_json"),
    ),
    "Sequential": ("add", "pop"),
    "Layer": (
        *("add_weight", "build", "forward", "backward", "compute_output_shape", "get_config"),
        *("get_weights", "set_weights", "count_params"),
    ),
    "Callback": None,  # all
    "Dataset": None,
}


def on_files(files, config):
    """Add the pages that are not in docs/, and write the navigation."""
    for source, name in ROOT_PAGES.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, name, content=text))
    api, documented = [], set()
    for module in MODULES:
        name = f"fastcnn.{module}".rstrip(".")
        api.append(f"api/{name}.md")
        files.append(File.generated(config, api[-1], content=api_page(name, documented)))
    pages = {file.src_uri for file in files.documentation_pages()}
    navigation, seen = [], set(api)
    for title, names in SECTIONS.items():
        chosen = [f"{name}.md" for name in names if f"{name}.md" in pages]
        navigation.append({title: chosen})
        seen.update(chosen)
    if rest := sorted(pages - seen):
        navigation.append({"More": rest})
    config.nav = [*navigation, {"API": api}]
    return files


def on_page_markdown(markdown, page, config, files):
    """Change links between docs/ and the root folder to those of the site."""
    for source, name in ROOT_PAGES.items():
        markdown = re.sub(rf"\]\((?:\.\./)?{re.escape(source)}\b", f"]({name}", markdown)
    if page.file.src_uri in ROOT_PAGES.values():
        markdown = re.sub(r"\]\(docs/", "](", markdown)
    return markdown


def api_page(name, documented):
    """The Markdown of a module's page: its docstring, and an entry for each public name.

    Adds what it describes to `documented`, and leaves out what is already there.
    """
    module = importlib.import_module(name)
    entries = {}  # {path of the definition: names}
    for public in public_names(module):
        value = getattr(module, public)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        entries.setdefault(f"{value.__module__}.{value.__qualname__}", []).append(public)
    lines = [f"# {name}", inspect.getdoc(module).partition("\n\n")[0]]
    for path, names in sorted(entries.items(), key=lambda entry: min(entry[1]).lower()):
        if not path.startswith("fastcnn.") or path in documented:
            continue
        documented.add(path)
        shown = path.rpartition(".")[2]
        title = shown if shown in names else min(names)
        options = f"heading: {title}, inherited_members: {str(title == 'Model').lower()}"
        if inspect.isclass(getattr(module, title)) and METHODS.get(title, ()) is not None:
            options += f", members: [{', '.join(METHODS.get(title, ()))}]"
        lines.append(f"::: {path}\n    options: {{{options}}}")
        if others := sorted(set(names) - {title}):
            lines.append(f"Also called {', '.join(f'`{other}`' for other in others)}.")
    return "\n\n".join(lines) + "\n"


def public_names(module):
    """What a module exports; of one without a list, what it defines."""
    if module.__name__ == "fastcnn":
        return ("Model", "Sequential", "Input", "gradients", "install_as_keras", "show_config")
    names = [name for name in dir(module) if not name.startswith("_")]
    if hasattr(module, "__all__"):
        return sorted({*module.__all__, *names})
    return [
        name
        for name in names
        if getattr(getattr(module, name), "__module__", None) == module.__name__
    ]
