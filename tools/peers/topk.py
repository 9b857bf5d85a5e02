"""faiss's exact search: the 100 largest inner products among a million vectors of 128, for 1 query or 256."""

import faiss
import numpy

N, D, K = 1_000_000, 128, 100


def open(variant, threads):
    faiss.omp_set_num_threads(threads)
    draw = numpy.random.default_rng(20)
    index = faiss.IndexFlatIP(D)
    index.add(draw.standard_normal((N, D), dtype=numpy.float32))
    queries = draw.standard_normal((int(variant), D), dtype=numpy.float32)
    return "IndexFlatIP", lambda: index.search(queries, K)
