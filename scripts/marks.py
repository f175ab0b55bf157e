"""Take the brand marks that the providers' data name from Simple Icons into the package.

Run it as ``python -m scripts.marks FOLDER``, where FOLDER is the unpacked npm package ``simple-icons``. It writes one
file for each mark and removes those that no provider names any more; it exits with 1 where a mark is not in the set.
"""

import re
import sys
import tomllib
from pathlib import Path

import asgi_social

PACKAGE = Path(asgi_social.__file__).parent
MARKS = PACKAGE / "pages" / "marks"
_PATH = re.compile(r' d="([^"]+)"')


def main(folder: Path, *, marks: Path = MARKS) -> int:
    """Write the marks; 1 where one is missing, else 0.

    Args:
        folder: Of Simple Icons.
        marks: Where they are written.
    """
    wanted = sorted(named())
    missing = [name for name in wanted if not (folder / "icons" / f"{name}.svg").is_file()]
    for name in wanted:
        if name not in missing:
            drawn = _PATH.findall((folder / "icons" / f"{name}.svg").read_text(encoding="utf-8"))
            svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="{"".join(drawn)}"/></svg>\n'
            (marks / f"{name}.svg").write_text(svg, encoding="utf-8")
    for file in marks.glob("*.svg"):
        if file.stem not in wanted:
            file.unlink()
    print(f"{len(wanted) - len(missing)} marks; not in the set: {', '.join(missing) or 'none'}")
    return int(bool(missing))


def named() -> set[str]:
    """Give the marks that the providers' data name."""
    tables = (tomllib.loads(file.read_text(encoding="utf-8")) for file in (PACKAGE / "providers").glob("*.toml"))
    return {table["brand"]["mark"] for table in tables if "mark" in table.get("brand", {})}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
