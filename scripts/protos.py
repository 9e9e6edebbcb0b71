"""Write Python from the files below proto/; with --check only compare with what is committed."""

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
# Where the Python of each file lives, by the file's address below proto/.
PLACES = {"byteshop/auth/v1/auth.proto": ROOT / "app" / "auth" / "rpc" / "generated"}


def main() -> int:
    if forgotten := sorted(
        {str(file.relative_to(PROTO)) for file in PROTO.rglob("*.proto")} ^ set(PLACES)
    ):
        print(f"scripts/protos.py and proto/ differ: {', '.join(forgotten)}")
        return 1
    differs = False
    for source, place in PLACES.items():
        for name, text in generated(source, place).items():
            target = place / name
            if "--check" not in sys.argv:
                target.write_text(text)
            elif not target.exists() or target.read_text() != text:
                print(
                    f"{target.relative_to(ROOT)} is not that of proto/{source}: run `make protos`"
                )
                differs = True
    return int(differs)


def generated(source: str, place: Path) -> dict[str, str]:
    """The Python of one file, by file name. Its modules import each other from where they live."""
    package = ".".join(place.relative_to(ROOT).parts)
    folder = Path(source).parent
    with tempfile.TemporaryDirectory() as directory:
        code = protoc.main(
            [
                "protoc",
                f"--proto_path={PROTO}",
                f"--proto_path={files('grpc_tools') / '_proto'}",
                *(f"--{kind}_out={directory}" for kind in ("python", "pyi", "grpc_python")),
                source,
            ]
        )
        if code:
            sys.exit(code)
        return {
            file.name: file.read_text().replace(
                f"from {'.'.join(folder.parts)} import ", f"from {package} import "
            )
            for file in (Path(directory) / folder).iterdir()
        }


if __name__ == "__main__":
    sys.exit(main())
