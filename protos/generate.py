"""Generate what is made of the protos, into protos/gen; `--check` compares instead of writing.

`python/` is the code of all protos. buf cannot drive protoc's Python gRPC plugin, so grpcio-tools does it.
`google/{api,rpc,type}` and `google/protobuf` come with installed packages and are not generated. `edge.binpb`
describes to the public edge what it serves as JSON, and `openapi.json` describes it to everybody else.
"""

import argparse
import filecmp
import json
import shutil
import sys
import tempfile
from pathlib import Path

from google.api import annotations_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
OUT = PROTOS / "gen"
CODE, DESCRIBED, DOCUMENT = "python", "edge.binpb", "openapi.json"
ERRORS = "google/rpc/error_details.proto"
"""Without it the edge could not say the details of an error in JSON, and would leave its body empty."""
PLUGINS = Path(sys.executable).parent  # beside the interpreter, which may not be on PATH
GRPC_INCLUDES = Path(protoc.__file__).parent / "_proto"


def generate(out: Path) -> None:
    """Write all of it into `out`."""
    generate_code(out / CODE)
    # the extensions by which options are read are in the code that was just made
    from protos.openapi import document

    public = described()
    (out / DOCUMENT).write_text(json.dumps(document(public), indent=1, ensure_ascii=False) + "\n")
    for file in public.file:
        file.ClearField("source_code_info")
    (out / DESCRIBED).write_bytes(public.SerializeToString(deterministic=True))


def described() -> FileDescriptorSet:
    """The protos of services that have a way in by HTTP, and all that they need, with their comments."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "all.binpb"
        run_protoc(
            "--include_imports", "--include_source_info", f"--descriptor_set_out={whole}", ERRORS, *ours()
        )
        every = FileDescriptorSet.FromString(whole.read_bytes())
    by_name = {file.name: file for file in every.file}
    needed = {ERRORS} | {
        file.name
        for file in every.file
        for service in file.service
        if any(method.options.HasExtension(annotations_pb2.http) for method in service.method)
    }
    # a file stands behind those that it needs
    for file in reversed(every.file):
        if file.name in needed:
            needed.update(by_name[file.name].dependency)
    return FileDescriptorSet(file=[file for file in every.file if file.name in needed])


def ours() -> list[str]:
    """The names of our own protos."""
    return sorted(str(path.relative_to(PROTOS)) for path in PROTOS.glob("ordermesh/**/*.proto"))


def run_protoc(*arguments: str) -> None:
    """Run protoc where it finds every proto; ends the program when it fails."""
    includes = (PROTOS, PROTOS / "third_party", GRPC_INCLUDES)
    if code := protoc.main(["protoc", *(f"-I{path}" for path in includes), *arguments]):
        raise SystemExit(code)


def generate_code(out: Path) -> None:
    """Write messages, stubs, servicers and their types for every proto into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    run_protoc(
        f"--plugin=protoc-gen-mypy={PLUGINS / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={PLUGINS / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--grpc_python_out={out}",
        f"--mypy_grpc_out=quiet:{out}",
        "buf/validate/validate.proto",
        *ours(),
    )
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
        shutil.rmtree(OUT / CODE, ignore_errors=True)
        generate(OUT)
        return
    with tempfile.TemporaryDirectory() as fresh:
        generate(Path(fresh))
        stale = differences(OUT, Path(fresh))
    if stale:
        sys.exit("generated code is out of date, run `make generate`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
