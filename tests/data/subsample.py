#!/usr/bin/env python3
"""Makes tests/data/corpora from the full corpora: a few small cases of everything that the conformance run reads.

    python3 tests/data/subsample.py ../shared/corpora tests/data/corpora

Of each op: per dtype, the first small case with gradients and the first of each tag. Of each of Keras's classes with the
same arguments: the first two cases. Bad inputs: all calls, and the safetensors files.
"""

import json
import pathlib
import shutil
import struct
import sys

CASE_BYTES = 6000  # tensors of one case, at most
CASES = 8  # of one op, at most


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return {name: (e["dtype"], e["shape"], data[8 + length :][slice(*e["data_offsets"])]) for name, e in header.items()}


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def opinfo(source, target):
    by_file, lines = {}, []
    ops = {}
    for line in (source / "manifest.jsonl").read_text().splitlines():
        case = json.loads(line)
        ops.setdefault(case["op"], []).append((line, case))
    for cases in ops.values():
        seen, count = set(), 0
        for line, case in cases:
            kinds = {(case["dtype"], bool(case["grads"]))} | {("tag", tag) for tag in case["tags"]}
            tensors = read_safetensors(source / case["file"]) if not kinds <= seen and count < CASES else {}
            own = {n: t for n, t in tensors.items() if n.startswith(case["id"] + ".")}
            if not own or sum(len(t[2]) for t in own.values()) > CASE_BYTES:
                continue
            seen |= kinds
            count += 1
            lines.append(line)
            by_file.setdefault(case["file"], {}).update(own)
    target.mkdir(parents=True)
    (target / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    for file, tensors in by_file.items():
        write_safetensors(target / file, tensors)


def keras(source, target):
    target.mkdir(parents=True)
    for name in ["losses", "metrics", "initializers"]:
        counts, chosen = {}, []
        for case in json.loads((source / f"{name}.json").read_text()):
            key = json.dumps([case["class"], case["args"], case.get("reduction")])
            counts[key] = counts.get(key, 0) + 1
            if counts[key] <= 2:
                chosen.append(case)
        (target / f"{name}.json").write_text(json.dumps(chosen, separators=(",", ":")) + "\n")
    shutil.copy(source / "optimizers.json", target / "optimizers.json")


def bad_inputs(source, target):
    (target / "files").mkdir(parents=True)
    lines = [line for line in (source / "cases.jsonl").read_text().splitlines()]
    lines = [line for line in lines if not json.loads(line).get("file", "").endswith(".onnx")]
    (target / "cases.jsonl").write_text("\n".join(lines) + "\n")
    for file in sorted((source / "files").glob("*.safetensors")):
        shutil.copy(file, target / "files" / file.name)


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
    for folder, make in [("opinfo", opinfo), ("keras", keras), ("bad-inputs", bad_inputs)]:
        shutil.rmtree(target / folder, ignore_errors=True)
        make(source / folder, target / folder)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


main()
