"""Lets torchvision's Python code load where its compiled operators do not fit the installed CPU build of torch.

The reference packages only use transforms written in Python; the operators' names are declared, never called.
"""
import importlib.util
import re
from pathlib import Path

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    import sys

    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    folder = Path(importlib.util.find_spec("torchvision").origin).parent
    text = (folder / "_meta_registrations.py").read_text()
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in sorted(set(re.findall(r'register_meta\("(\w+)"|torchvision::(\w+)', text)), key=str):
        try:
            library.define(f"{name[0] or name[1]}() -> ()")
        except RuntimeError:
            pass
    import torchvision  # noqa: F401
