"""A payload of the shape that ansible-core writes: what makes the holder teach an agent and run a module warm."""

import base64
import io
import zipfile

COMMAND = ["/bin/sh", "-c", "/usr/bin/python3 && sleep 0"]
FILES = {
    "ansible/__init__.py": "",
    "ansible/modules/__init__.py": "",
    "ansible/modules/own.py": "print('here')\n" * 900,
}


def payload() -> bytes:
    """Return it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in FILES.items():
            archive.writestr(name, text)
    told = {
        "zip_data": base64.b64encode(packed.getvalue()).decode(),
        "ansible_module": "own",
        "module_fqn": "ansible.modules.own",
        "params": "{}",
        "profile": "modern",
        "date_time": None,
        "extensions": {},
        "rlimit_nofile": 0,
    }
    lines = "".join(f"        {name}={value!r},\n" for name, value in told.items())
    return f'#!/usr/bin/python3\nif __name__ == "__main__":\n    _ansiballz_main(\n{lines})\n'.encode()
