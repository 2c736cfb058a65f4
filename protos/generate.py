"""Generate the Python code of all protos into protos/gen/python; `--check` compares instead of writing.

buf cannot drive protoc's Python gRPC plugin, so grpcio-tools does it. `google/{api,rpc,type}` and
`google/protobuf` come with installed packages and are not generated.
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
OUT = PROTOS / "gen" / "python"
PLUGINS = Path(sys.executable).parent  # beside the interpreter, which may not be on PATH
GRPC_INCLUDES = Path(protoc.__file__).parent / "_proto"


def generate(out: Path) -> None:
    """Write messages, stubs, servicers and their types for every proto into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    ours = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("ordermesh/**/*.proto"))
    code = protoc.main(
        [
            "protoc",
            f"-I{PROTOS}",
            f"-I{PROTOS / 'third_party'}",
            f"-I{GRPC_INCLUDES}",
            f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            "buf/validate/validate.proto",
            *ours,
        ]
    )
    if code != 0:
        raise SystemExit(code)
    for stub in out.rglob("*_pb2_grpc.py*"):
        if "Stub" not in stub.read_text():  # a file without a service yields an empty module
            stub.unlink()
    for package in ("ordermesh", "buf"):
        (out / package / "py.typed").touch()


def differences(left: Path, right: Path) -> list[str]:
    """Name the files that are not the same in both folders."""
    names = {
        str(path.relative_to(root))
        for root in (left, right)
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    _, different, missing = filecmp.cmpfiles(left, right, sorted(names), shallow=False)
    return different + missing


def main() -> None:
    """Generate, or with --check fail when the committed code is not what the protos say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        shutil.rmtree(OUT, ignore_errors=True)
        generate(OUT)
        return
    with tempfile.TemporaryDirectory() as fresh:
        generate(Path(fresh))
        stale = differences(OUT, Path(fresh))
    if stale:
        sys.exit("generated code is out of date, run `make generate`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
