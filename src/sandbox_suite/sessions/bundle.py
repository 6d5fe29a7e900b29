"""What is sent into a container: the agent's modules as one compressed text, and the few lines that receive it."""

import functools
import marshal
import zlib
from pathlib import Path

PACKAGE = "sandbox_suite.sessions"
MODULES = (
    "frames",
    "agent_family",
    "agent_operations",
    "agent_modules",
    "agent",
)  # in the order they import each other

LATER = {"terminal": "agent_terminal"}  # operation -> the module that comes with the request for it

# Reads exactly the bundle (what follows on the pipe are frames), makes its modules, starts the agent.
BOOT = """import os,sys,zlib,marshal
left={size};parts=[]
while left:
 part=os.read(0,left) or os._exit(3);left-=len(part);parts.append(part)
for name,text in marshal.loads(zlib.decompress(b''.join(parts))):
 module=sys.modules[name]=type(sys)(name);parent,_,leaf=name.rpartition('.')
 if parent: setattr(sys.modules[parent],leaf,module)
 exec(compile(text,name,'exec'),module.__dict__)
module.main()"""


@functools.cache
def bundle() -> tuple[tuple[str, ...], bytes]:
    """Return (argv to start in the container, bytes to send it first)."""
    packages = [(PACKAGE.partition(".")[0], ""), (PACKAGE, "")]
    texts = [(f"{PACKAGE}.{name}", _text(name)) for name in MODULES]
    data = zlib.compress(marshal.dumps(packages + texts, 2), 9)  # version 2: every Python 3 reads it
    # Isolated from PYTHON* and the working directory; UTF-8 whatever the container's locale.
    return ("python3", "-I", "-X", "utf8", "-c", BOOT.format(size=len(data))), data


@functools.cache
def later(operation: str) -> dict[str, str]:
    """Return what a request for an operation has besides its fields: its text, where the bundle does not have that."""
    return {"text": _text(LATER[operation])} if operation in LATER else {}


def _text(module: str) -> str:
    return Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
