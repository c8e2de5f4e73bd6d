"""Writes kernels/<name>/vectors.json. Each oracle here computes what a kernel must give by other means than the kernel."""
import hashlib
import json
import pathlib

KERNELS = pathlib.Path(__file__).resolve().parents[3] / 'kernels'


def case(name, arguments, input, source, output, spell_out=True):
    made = {'name': name, 'arguments': arguments, 'input': input, 'source': source}
    if spell_out:
        made['expected'] = {'hex': output.hex()}
    made['sha256'] = hashlib.sha256(output).hexdigest()
    return made


def write(kernel, cases):
    text = json.dumps({'cases': cases}, indent=2, ensure_ascii=False)
    (KERNELS / kernel / 'vectors.json').write_text(text + '\n', encoding='utf-8')
