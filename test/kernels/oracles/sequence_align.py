"""python3 test/kernels/oracles/sequence_align.py: scores by Biopython's PairwiseAligner and NCBI's BLOSUM62, which it carries.

Needs `pip install biopython` (1.88 made the vectors).
"""
import base64
import random
import struct
from Bio.Align import PairwiseAligner, substitution_matrices
from common import case, write

# UniProt P69905, P68871, P02144, P00698.
HBA = 'MVLSPADKTNVKAAWGKVGAHAGEYGAEALERMFLSFPTTKTYFPHFDLSHGSAQVKGHGKKVADALTNAVAHVDDMPNALSALSDLHAHKLRVDPVNFKLLSHCLLVTLAAHLPAEFTPAVHASLDKFLASVSTVLTSKYR'
HBB = 'MVHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGAFSDGLAHLDNLKGTFATLSELHCDKLHVDPENFRLLGNVLVCVLAHHFGKEFTPPVQAAYQKVVAGVANALAHKYH'
MYG = 'MGLSDGEWQLVLNVWGKVEADIPGHGQEVLIRLFKGHPETLEKFDKFKHLKSEDEMKASEDLKKHGATVLTALGGILKKKGHHEAEIKPLAQSHATKHKIPVKYLEFISECIIQVLQSKHPGDFGADAQGAMNKALELFRKDMASNYKELGFQG'
LYSC = 'MRSLLILVLCFLPLAALGKVFGRCELAAAMKRHGLDNYRGYSLGNWVCAAKFESNFNTQATNRNTDGSTDYGILQINSRWWCNDGRTPGSRNLCNIPCSALLSSDITASVNCAKKVVASDGNGMNAWVAWRNRCKGTDVQAWIRGCRL'
PROTEINS = [('sp|P69905|HBA_HUMAN', HBA), ('sp|P68871|HBB_HUMAN', HBB), ('sp|P02144|MYG_HUMAN', MYG), ('sp|P00698|LYSC_CHICK', LYSC)]


def output(query, targets, gap_open, gap_extend, top):
    aligner = PairwiseAligner(mode='local')
    aligner.substitution_matrix = substitution_matrices.load('BLOSUM62')
    aligner.open_gap_score = -(gap_open + gap_extend)
    aligner.extend_gap_score = -gap_extend
    plain = lambda text: text.upper().replace('U', 'X').replace('J', 'X').replace('O', 'X').replace('-', '')
    rows = [(-int(aligner.score(plain(query), plain(target))), name.encode()[:64], len(plain(target))) for name, target in targets]
    rows = sorted(row for row in rows if row[0] < 0)[:top]
    return b''.join(struct.pack('<III', -score, length, len(name)) + name for score, name, length in rows)


def wrapped(name, residues, width=60):
    lines = [residues[i:i + width] for i in range(0, len(residues), width)]
    return f'>{name} a description\n' + '\n'.join(lines) + '\n'


def made(name, query, targets, gap_open=11, gap_extend=1, top=20, width=60):
    head = wrapped('query', query, width).encode()
    data = struct.pack('<I', len(head)) + head + ''.join(wrapped(*target, width) for target in targets).encode()
    source = 'Biopython 1.88, PairwiseAligner with its BLOSUM62 (NCBI), test/kernels/oracles/sequence_align.py'
    return case(name, {'gapOpen': gap_open, 'gapExtend': gap_extend, 'top': top}, {'base64': base64.b64encode(data).decode()},
                source, output(query, targets, gap_open, gap_extend, top))


rng = random.Random(62)
residues = lambda n, letters='ACDEFGHIKLMNPQRSTVWY': ''.join(rng.choice(letters) for _ in range(n))


base = residues(300)


def mutated():
    target = list(base)
    for _ in range(60):
        at = rng.randrange(len(target))
        target[at:at + rng.choice([0, 1, 1, 4])] = residues(rng.choice([0, 1, 1, 6]))
    return residues(rng.randrange(80)) + ''.join(target) + residues(rng.randrange(80))


write('sequence-align', [
    made('haemoglobin alpha against four proteins of UniProt', HBA, PROTEINS),
    made('myoglobin, the two best', MYG, PROTEINS, top=2),
    made('lysozyme, cheap gaps', LYSC, PROTEINS, gap_open=0, gap_extend=2),
    made('gaps too dear to open', HBB, PROTEINS, gap_open=1000, gap_extend=1000),
    made('a mutated protein among random ones', base, [(f't{i}', mutated() if i % 3 == 0 else residues(200)) for i in range(30)]),
    made('gaps that cost little, over all lanes', base, [(f't{i}', mutated()) for i in range(8)], gap_open=1),
    made('queries of one residue', 'W', [('w', 'AWA'), ('none', 'AAAA'), ('x', 'X')]),
    made('seven residues, fewer than lanes', 'HEAGAWG', [('paw', 'PAWHEAE'), ('same', 'HEAGAWG')]),
    made('nine residues, in two rows of lanes', 'HEAGAWGHE', [('paw', 'PAWHEAEHE'), ('same', 'HEAGAWGHE')]),
    made('all letters, lower case, gaps to pass over', 'ARNDCQEGHILKMFPSTWYVBZX*JOU', [('low', 'arndcq-eghilkmf--pstwyvbzx*jou')]),
    made('equal scores, ordered by name', 'WWWW', [('b', 'WWWW'), ('a', 'WWWW'), ('ab', 'WWWWA'), ('c', 'WWW')], top=3),
    made('a score beyond 16 bits', 'W' * 3100, [('long', 'W' * 3050 + 'A'), ('short', 'WWA')], width=100),
])
